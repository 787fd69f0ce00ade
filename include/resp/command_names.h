// The commands that the front end answers itself, with the facts of redis-server 7.0's `COMMAND
// INFO`, and Redis's own texts for commands that are unknown or have the wrong number of arguments.
// Owns one constant table.
//
// Thread safety: constants and pure functions, any thread. Cost: FindCommand compares lengths until
// one fits, GET first, and does not allocate; the texts are for errors and do.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "resp/grammar.h"
#include "resp/request_reader.h"

namespace rp::resp {

enum class CommandName : unsigned char {
  kGet,
  kMget,
  kExists,
  kStrlen,
  kGetrange,
  kSubstr,
  kTtl,
  kPttl,
  kExpiretime,
  kPexpiretime,
  kType,
  kPing,
  kEcho,
  kHello,
  kAuth,
  kSelect,
  kClient,
  kCommand,
  kInfo,
  kConfig,
  kReset,
  kQuit,
  kDbsize,
};

struct CommandInfo {
  CommandName id;
  std::string_view name;   // in lower case, as in error texts
  int arity;               // arguments, the name among them; -n: n or more
  std::string_view flags;  // separated by single spaces
  // Which arguments are keys; last_key -1 is the last argument, first_key 0 is none.
  int first_key;
  int last_key;
  int key_step;

  // Whether a command of `arguments` arguments, its name among them, may run.
  constexpr bool Takes(size_t arguments) const {
    return arity >= 0 ? arguments == static_cast<size_t>(arity)
                      : arguments >= static_cast<size_t>(-arity);
  }
};

inline constexpr std::string_view kConnectionFlags =
    "noscript loading stale fast no_auth allow_busy";

// In the order of CommandName.
inline constexpr std::array<CommandInfo, 23> kCommands = {{
    {CommandName::kGet, "get", 2, "readonly fast", 1, 1, 1},
    {CommandName::kMget, "mget", -2, "readonly fast", 1, -1, 1},
    {CommandName::kExists, "exists", -2, "readonly fast", 1, -1, 1},
    {CommandName::kStrlen, "strlen", 2, "readonly fast", 1, 1, 1},
    {CommandName::kGetrange, "getrange", 4, "readonly", 1, 1, 1},
    {CommandName::kSubstr, "substr", 4, "readonly", 1, 1, 1},
    {CommandName::kTtl, "ttl", 2, "readonly fast", 1, 1, 1},
    {CommandName::kPttl, "pttl", 2, "readonly fast", 1, 1, 1},
    {CommandName::kExpiretime, "expiretime", 2, "readonly fast", 1, 1, 1},
    {CommandName::kPexpiretime, "pexpiretime", 2, "readonly fast", 1, 1, 1},
    {CommandName::kType, "type", 2, "readonly fast", 1, 1, 1},
    {CommandName::kPing, "ping", -1, "fast", 0, 0, 0},
    {CommandName::kEcho, "echo", 2, "loading stale fast", 0, 0, 0},
    {CommandName::kHello, "hello", -1, kConnectionFlags, 0, 0, 0},
    {CommandName::kAuth, "auth", -2, kConnectionFlags, 0, 0, 0},
    {CommandName::kSelect, "select", 2, "loading stale fast", 0, 0, 0},
    {CommandName::kClient, "client", -2, "", 0, 0, 0},
    {CommandName::kCommand, "command", -1, "loading stale", 0, 0, 0},
    {CommandName::kInfo, "info", -1, "loading stale", 0, 0, 0},
    {CommandName::kConfig, "config", -2, "", 0, 0, 0},
    {CommandName::kReset, "reset", 1, kConnectionFlags, 0, 0, 0},
    {CommandName::kQuit, "quit", -1, kConnectionFlags, 0, 0, 0},
    {CommandName::kDbsize, "dbsize", 1, "readonly fast", 0, 0, 0},
}};

// The command of that name in any case, or nullptr.
constexpr const CommandInfo* FindCommand(std::string_view name) {
  for (const CommandInfo& command : kCommands) {
    if (EqualsIgnoreCase(name, command.name)) return &command;
  }
  return nullptr;
}

constexpr const CommandInfo& InfoOf(CommandName name) {
  return kCommands[static_cast<size_t>(name)];
}

// Whether Redis 7 has a command of that name, in any case, that is not in kCommands.
bool IsOtherRedisCommand(std::string_view name);

// The texts go behind "-ERR " and are single lines: CR and LF in what the client sent become
// spaces. Like redis-server's, they show an argument up to its first NUL and at most 128 bytes.

// unknown command 'FOO', with args beginning with: 'a' 'b c'
// with a space at the end. REQUIRES: command.size() >= 1.
std::string UnknownCommandText(const Command& command);

// unknown subcommand 'foo'. Try CLIENT HELP.
// REQUIRES: command.size() >= 2.
std::string UnknownSubcommandText(const Command& command);

// wrong number of arguments for 'get' command
// `full_name` is in lower case, a subcommand's as in "client|setname".
std::string WrongArityText(std::string_view full_name);

}  // namespace rp::resp
