#include "proxy/forward_rules.h"

#include <array>
#include <string_view>

#include "base/ascii.h"
#include "resp/grammar.h"

namespace rp::proxy {
namespace {

// Sorted. Commands that Redis flags as blocking are refused as well.
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

// Returns the number of keys of EVAL script numkeys key ... and similar commands, or -1 for any
// other command, and for a number that Redis may read differently.
int64_t ScriptKeyCount(const CommandFacts& facts, const resp::Command& command) {
  const bool is_script = facts.name == "eval" || facts.name == "evalsha" || facts.name == "fcall";
  int64_t count = -1;
  if (!is_script || command.size() < 3 || !resp::ParseCanonicalInteger(command[2], &count)) {
    return -1;
  }
  return count;
}

// PFCOUNT caches its result in the value, although Redis flags it as readonly.
bool OnlyReads(const CommandFacts& facts) { return facts.readonly && facts.name != "pfcount"; }

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
  // Redis 6 has no rows for subcommands.
  if (name == "script" && command.size() > 1 && EqualsIgnoreCase(command[1], "debug")) return true;
  if (name == "xread" || name == "xreadgroup") return WaitsForStream(command);
  return facts.blocking;
}

Drop DropOf(const CommandFacts& facts, const resp::Command& command) {
  // Redis refuses a command with a wrong number of arguments, so it writes nothing.
  if (OnlyReads(facts) || !Takes(facts.arity, command)) return Drop::kNothing;
  if (ScriptKeyCount(facts, command) >= 0) return Drop::kKeys;
  if (facts.movablekeys) return Drop::kGetKeys;
  if (facts.keys.first > 0) return Drop::kKeys;
  // FUNCTION LOAD and similar commands write, but not to keys.
  const bool is_of_functions = facts.name.starts_with("function");
  return facts.write && !is_of_functions ? Drop::kAll : Drop::kNothing;
}

KeyRange KeysOf(const CommandFacts& facts, const resp::Command& command) {
  const int64_t count = ScriptKeyCount(facts, command);
  if (count < 0) return facts.keys;
  // A count above the number of arguments is an error in Redis, and nothing is run.
  if (count == 0 || count > static_cast<int64_t>(command.size()) - 3) return {};
  return {.first = 3, .last = 2 + count, .step = 1};
}

}  // namespace rp::proxy
