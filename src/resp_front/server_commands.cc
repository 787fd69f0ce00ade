// The commands about the server and its commands.
#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "base/memory.h"
#include "resp/writer.h"
#include "resp_front/command_functions.h"
#include "resp_front/glob.h"
#include "resp_front/proxy_section.h"

namespace rp::resp_front {
namespace {

enum class Spelling { kSimple, kBulk };

void WriteWords(std::string_view words, Spelling spelling, resp::Writer* writer) {
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
void WriteKeySpecification(const KeyPositions& keys, resp::Writer* writer) {
  writer->MapHeader(3);
  writer->Bulk("flags");
  WriteWords(keys.flags, Spelling::kSimple, writer);
  writer->Bulk("begin_search");
  writer->MapHeader(2);
  writer->Bulk("type");
  writer->Bulk("index");
  writer->Bulk("spec");
  writer->MapHeader(1);
  writer->Bulk("index");
  writer->Integer(keys.first);
  writer->Bulk("find_keys");
  writer->MapHeader(2);
  writer->Bulk("type");
  writer->Bulk("range");
  writer->Bulk("spec");
  writer->MapHeader(3);
  writer->Bulk("lastkey");  // counted from the first one
  writer->Integer(keys.last < 0 ? keys.last : keys.last - keys.first);
  writer->Bulk("keystep");
  writer->Integer(keys.step);
  writer->Bulk("limit");
  writer->Integer(0);
}

// An element of COMMAND's reply. The list of subcommands is left empty.
void WriteCommandInfo(const CommandRow& row, resp::Writer* writer) {
  writer->ArrayHeader(10);
  writer->Bulk(row.name);
  writer->Integer(row.arity);
  WriteWords(row.flags, Spelling::kSimple, writer);
  writer->Integer(row.keys.first);
  writer->Integer(row.keys.last);
  writer->Integer(row.keys.step);
  WriteWords(row.categories, Spelling::kSimple, writer);
  WriteWords(row.tips, Spelling::kBulk, writer);
  const bool has_keys = row.keys.first > 0;
  writer->SetHeader(has_keys ? 1 : 0);
  if (has_keys) WriteKeySpecification(row.keys, writer);
  writer->SetHeader(0);
}

std::string Field(std::string_view name, std::string_view value) {
  return std::string(name) + ':' + std::string(value) + "\r\n";
}

std::string Field(std::string_view name, uint64_t value) {
  return Field(name, std::to_string(value));
}

struct Section {
  std::string_view name;
  std::string text;
};

std::string ProxySection(const ServerFacts& facts, std::string_view version) {
  std::array<char, kMaxProxySectionBytes> text;
  return {text.data(), PutProxySection(facts, version, text.data())};
}

std::array<Section, 6> InfoSections(const ServerView& server, std::string_view version) {
  const ServerFacts facts = server.Facts();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(facts.uptime).count();
  return {{
      {"server", "# Server\r\n" + Field("redis_version", server.RedisVersion()) +
                     Field("redis_mode", "standalone") + Field("redis_proxy_version", version) +
                     Field("process_id", facts.process_id) +
                     Field("uptime_in_seconds", static_cast<uint64_t>(seconds))},
      {"clients", "# Clients\r\n" + Field("connected_clients", facts.clients) +
                      Field("maxclients", facts.max_clients)},
      {"memory", "# Memory\r\n" + Field("used_memory", facts.cache.bytes) +
                     Field("used_memory_rss", facts.resident_bytes)},
      // Clients wait while this field is 1.
      {"stats", "# Stats\r\n" + Field("loading", "0") +
                    Field("total_connections_received", facts.connections_received) +
                    Field("keyspace_hits", facts.cache.hits) +
                    Field("keyspace_misses", facts.cache.misses) +
                    Field("evicted_keys", facts.cache.evictions) +
                    Field("expired_keys", facts.cache.expirations)},
      // Monitoring asks for the role before it sends readers here: HAProxy's usual check looks for
      // "role:master". This endpoint has no replicas of its own, and what Redis is does not matter
      // to readers.
      {"replication",
       "# Replication\r\n" + Field("role", "master") + Field("connected_slaves", "0")},
      {"proxy", ProxySection(facts, version)},
  }};
}

}  // namespace

// COMMAND too, which is about all.
Reply CommandInfoCommand(const Call& call) {
  const resp::Command& arguments = call.arguments;
  std::string bytes;
  resp::Writer writer(call.client->version, &bytes);
  const bool has_memory = TryAllocate([&] {
    if (arguments.size() <= 2) {
      writer.ArrayHeader(Commands().size());
      for (const CommandRow& row : Commands()) WriteCommandInfo(row, &writer);
      return;
    }
    writer.ArrayHeader(arguments.size() - 2);
    for (size_t i = 2; i < arguments.size(); ++i) {
      const CommandRow* const row = FindCommand(arguments[i]);
      row == nullptr ? writer.Null() : WriteCommandInfo(*row, &writer);
    }
  });
  return has_memory ? Bytes(std::move(bytes)) : ErrorReply("out of memory for so many commands");
}

Reply CommandCountCommand(const Call& call) {
  std::string bytes;
  resp::Writer(call.client->version, &bytes).Integer(static_cast<int64_t>(Commands().size()));
  return Bytes(std::move(bytes));
}

Reply CommandDocsCommand(const Call& call) {
  std::string bytes;
  resp::Writer(call.client->version, &bytes).MapHeader(0);
  return Bytes(std::move(bytes));
}

Reply CommandListCommand(const Call& call) {
  if (call.arguments.size() > 2) return ErrorReply(kSyntax);
  std::string bytes;
  resp::Writer writer(call.client->version, &bytes);
  writer.ArrayHeader(Commands().size());
  for (const CommandRow& row : Commands()) writer.Bulk(row.name);
  return Bytes(std::move(bytes));
}

Reply InfoCommand(const Call& call) {
  std::string text;
  for (const Section& section : InfoSections(*call.options.server, call.options.version)) {
    if (!AsksForSection(call.arguments, section.name)) continue;
    if (!text.empty()) text += "\r\n";
    text += section.text;
  }
  std::string bytes;
  resp::Writer(call.client->version, &bytes).Verbatim("txt", text);
  return Bytes(std::move(bytes));
}

Reply ConfigGetCommand(const Call& call) {
  const resp::Command& arguments = call.arguments;
  const std::string max_clients = std::to_string(call.options.server->Facts().max_clients);
  const auto idle_seconds = std::chrono::ceil<std::chrono::seconds>(call.options.idle_timeout);
  const std::string timeout = std::to_string(idle_seconds.count());
  const std::array<std::pair<std::string_view, std::string_view>, 5> settings = {{
      {"appendonly", "no"},
      {"save", ""},
      {"databases", "1"},
      {"maxclients", max_clients},
      {"timeout", timeout},
  }};
  // The name as the first argument that matches spells it; empty if none does.
  const auto wanted_as = [&](std::string_view name) {
    for (size_t i = 2; i < arguments.size(); ++i) {
      if (EqualsIgnoreCase(arguments[i], name)) return arguments[i];
      if (MatchesGlobIgnoringCase(arguments[i], name)) return name;
    }
    return std::string_view();
  };
  const auto count = std::count_if(settings.begin(), settings.end(), [&](const auto& setting) {
    return !wanted_as(setting.first).empty();
  });
  std::string bytes;
  resp::Writer writer(call.client->version, &bytes);
  writer.MapHeader(static_cast<size_t>(count));
  for (const auto& [name, value] : settings) {
    const std::string_view shown = wanted_as(name);
    if (shown.empty()) continue;
    writer.Bulk(shown);
    writer.Bulk(value);
  }
  return Bytes(std::move(bytes));
}

Reply HelpCommand(const Call& call) {
  const CommandRow& command = *FindCommand(call.row.name.substr(0, call.row.name.find('|')));
  std::string title;
  for (const char c : command.name) title += ToUpperAscii(c);
  title += " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
  std::string lines;
  resp::Writer line_writer(call.client->version, &lines);
  size_t count = 0;
  const auto write_help = [&](const HelpLines& help) {
    if (help.usage.empty()) return;
    line_writer.SimpleString(help.usage);
    line_writer.SimpleString(help.summary);
    count += 2;
  };
  write_help(command.help);
  for (const CommandRow& subcommand : command.subcommands) write_help(subcommand.help);
  std::string bytes;
  resp::Writer writer(call.client->version, &bytes);
  writer.ArrayHeader(count + 1);
  writer.SimpleString(title);
  return Bytes(bytes + lines);
}

Reply NotAvailableCommand(const Call& call) { return NotAvailable(call.row.name); }

}  // namespace rp::resp_front
