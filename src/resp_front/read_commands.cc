// The commands that read keys or ask Redis for their number.
#include "resp_front/command_functions.h"
#include "resp_front/request_builder.h"

namespace rp::resp_front {

using Fact = RequestBuilder::Fact;
using Keeps = core::Group::Keeps;

void GetCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->Read(WriteGet, command[1]);
}

void MgetCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->ReadGroup(Keeps::kValues, command);
}

void ExistsCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->ReadGroup(Keeps::kCount, command);
}

void StrlenCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->Read(WriteStrlen, command[1]);
}

// SUBSTR too, its old name.
void GetrangeCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->ReadRange(command);
}

void TtlCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->ReadOrAsk(WriteTtl, Fact::kLife, command);
}

void PttlCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->ReadOrAsk(WritePttl, Fact::kLife, command);
}

void TypeCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->ReadOrAsk(WriteType, Fact::kType, command);
}

// PEXPIRETIME too. The cache knows the end of a key on another clock, and not to the millisecond.
void ExpiretimeCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->Ask(command);
}

// The cache has other keys than Redis: only those that were read, and missing ones.
void DbsizeCommand(const resp::Command& command, RequestBuilder* requests) {
  requests->Ask(command);
}

}  // namespace rp::resp_front
