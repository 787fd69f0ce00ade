// The functions of the table of commands, named as in Redis's sources. See commands.h for their
// arguments, and https://redis.io/docs/latest/commands/ for what each command does.
//
// Owner: nobody. Thread safety: they change only their arguments. Cost: a command that reads keys
// is made into requests without an allocation of its own; the others allocate their reply unless it
// is constant.
#pragma once

#include "resp_front/commands.h"

namespace rp::resp_front {

// Commands that read keys or ask Redis for their number, in read_commands.cc.
void GetCommand(const resp::Command& command, RequestBuilder* requests);
void MgetCommand(const resp::Command& command, RequestBuilder* requests);
void ExistsCommand(const resp::Command& command, RequestBuilder* requests);
void StrlenCommand(const resp::Command& command, RequestBuilder* requests);
void GetrangeCommand(const resp::Command& command, RequestBuilder* requests);
void TtlCommand(const resp::Command& command, RequestBuilder* requests);
void PttlCommand(const resp::Command& command, RequestBuilder* requests);
void TypeCommand(const resp::Command& command, RequestBuilder* requests);
void ExpiretimeCommand(const resp::Command& command, RequestBuilder* requests);
void DbsizeCommand(const resp::Command& command, RequestBuilder* requests);

// Commands about the client's connection, in connection_commands.cc.
[[nodiscard]] Reply PingCommand(const Call& call);
[[nodiscard]] Reply EchoCommand(const Call& call);
[[nodiscard]] Reply HelloCommand(const Call& call);
[[nodiscard]] Reply AuthCommand(const Call& call);
[[nodiscard]] Reply SelectCommand(const Call& call);
[[nodiscard]] Reply ResetCommand(const Call& call);
[[nodiscard]] Reply QuitCommand(const Call& call);
[[nodiscard]] Reply UnwatchCommand(const Call& call);
[[nodiscard]] Reply ClientGetnameCommand(const Call& call);
[[nodiscard]] Reply ClientIdCommand(const Call& call);
[[nodiscard]] Reply ClientInfoCommand(const Call& call);
[[nodiscard]] Reply ClientOnOffCommand(const Call& call);
[[nodiscard]] Reply ClientReplyCommand(const Call& call);
[[nodiscard]] Reply ClientSetinfoCommand(const Call& call);
[[nodiscard]] Reply ClientSetnameCommand(const Call& call);

// Commands about the server and its commands, in server_commands.cc.
[[nodiscard]] Reply CommandInfoCommand(const Call& call);
[[nodiscard]] Reply CommandCountCommand(const Call& call);
[[nodiscard]] Reply CommandDocsCommand(const Call& call);
[[nodiscard]] Reply CommandListCommand(const Call& call);
[[nodiscard]] Reply InfoCommand(const Call& call);
[[nodiscard]] Reply ConfigGetCommand(const Call& call);
// HELP of any command that has subcommands.
[[nodiscard]] Reply HelpCommand(const Call& call);
// Refuses a command that Redis has and this endpoint has not.
[[nodiscard]] Reply NotAvailableCommand(const Call& call);

}  // namespace rp::resp_front
