#include "redis/outgoing.h"

namespace rp::redis {

void Outgoing::AddKept(const resp::OwnedCommand& command) {
  command.AppendPieces(&pieces_);
  bytes_ += command.bytes();
}

void Outgoing::AddArgumentsOf(const resp::OwnedCommand& command) {
  const size_t first = pieces_.size();
  AddKept(command);
  std::string_view& piece = pieces_[first];
  const size_t header = piece.find('\n') + 1;
  piece.remove_prefix(header);
  bytes_ -= header;
}

}  // namespace rp::redis
