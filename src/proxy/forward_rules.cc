#include "proxy/forward_rules.h"

#include <array>
#include <string_view>

#include "base/ascii.h"

namespace rp::proxy {
namespace {

// Sorted. Besides these, all that Redis flags as blocking.
constexpr auto kRefused = std::to_array<std::string_view>({
    "asking",       "auth",         "client",   "debug",       "discard",    "exec",
    "failover",     "hello",        "monitor",  "multi",       "psubscribe", "psync",
    "punsubscribe", "quit",         "readonly", "readwrite",   "replconf",   "replicaof",
    "reset",        "script|debug", "select",   "shutdown",    "slaveof",    "ssubscribe",
    "subscribe",    "sunsubscribe", "sync",     "unsubscribe", "unwatch",    "wait",
    "waitaof",      "watch",
});
static_assert(std::is_sorted(kRefused.begin(), kRefused.end()));

// XREAD [COUNT n] [BLOCK ms] STREAMS ..., and XREADGROUP GROUP group consumer with NOACK besides
// (https://redis.io/docs/latest/commands/xreadgroup/).
bool WaitsForStream(const resp::Command& command) {
  for (size_t i = 1; i < command.size(); ++i) {
    if (EqualsIgnoreCase(command[i], "block")) return true;
    if (EqualsIgnoreCase(command[i], "streams")) return false;
    if (EqualsIgnoreCase(command[i], "count")) i += 1;
    if (EqualsIgnoreCase(command[i], "group")) i += 2;
  }
  return false;
}

bool Takes(int64_t arity, const resp::Command& command) {
  const auto size = static_cast<int64_t>(command.size());
  return arity >= 0 ? size == arity : size >= -arity;
}

}  // namespace

bool IsRefused(const CommandFacts& facts, const resp::Command& command) {
  // A subcommand is refused with its container.
  const std::string_view name = facts.name;
  const std::string_view container = name.substr(0, name.find('|'));
  if (std::binary_search(kRefused.begin(), kRefused.end(), name) ||
      std::binary_search(kRefused.begin(), kRefused.end(), container)) {
    return true;
  }
  // Redis 6 does not tell subcommands apart.
  if (name == "script" && command.size() > 1 && EqualsIgnoreCase(command[1], "debug")) return true;
  if (name == "xread" || name == "xreadgroup") return WaitsForStream(command);
  return facts.blocking;
}

Drop DropOf(const CommandFacts& facts, const resp::Command& command) {
  // What Redis refuses for the number of its arguments need not be asked about.
  if (facts.readonly || !Takes(facts.arity, command)) return Drop::kNothing;
  if (facts.movablekeys) return Drop::kGetKeys;
  if (facts.keys.first > 0) return Drop::kKeys;
  // FUNCTION LOAD and its kin write, but no keys.
  const bool is_of_functions = facts.name.starts_with("function");
  return facts.write && !is_of_functions ? Drop::kAll : Drop::kNothing;
}

}  // namespace rp::proxy
