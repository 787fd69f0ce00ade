#include "resp/command_info.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "base/check.h"

namespace rp::resp {
namespace {

struct Details {
  CommandName id;
  std::string_view categories;  // of ACL; separated by single spaces, like the next
  std::string_view tips;
  std::string_view key_flags = {};
};

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

// From the COMMAND of redis-server 7.0.15.
constexpr std::array<Details, kCommands.size()> kDetails = {{
    {CommandName::kGet, kReadString, "", "RO access"},
    {CommandName::kMget, kReadString, kEachShard, "RO access"},
    {CommandName::kExists, kReadKeyspace, kSumOfShards, "RO"},
    {CommandName::kStrlen, kReadString, "", "RO"},
    {CommandName::kGetrange, kReadRange, "", "RO access"},
    {CommandName::kSubstr, kReadRange, "", "RO access"},
    {CommandName::kTtl, kReadKeyspace, "nondeterministic_output", "RO access"},
    {CommandName::kPttl, kReadKeyspace, "nondeterministic_output", "RO access"},
    {CommandName::kExpiretime, kReadKeyspace, "", "RO access"},
    {CommandName::kPexpiretime, kReadKeyspace, "", "RO access"},
    {CommandName::kType, kReadKeyspace, "", "RO"},
    {CommandName::kPing, kConnection, kAllSucceed},
    {CommandName::kEcho, kConnection, ""},
    {CommandName::kHello, kConnection, ""},
    {CommandName::kAuth, kConnection, ""},
    {CommandName::kSelect, kConnection, ""},
    {CommandName::kClient, "@slow", ""},
    {CommandName::kCommand, "@slow @connection", "nondeterministic_output_order"},
    {CommandName::kInfo, "@slow @dangerous", kInfoTips},
    {CommandName::kConfig, "@slow", ""},
    {CommandName::kReset, kConnection, ""},
    {CommandName::kQuit, kConnection, ""},
    {CommandName::kDbsize, kReadKeyspace, kSumOfAll},
}};

static_assert(
    [] {
      for (size_t i = 0; i < kDetails.size(); ++i) {
        if (static_cast<size_t>(kDetails[i].id) != i) return false;
      }
      return true;
    }(),
    "kDetails is in the order of CommandName");

constexpr auto kClientHelp = std::to_array<std::string_view>({
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "NO-EVICT (ON|OFF)",
    "    Accepted without effect.",
    "NO-TOUCH (ON|OFF)",
    "    Accepted without effect.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO (LIB-NAME|LIB-VER) <value>",
    "    Say which library, in which version, uses the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
});

constexpr auto kCommandHelp = std::to_array<std::string_view>({
    "(no subcommand)",
    "    Return details about all commands of this endpoint.",
    "COUNT",
    "    Return the total number of commands of this endpoint.",
    "DOCS [<command-name> ...]",
    "    Return nothing: there is no documentation here.",
    "INFO [<command-name> ...]",
    "    Return details about multiple commands.",
    "LIST",
    "    Return a list of all commands of this endpoint.",
});

constexpr auto kConfigHelp = std::to_array<std::string_view>({
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
});

enum class Spelling { kSimple, kBulk };

void WriteWords(std::string_view words, Spelling spelling, Writer* writer) {
  const auto spaces = static_cast<size_t>(std::count(words.begin(), words.end(), ' '));
  writer->SetHeader(words.empty() ? 0 : spaces + 1);
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    const std::string_view word = words.substr(0, end);
    spelling == Spelling::kSimple ? writer->SimpleString(word) : writer->Bulk(word);
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

// How to find a command's keys: all of ours have them in one range.
void WriteKeySpecification(const CommandInfo& info, std::string_view flags, Writer* writer) {
  writer->MapHeader(3);
  writer->Bulk("flags");
  WriteWords(flags, Spelling::kSimple, writer);
  writer->Bulk("begin_search");
  writer->MapHeader(2);
  writer->Bulk("type");
  writer->Bulk("index");
  writer->Bulk("spec");
  writer->MapHeader(1);
  writer->Bulk("index");
  writer->Integer(info.first_key);
  writer->Bulk("find_keys");
  writer->MapHeader(2);
  writer->Bulk("type");
  writer->Bulk("range");
  writer->Bulk("spec");
  writer->MapHeader(3);
  writer->Bulk("lastkey");  // counted from the first one
  writer->Integer(info.last_key < 0 ? info.last_key : info.last_key - info.first_key);
  writer->Bulk("keystep");
  writer->Integer(info.key_step);
  writer->Bulk("limit");
  writer->Integer(0);
}

void WriteHelpLines(std::string_view name, std::span<const std::string_view> lines,
                    Writer* writer) {
  writer->ArrayHeader(lines.size() + 3);
  writer->SimpleString(std::string(name) +
                       " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const std::string_view line : lines) writer->SimpleString(line);
  writer->SimpleString("HELP");
  writer->SimpleString("    Prints this help.");
}

}  // namespace

void WriteCommandInfo(const CommandInfo& info, Writer* writer) {
  const Details& details = kDetails[static_cast<size_t>(info.id)];
  writer->ArrayHeader(10);
  writer->Bulk(info.name);
  writer->Integer(info.arity);
  WriteWords(info.flags, Spelling::kSimple, writer);
  writer->Integer(info.first_key);
  writer->Integer(info.last_key);
  writer->Integer(info.key_step);
  WriteWords(details.categories, Spelling::kSimple, writer);
  WriteWords(details.tips, Spelling::kBulk, writer);
  const bool has_keys = info.first_key > 0;
  writer->SetHeader(has_keys ? 1 : 0);
  if (has_keys) WriteKeySpecification(info, details.key_flags, writer);
  writer->SetHeader(0);
}

void WriteHelp(CommandName name, Writer* writer) {
  if (name == CommandName::kClient) return WriteHelpLines("CLIENT", kClientHelp, writer);
  if (name == CommandName::kConfig) return WriteHelpLines("CONFIG", kConfigHelp, writer);
  RP_CHECK(name == CommandName::kCommand);
  WriteHelpLines("COMMAND", kCommandHelp, writer);
}

}  // namespace rp::resp
