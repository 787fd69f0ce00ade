#include "resp_front/commands.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "resp_front/command_functions.h"

namespace rp::resp_front {
namespace {

constexpr std::string_view kOfConnection = "noscript loading stale fast no_auth allow_busy";

constexpr std::string_view kReadString = "@read @string @fast";
constexpr std::string_view kReadRange = "@read @string @slow";
constexpr std::string_view kReadKeyspace = "@keyspace @read @fast";
constexpr std::string_view kConnection = "@fast @connection";

// For clients of a cluster: how to split a command, and to join its replies.
constexpr std::string_view kEachShard = "request_policy:multi_shard";
constexpr std::string_view kSumOfShards = "request_policy:multi_shard response_policy:agg_sum";
constexpr std::string_view kSumOfAll = "request_policy:all_shards response_policy:agg_sum";
constexpr std::string_view kAllSucceed = "request_policy:all_shards response_policy:all_succeeded";
constexpr std::string_view kInfoTips =
    "nondeterministic_output request_policy:all_shards response_policy:special";

constexpr KeyPositions kOneKey = {1, 1, 1, "RO access"};
constexpr KeyPositions kOneKeyFacts = {1, 1, 1, "RO"};
constexpr KeyPositions kManyKeys = {1, -1, 1, "RO access"};
constexpr KeyPositions kManyKeysFacts = {1, -1, 1, "RO"};

// A subcommand that Redis answers with -forward, and nobody without.
constexpr CommandRow OfRedis(std::string_view name, int arity) {
  return {.name = name,
          .arity = arity,
          .with_forward = Answerer::kRedis,
          .answer = NotAvailableCommand};
}

constexpr CommandRow HelpOf(std::string_view name) {
  return {.name = name,
          .arity = 2,
          .with_forward = Answerer::kRedis,
          .answer = HelpCommand,
          .help = {"HELP", "    Prints this help."}};
}

constexpr auto kClientSubcommands = std::to_array<CommandRow>({
    {.name = "client|getname",
     .arity = 2,
     .answer = ClientGetnameCommand,
     .help = {"GETNAME", "    Return the name of the current connection."}},
    {.name = "client|id",
     .arity = 2,
     .answer = ClientIdCommand,
     .help = {"ID", "    Return the ID of the current connection."}},
    {.name = "client|info",
     .arity = 2,
     .answer = ClientInfoCommand,
     .help = {"INFO", "    Return information about the current client connection."}},
    {.name = "client|no-evict",
     .arity = 3,
     .answer = ClientOnOffCommand,
     .help = {"NO-EVICT (ON|OFF)", "    Accepted without effect."}},
    {.name = "client|no-touch",
     .arity = 3,
     .answer = ClientOnOffCommand,
     .help = {"NO-TOUCH (ON|OFF)", "    Accepted without effect."}},
    {.name = "client|reply",
     .arity = 3,
     .answer = ClientReplyCommand,
     .help = {"REPLY (ON|OFF|SKIP)", "    Control the replies sent to the current connection."}},
    {.name = "client|setinfo",
     .arity = 4,
     .answer = ClientSetinfoCommand,
     .help = {"SETINFO (LIB-NAME|LIB-VER) <value>",
              "    Set the name or the version of the client's library."}},
    {.name = "client|setname",
     .arity = 3,
     .answer = ClientSetnameCommand,
     .help = {"SETNAME <name>", "    Assign the name <name> to the current connection."}},
    OfRedis("client|caching", 3),
    OfRedis("client|getredir", 2),
    OfRedis("client|kill", -3),
    OfRedis("client|list", -2),
    OfRedis("client|pause", -3),
    OfRedis("client|tracking", -3),
    OfRedis("client|trackinginfo", 2),
    OfRedis("client|unblock", -3),
    OfRedis("client|unpause", 2),
    HelpOf("client|help"),
});

constexpr auto kCommandSubcommands = std::to_array<CommandRow>({
    {.name = "command|count",
     .arity = 2,
     .with_forward = Answerer::kRedis,
     .answer = CommandCountCommand,
     .help = {"COUNT", "    Return the total number of commands of this endpoint."}},
    {.name = "command|docs",
     .arity = -2,
     .with_forward = Answerer::kRedis,
     .answer = CommandDocsCommand,
     .help = {"DOCS [<command-name> ...]", "    Return nothing: there is no documentation here."}},
    OfRedis("command|getkeys", -3),
    OfRedis("command|getkeysandflags", -3),
    {.name = "command|info",
     .arity = -2,
     .max_arguments = kMaxArguments,
     .with_forward = Answerer::kRedis,
     .answer = CommandInfoCommand,
     .help = {"INFO [<command-name> ...]", "    Return details about multiple commands."}},
    {.name = "command|list",
     .arity = -2,
     .with_forward = Answerer::kRedis,
     .answer = CommandListCommand,
     .help = {"LIST", "    Return a list of all commands of this endpoint."}},
    HelpOf("command|help"),
});

constexpr auto kConfigSubcommands = std::to_array<CommandRow>({
    {.name = "config|get",
     .arity = -3,
     .max_arguments = kMaxArguments,
     .with_forward = Answerer::kRedis,
     .answer = ConfigGetCommand,
     .help = {"GET <pattern>",
              "    Return parameters matching the glob-like <pattern> and their values."}},
    OfRedis("config|resetstat", 2),
    OfRedis("config|rewrite", 2),
    OfRedis("config|set", -4),
    HelpOf("config|help"),
});

template <size_t kSize>
constexpr CommandRows Rows(const std::array<CommandRow, kSize>& rows) {
  return {rows.data(), rows.data() + kSize};
}

// Facts from the COMMAND of redis-server 7.0.15. GET comes first: it is found soonest.
constexpr auto kCommands = std::to_array<CommandRow>({
    {.name = "get",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKey,
     .categories = kReadString,
     .read = GetCommand},
    {.name = "mget",
     .arity = -2,
     .flags = "readonly fast",
     .keys = kManyKeys,
     .categories = kReadString,
     .tips = kEachShard,
     .read = MgetCommand},
    {.name = "exists",
     .arity = -2,
     .flags = "readonly fast",
     .keys = kManyKeysFacts,
     .categories = kReadKeyspace,
     .tips = kSumOfShards,
     .read = ExistsCommand},
    {.name = "strlen",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKeyFacts,
     .categories = kReadString,
     .read = StrlenCommand},
    {.name = "getrange",
     .arity = 4,
     .flags = "readonly",
     .keys = kOneKey,
     .categories = kReadRange,
     .read = GetrangeCommand},
    {.name = "substr",
     .arity = 4,
     .flags = "readonly",
     .keys = kOneKey,
     .categories = kReadRange,
     .read = GetrangeCommand},
    {.name = "ttl",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKey,
     .categories = kReadKeyspace,
     .tips = "nondeterministic_output",
     .read = TtlCommand},
    {.name = "pttl",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKey,
     .categories = kReadKeyspace,
     .tips = "nondeterministic_output",
     .read = PttlCommand},
    {.name = "expiretime",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKey,
     .categories = kReadKeyspace,
     .read = ExpiretimeCommand},
    {.name = "pexpiretime",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKey,
     .categories = kReadKeyspace,
     .read = ExpiretimeCommand},
    {.name = "type",
     .arity = 2,
     .flags = "readonly fast",
     .keys = kOneKeyFacts,
     .categories = kReadKeyspace,
     .read = TypeCommand},
    // Monitoring sends PING, and may have no password.
    {.name = "ping",
     .arity = -1,
     .flags = "fast",
     .categories = kConnection,
     .tips = kAllSucceed,
     .access = Access::kAnyone,
     .answer = PingCommand},
    {.name = "echo",
     .arity = 2,
     .flags = "loading stale fast",
     .categories = kConnection,
     .answer = EchoCommand},
    {.name = "hello",
     .arity = -1,
     .max_arguments = kMaxArguments,
     .flags = kOfConnection,
     .categories = kConnection,
     .access = Access::kAnyone,
     .answer = HelloCommand},
    {.name = "auth",
     .arity = -2,
     .flags = kOfConnection,
     .categories = kConnection,
     .access = Access::kAnyone,
     .answer = AuthCommand},
    {.name = "select",
     .arity = 2,
     .flags = "loading stale fast",
     .categories = kConnection,
     .answer = SelectCommand},
    {.name = "client",
     .arity = -2,
     .categories = "@slow",
     .with_forward = Answerer::kRedis,
     .subcommands = Rows(kClientSubcommands)},
    {.name = "command",
     .arity = -1,
     .flags = "loading stale",
     .categories = "@slow @connection",
     .tips = "nondeterministic_output_order",
     .with_forward = Answerer::kRedis,
     .answer = CommandInfoCommand,
     .subcommands = Rows(kCommandSubcommands),
     .help = {"(no subcommand)", "    Return details about all commands of this endpoint."}},
    {.name = "info",
     .arity = -1,
     .max_arguments = kMaxArguments,
     .flags = "loading stale",
     .categories = "@slow @dangerous",
     .tips = kInfoTips,
     .with_forward = Answerer::kRedisThenProxy,
     .answer = InfoCommand},
    {.name = "config",
     .arity = -2,
     .categories = "@slow",
     .with_forward = Answerer::kRedis,
     .subcommands = Rows(kConfigSubcommands)},
    {.name = "reset",
     .arity = 1,
     .flags = kOfConnection,
     .categories = kConnection,
     .access = Access::kAnyone,
     .answer = ResetCommand},
    {.name = "quit",
     .arity = -1,
     .flags = kOfConnection,
     .categories = kConnection,
     .access = Access::kAnyone,
     .answer = QuitCommand},
    {.name = "dbsize",
     .arity = 1,
     .flags = "readonly fast",
     .categories = kReadKeyspace,
     .tips = kSumOfAll,
     .read = DbsizeCommand},
    {.name = "unwatch",
     .arity = 1,
     .flags = "noscript loading stale fast allow_busy",
     .categories = "@fast @transaction",
     .answer = UnwatchCommand},
});

}  // namespace

CommandRows Commands() { return Rows(kCommands); }

const CommandRow* FindCommand(std::string_view name) {
  for (const CommandRow& row : kCommands) {
    if (EqualsIgnoreCase(name, row.name)) return &row;
  }
  return nullptr;
}

const CommandRow* FindSubcommand(const CommandRow& row, std::string_view name) {
  for (const CommandRow& subcommand : row.subcommands) {
    if (EqualsIgnoreCase(name, subcommand.name.substr(row.name.size() + 1))) return &subcommand;
  }
  return nullptr;
}

}  // namespace rp::resp_front
