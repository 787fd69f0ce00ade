// CommandTable: the commands that Redis has, those of its modules included: which exist, which
// write, and which of their arguments are keys. Hides the form of COMMAND's reply
// (https://redis.io/docs/latest/commands/command/).
//
// Owner: the caller of Parse; it never changes.
// Thread safety: any thread.
// Cost: Find is one or two lookups by hash and builds the name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "resp/request_reader.h"

namespace rp::proxy {

// The arguments that are keys: every `step`-th from `first` (0: none) to `last`, which counts from
// the end if it is negative.
struct KeyRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t step = 0;
};

struct CommandFacts {
  std::string name;   // in lower case; that of a subcommand is like "function|load"
  int64_t arity = 0;  // the number of arguments, the name included; -n: n or more
  KeyRange keys;
  // Redis's flags of these names. Scripts have neither `readonly` nor `write`.
  bool readonly = false;
  bool write = false;
  bool blocking = false;
  bool movablekeys = false;  // `keys` is incomplete; COMMAND GETKEYS returns all
  bool no_multi = false;     // not allowed in a transaction
  bool has_subcommands = false;

  // Returns whether Redis takes the command with so many arguments, its name among them.
  [[nodiscard]] bool Takes(size_t arguments) const {
    const auto size = static_cast<int64_t>(arguments);
    return arity >= 0 ? size == arity : size >= -arity;
  }
};

class CommandTable {
 public:
  // Redis 7 has some 400 names, subcommands included, of less than 40 bytes.
  static constexpr size_t kMaxCommands = 16384;
  static constexpr size_t kMaxNameBytes = 256;
  static constexpr size_t kMaxReplyBytes = size_t{16} << 20;

  // Returns the table that `reply` describes: one whole reply to COMMAND, in RESP2 or RESP3. Fails
  // with kProtocol if it is another reply or exceeds the limits, and with the code of
  // redis::ClassifyErrorReply if it is an error.
  static Result<CommandTable> Parse(std::string_view reply);

  // Returns the row of the command, or of its subcommand if it has one, or null if Redis knows no
  // command of that name. Ignores case. REQUIRES: command.size() >= 1.
  [[nodiscard]] const CommandFacts* Find(const resp::Command& command) const;

  // Returns whether Redis has a command of that name, which is in lower case.
  [[nodiscard]] bool Has(std::string_view name) const {
    return commands_.contains(std::string(name));
  }

  [[nodiscard]] size_t size() const { return commands_.size(); }

 private:
  friend class CommandTableParser;

  std::unordered_map<std::string, CommandFacts> commands_;  // by name
};

}  // namespace rp::proxy
