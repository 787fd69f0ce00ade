#include "proxy/forward_rules.h"

#include <array>
#include <string_view>

#include "base/ascii.h"
#include "base/check.h"
#include "resp/grammar.h"

namespace rp::proxy {
namespace {

struct Rule {
  std::string_view name;
  Refused why;
};

// Sorted by name. Commands that Redis flags as blocking are refused as well.
constexpr auto kRules = std::to_array<Rule>({
    {"asking", Refused::kChangesConnection},
    {"auth", Refused::kChangesConnection},
    {"debug", Refused::kStopsRedis},
    {"discard", Refused::kChangesConnection},
    {"exec", Refused::kChangesConnection},
    {"failover", Refused::kStopsRedis},
    {"hello", Refused::kChangesConnection},
    {"monitor", Refused::kChangesConnection},
    {"multi", Refused::kChangesConnection},
    {"psubscribe", Refused::kChangesConnection},
    {"psync", Refused::kChangesConnection},
    {"punsubscribe", Refused::kChangesConnection},
    {"quit", Refused::kChangesConnection},
    {"readonly", Refused::kChangesConnection},
    {"readwrite", Refused::kChangesConnection},
    {"replconf", Refused::kChangesConnection},
    {"replicaof", Refused::kStopsRedis},
    {"reset", Refused::kChangesConnection},
    {"select", Refused::kChangesConnection},
    {"shutdown", Refused::kStopsRedis},
    {"slaveof", Refused::kStopsRedis},
    {"ssubscribe", Refused::kChangesConnection},
    {"subscribe", Refused::kChangesConnection},
    {"sunsubscribe", Refused::kChangesConnection},
    {"sync", Refused::kChangesConnection},
    {"unsubscribe", Refused::kChangesConnection},
    {"wait", Refused::kBlocks},
    {"waitaof", Refused::kBlocks},
    {"watch", Refused::kChangesConnection},
});
static_assert(std::is_sorted(kRules.begin(), kRules.end(),
                             [](const Rule& a, const Rule& b) { return a.name < b.name; }));

struct SubcommandRule {
  std::string_view container;
  std::string_view name;
  Refused why;
};

// CLIENT's are those of Redis 8 and Valkey 8
// (https://redis.io/docs/latest/commands/client/, https://valkey.io/commands/client/).
constexpr auto kSubcommandRules = std::to_array<SubcommandRule>({
    {"client", "caching", Refused::kChangesConnection},
    {"client", "capa", Refused::kChangesConnection},
    {"client", "getname", Refused::kDescribesConnection},
    {"client", "getredir", Refused::kDescribesConnection},
    {"client", "id", Refused::kDescribesConnection},
    {"client", "import-source", Refused::kChangesConnection},
    {"client", "info", Refused::kDescribesConnection},
    {"client", "no-evict", Refused::kChangesConnection},
    {"client", "no-touch", Refused::kChangesConnection},
    {"client", "reply", Refused::kChangesConnection},
    {"client", "setinfo", Refused::kChangesConnection},
    {"client", "setname", Refused::kChangesConnection},
    {"client", "tracking", Refused::kChangesConnection},
    {"client", "trackinginfo", Refused::kDescribesConnection},
    {"script", "debug", Refused::kChangesConnection},
});

// Returns whether XREADGROUP asks for new entries alone, given its arguments behind STREAMS, which
// are streams and as many IDs. Entries from an ID on are answered at once, even if there are none.
bool WantsNewEntriesAlone(const resp::Command& command, size_t first) {
  for (size_t i = first + (command.size() - first) / 2; i < command.size(); ++i) {
    if (command[i] != ">") return false;
  }
  return true;
}

// XREAD [COUNT n] [BLOCK ms] STREAMS ..., and XREADGROUP GROUP group consumer with NOACK besides
// (https://redis.io/docs/latest/commands/xreadgroup/).
bool WaitsForStream(const resp::Command& command) {
  bool has_block = false;
  bool has_group = false;
  for (size_t i = 1; i < command.size(); ++i) {
    if (EqualsIgnoreCase(command[i], "streams")) {
      return has_block && (!has_group || WantsNewEntriesAlone(command, i + 1));
    }
    if (EqualsIgnoreCase(command[i], "block")) {
      has_block = true;
      i += 1;
    } else if (EqualsIgnoreCase(command[i], "group")) {
      has_group = true;
      i += 2;
    } else if (EqualsIgnoreCase(command[i], "count")) {
      i += 1;
    }
  }
  return has_block;
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

// Returns the name of the command without that of a subcommand.
std::string_view ContainerOf(const CommandFacts& facts) {
  return std::string_view(facts.name).substr(0, facts.name.find('|'));
}

// Returns the rule for the command's subcommand, or null. Looks at the argument, because Redis 6
// has no rows for subcommands.
const SubcommandRule* FindSubcommandRule(std::string_view container, const resp::Command& command) {
  if (command.size() < 2) return nullptr;
  for (const SubcommandRule& rule : kSubcommandRules) {
    if (rule.container == container && EqualsIgnoreCase(command[1], rule.name)) return &rule;
  }
  return nullptr;
}

bool ReadsStream(std::string_view name) { return name == "xread" || name == "xreadgroup"; }

std::string_view ReasonText(Refused why) {
  switch (why) {
    case Refused::kBlocks:
      return "all clients share the connections to Redis, and it would block one";
    case Refused::kChangesConnection:
      return "all clients share the connections to Redis, and it would change one";
    case Refused::kDescribesConnection:
      return "all clients share the connections to Redis, and it would describe one";
    case Refused::kStopsRedis:
      return "it may stop Redis or change its role for all clients";
    case Refused::kNo:
      break;
  }
  RP_CHECK(false);
  return {};
}

}  // namespace

Refused RefusedFor(const CommandFacts& facts, const resp::Command& command) {
  const std::string_view name = ContainerOf(facts);
  const auto* const rule =
      std::lower_bound(kRules.begin(), kRules.end(), name,
                       [](const Rule& a, std::string_view b) { return a.name < b; });
  if (rule != kRules.end() && rule->name == name) return rule->why;
  const SubcommandRule* const of_subcommand = FindSubcommandRule(name, command);
  if (of_subcommand != nullptr) return of_subcommand->why;
  const bool blocks = ReadsStream(name) ? WaitsForStream(command) : facts.blocking;
  return blocks ? Refused::kBlocks : Refused::kNo;
}

Refused RefusedInTransaction(const CommandFacts& facts, const resp::Command& command) {
  const Refused why = RefusedFor(facts, command);
  return why == Refused::kBlocks ? Refused::kNo : why;
}

std::string RefusedText(const CommandFacts& facts, const resp::Command& command, Refused why) {
  std::string name(ContainerOf(facts));
  const SubcommandRule* const of_subcommand = FindSubcommandRule(name, command);
  if (of_subcommand != nullptr) name += '|' + std::string(of_subcommand->name);
  if (ReadsStream(name)) name += " block";  // without BLOCK the command is forwarded
  return "'" + name + "' is not available: " + std::string(ReasonText(why));
}

Drop DropOf(const CommandFacts& facts, const resp::Command& command) {
  // Redis refuses a command with a wrong number of arguments, so it writes nothing.
  if (OnlyReads(facts) || !facts.Takes(command.size())) return Drop::kNothing;
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
