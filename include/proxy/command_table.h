// What Redis says of its own commands, those of its modules among them: which exist, which write,
// and where their keys stand. Hides the form of COMMAND's reply
// (https://redis.io/docs/latest/commands/command/).
//
// Owned by whoever parsed it; it never changes.
//
// Thread safety: any thread reads. Cost: Find is one or two lookups by hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "resp/request_reader.h"

namespace rp::proxy {

// Which arguments are keys: from `first` (0 is none) to `last`, counted from the end where it is
// negative, every `step`-th.
struct KeyRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t step = 0;
};

struct CommandFacts {
  std::string name;   // in lower case; a subcommand's is "function|load"
  int64_t arity = 0;  // arguments, the name among them; -n: n or more
  KeyRange keys;
  // Redis's flags of these names. Scripts have neither of the first two.
  bool readonly = false;
  bool write = false;
  bool blocking = false;
  bool movablekeys = false;  // `keys` are not all of them, and COMMAND GETKEYS tells
  bool has_subcommands = false;
};

class CommandTable {
 public:
  // Redis 7 has some 400 names, subcommands included, of less than 40 bytes.
  static constexpr size_t kMaxCommands = 16384;
  static constexpr size_t kMaxNameBytes = 256;
  static constexpr size_t kMaxReplyBytes = size_t{16} << 20;

  // `reply` is one whole reply to COMMAND, in RESP2 or RESP3. kProtocol if it is not such a reply
  // or above the limits, and what the error means if it is one.
  static Result<CommandTable> Parse(std::string_view reply);

  // The command, or its subcommand where there is one, named in any case; null if Redis knows none
  // of that name. REQUIRES: command.size() >= 1.
  [[nodiscard]] const CommandFacts* Find(const resp::Command& command) const;

  [[nodiscard]] size_t size() const { return commands_.size(); }

 private:
  friend class CommandTableParser;

  std::unordered_map<std::string, CommandFacts> commands_;  // by name
};

}  // namespace rp::proxy
