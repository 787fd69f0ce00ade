// Which commands may go over connections that all clients share, and what each of them makes
// worthless in the cache. Owns a constant list of names.
//
// Thread safety: pure functions, any thread. Cost: a search in a short sorted list.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "proxy/command_table.h"
#include "resp/request_reader.h"

namespace rp::proxy {

// Whether the command would tie up the connection (it waits for something), change it for whoever
// uses it next, answer with more or less than one reply, or take Redis away.
[[nodiscard]] bool IsRefused(const CommandFacts& facts, const resp::Command& command);

// What has to leave the cache once the command may have been carried out.
enum class Drop : unsigned char {
  kNothing,
  kKeys,     // those of KeysOf
  kGetKeys,  // those that Redis names when asked by COMMAND GETKEYS
  kAll,
};

// A command that has keys and is not known to read only counts as one that writes them. A script is
// taken at its word as to its keys, as Redis's cluster takes it
// (https://redis.io/docs/latest/develop/programmability/eval-intro/).
[[nodiscard]] Drop DropOf(const CommandFacts& facts, const resp::Command& command);

// Which arguments are keys, where Redis need not be asked: as the command's table says, or a
// script's own count of them.
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
