// The rules of forwarding: which commands may be sent over connections that all clients share, and
// which entries of the cache each of them invalidates.
//
// Owner: nobody; constants and pure functions.
// Thread safety: any thread.
// Cost: a search in two short lists; a text allocates.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/command_table.h"
#include "resp/request_reader.h"

namespace rp::proxy {

// Why a command must not be forwarded.
enum class Refused : unsigned char {
  kNo,                   // it may be
  kBlocks,               // it waits for other clients, and so would those that share the connection
  kChangesConnection,    // it means the connection that sends it, for all that follows
  kDescribesConnection,  // it asks about the connection that sends it
  kStopsRedis,           // it stops Redis, or makes it another server
};

// Returns whether the command must not be forwarded, and why.
[[nodiscard]] Refused RefusedFor(const CommandFacts& facts, const resp::Command& command);

// Returns the text of the error for a refused command, without "ERR", in one line. It names the
// command and the reason. REQUIRES: `why` is RefusedFor(facts, command) and not kNo.
[[nodiscard]] std::string RefusedText(const CommandFacts& facts, const resp::Command& command,
                                      Refused why);

// Returns the same for a command between MULTI and EXEC, where no command blocks.
[[nodiscard]] Refused RefusedInTransaction(const CommandFacts& facts, const resp::Command& command);

// The entries that a command invalidates once it may have been carried out.
enum class Drop : unsigned char {
  kNothing,
  kKeys,     // those of the keys that KeysOf returns
  kGetKeys,  // those of the keys that Redis returns to COMMAND GETKEYS
  kAll,
};

// Returns which entries the command invalidates. A command with keys that is not known to be
// read-only counts as one that writes them. A script is trusted to declare its keys, as Redis
// Cluster requires
// (https://redis.io/docs/latest/develop/programmability/eval-intro/).
[[nodiscard]] Drop DropOf(const CommandFacts& facts, const resp::Command& command);

// Returns which arguments are keys, as the command's row says or a script's own count of them. Not
// all of them are in the range where DropOf returns kGetKeys.
[[nodiscard]] KeyRange KeysOf(const CommandFacts& facts, const resp::Command& command);

// Calls visit(key) for each argument in the range.
template <typename Visitor>
void ForEachKey(const KeyRange& keys, const resp::Command& command, Visitor visit) {
  const auto size = static_cast<int64_t>(command.size());
  const int64_t last = std::min(keys.last < 0 ? keys.last + size : keys.last, size - 1);
  if (keys.first <= 0) return;
  for (int64_t i = keys.first; i <= last; i += std::max<int64_t>(keys.step, 1)) {
    visit(command[static_cast<size_t>(i)]);
    // A step may be anything Redis says, and the sum must not overflow.
    if (keys.step > last - i) return;
  }
}

}  // namespace rp::proxy
