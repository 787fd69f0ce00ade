#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "base/ascii.h"
#include "base/memory.h"
#include "base/resident.h"
#include "core/connection.h"
#include "resp/command_info.h"
#include "resp/glob.h"
#include "resp/writer.h"
#include "resp_front/resp_session.h"

namespace rp::resp_front {
namespace {

// Clients choose what they may ask for by this: the version whose replies these are.
constexpr std::string_view kRedisVersion = "7.0.15";

constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kWrongPass =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
constexpr std::string_view kNoPassword =
    "AUTH <password> called without any password configured for the default user. Are you sure "
    "your configuration is correct?";
constexpr std::string_view kHelloNoAuth =
    "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
    "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time\r\n";
constexpr std::string_view kNoVersion = "Protocol version is not an integer or out of range";
constexpr std::string_view kNoProto = "-NOPROTO unsupported protocol version\r\n";
constexpr std::string_view kBadName =
    "Client names cannot contain spaces, newlines or special characters.";
constexpr std::string_view kSyntax = "syntax error";
constexpr std::string_view kNoDatabase =
    "DB index is out of range: this endpoint serves one database, as number 0";

// What a connection keeps of a client's name for itself.
constexpr size_t kMaxNameBytes = 32 * 1024;

bool IsVisible(std::string_view text) {
  return text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

bool Is(std::string_view text, std::string_view lower) { return EqualsIgnoreCase(text, lower); }

std::string Refusal(std::string_view full_name) {
  return "'" + std::string(full_name) + "' is not available: this endpoint serves reads";
}

struct Subcommand {
  std::string_view full_name;
  int arity;  // as of CommandInfo
};

constexpr std::array<Subcommand, 21> kSubcommands = {{
    {"client|setname", 3},   {"client|getname", 2},   {"client|setinfo", 4},
    {"client|id", 2},        {"client|info", 2},      {"client|no-evict", 3},
    {"client|no-touch", 3},  {"client|reply", 3},     {"client|help", 2},
    {"command|count", 2},    {"command|docs", -2},    {"command|info", -2},
    {"command|list", -2},    {"command|getkeys", -3}, {"command|getkeysandflags", -3},
    {"command|help", 2},     {"config|get", -3},      {"config|set", -4},
    {"config|resetstat", 2}, {"config|rewrite", 2},   {"config|help", 2},
}};

// The subcommand that `command` names, in lower case and without the command, or none.
const Subcommand* FindSubcommand(std::string_view name, const resp::Command& command) {
  for (const Subcommand& entry : kSubcommands) {
    const size_t bar = entry.full_name.find('|');
    if (entry.full_name.substr(0, bar) == name && Is(command[1], entry.full_name.substr(bar + 1))) {
      return &entry;
    }
  }
  return nullptr;
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

std::array<Section, 4> InfoSections(const ServerFacts& facts, std::string_view version) {
  const uint64_t resident = ResidentBytes();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(facts.uptime).count();
  return {{
      {"server", "# Server\r\n" + Field("redis_version", kRedisVersion) +
                     Field("redis_mode", "standalone") + Field("redis_proxy_version", version) +
                     Field("process_id", static_cast<uint64_t>(getpid())) +
                     Field("uptime_in_seconds", static_cast<uint64_t>(seconds))},
      {"clients", "# Clients\r\n" + Field("connected_clients", facts.clients) +
                      Field("maxclients", facts.max_clients)},
      {"memory", "# Memory\r\n" + Field("used_memory", facts.cache.bytes) +
                     Field("used_memory_rss", resident)},
      // Clients wait for a server that says it is loading.
      {"stats", "# Stats\r\n" + Field("loading", "0") +
                    Field("total_connections_received", facts.connections_received) +
                    Field("keyspace_hits", facts.cache.hits) +
                    Field("keyspace_misses", facts.cache.misses) +
                    Field("evicted_keys", facts.cache.evictions) +
                    Field("expired_keys", facts.cache.expirations)},
  }};
}

}  // namespace

bool RespSession::AdmitsSubcommand(const resp::CommandInfo& info, const resp::Command& command) {
  const bool has_subcommands = info.id == resp::CommandName::kClient ||
                               info.id == resp::CommandName::kCommand ||
                               info.id == resp::CommandName::kConfig;
  if (!has_subcommands || command.size() == 1) return true;
  const Subcommand* entry = FindSubcommand(info.name, command);
  if (entry == nullptr) {
    ReplyError(resp::UnknownSubcommandText(command));
    return false;
  }
  const auto least = static_cast<size_t>(std::abs(entry->arity));
  if (entry->arity < 0 ? command.size() >= least : command.size() == least) return true;
  ReplyError(resp::WrongArityText(entry->full_name));
  return false;
}

void RespSession::SetAuthenticated(bool authenticated) {
  authenticated_ = authenticated;
  reader_.SetAuthenticated(authenticated);
}

void RespSession::Auth(const resp::Command& command) {
  if (command.size() > 3) return ReplyError(kSyntax);
  const bool has_user = command.size() == 3;
  const std::string_view user = has_user ? command[1] : core::Credentials::kDefaultUser;
  const core::Credentials& credentials = options_->credentials;
  if (!credentials.required()) {
    if (!has_user) return ReplyError(kNoPassword);
    return Reply(user == core::Credentials::kDefaultUser ? kOk : kWrongPass);
  }
  if (!credentials.Match(user, command[command.size() - 1])) return Reply(kWrongPass);
  user_ = user;
  SetAuthenticated(true);
  Reply(kOk);
}

void RespSession::Hello(const resp::Command& command) {
  int64_t version = version_;
  if (command.size() > 1) {
    if (!resp::ParseCanonicalInteger(command[1], &version)) return ReplyError(kNoVersion);
    if (version < 2 || version > 3) return Reply(kNoProto);
  }
  const core::Credentials& credentials = options_->credentials;
  for (size_t i = 2; i < command.size(); ++i) {
    const size_t more = command.size() - i - 1;
    if (Is(command[i], "auth") && more >= 2) {
      const bool matches = credentials.required()
                               ? credentials.Match(command[i + 1], command[i + 2])
                               : command[i + 1] == core::Credentials::kDefaultUser;
      if (!matches) return Reply(kWrongPass);
      user_ = command[i + 1];
      SetAuthenticated(true);
      i += 2;
    } else if (Is(command[i], "setname") && more >= 1) {
      if (!IsVisible(command[i + 1])) return ReplyError(kBadName);
      name_ = std::string(command[++i]);
    } else {
      return ReplyError("Syntax error in HELLO option '" +
                        std::string(resp::UpToNul(command[i]).substr(0, kMaxNameBytes)) + "'");
    }
  }
  if (!authenticated_) return Reply(kHelloNoAuth);
  version_ = static_cast<int>(version);
  std::string reply;
  resp::Writer writer(version_, &reply);
  writer.MapHeader(7);
  writer.Bulk("server");
  writer.Bulk("redis");
  writer.Bulk("version");
  writer.Bulk(kRedisVersion);
  writer.Bulk("proto");
  writer.Integer(version_);
  writer.Bulk("id");
  writer.Integer(static_cast<int64_t>(client_.number));
  writer.Bulk("mode");
  writer.Bulk("standalone");
  writer.Bulk("role");
  writer.Bulk("master");
  writer.Bulk("modules");
  writer.ArrayHeader(0);
  ReplyBytes(std::move(reply));
}

void RespSession::Select(const resp::Command& command) {
  int64_t database = 0;
  if (!resp::ParseCanonicalInteger(command[1], &database)) {
    return ReplyError("value is not an integer or out of range");
  }
  if (database < std::numeric_limits<int>::min() || database > std::numeric_limits<int>::max()) {
    return ReplyError("value is out of range, value must between -2147483648 and 2147483647");
  }
  if (database < 0) return ReplyError("DB index is out of range");
  if (database != 0) return ReplyError(kNoDatabase);
  Reply(kOk);
}

void RespSession::Client(const resp::Command& command) {
  const Subcommand* entry = FindSubcommand("client", command);
  const std::string_view name = entry->full_name.substr(entry->full_name.find('|') + 1);
  std::string reply;
  resp::Writer writer(version_, &reply);
  if (name == "setname") {
    if (!IsVisible(command[2])) return ReplyError(kBadName);
    name_ = std::string(command[2]);
    return Reply(kOk);
  }
  if (name == "getname") {
    name_.empty() ? writer.Null() : writer.Bulk(name_);
    return ReplyBytes(std::move(reply));
  }
  if (name == "setinfo") return ClientSetInfo(command);
  if (name == "id") {
    writer.Integer(static_cast<int64_t>(client_.number));
    return ReplyBytes(std::move(reply));
  }
  if (name == "info") return ReplyVerbatim(ClientLine());
  if (name == "reply") return ClientReply(command[2]);
  if (name == "help") {
    resp::WriteHelp(resp::CommandName::kClient, &writer);
    return ReplyBytes(std::move(reply));
  }
  // What they switch, the cache's eviction by use, is not a client's business here.
  if (!Is(command[2], "on") && !Is(command[2], "off")) return ReplyError(kSyntax);
  Reply(kOk);
}

void RespSession::ClientReply(std::string_view mode) {
  if (Is(mode, "on")) {
    replies_off_ = silent_ = false;
    Reply(kOk);
  } else if (Is(mode, "off")) {
    replies_off_ = true;
  } else if (Is(mode, "skip")) {
    skips_next_ = !replies_off_;
  } else {
    ReplyError(kSyntax);
  }
}

void RespSession::ClientSetInfo(const resp::Command& command) {
  const bool is_name = Is(command[2], "lib-name");
  if (!is_name && !Is(command[2], "lib-ver")) {
    return ReplyError("Unrecognized option '" + std::string(command[2].substr(0, 128)) + "'");
  }
  if (!IsVisible(command[3])) {
    return ReplyError(std::string(is_name ? "lib-name" : "lib-ver") +
                      " cannot contain spaces, newlines or special characters.");
  }
  (is_name ? library_name_ : library_version_) = std::string(command[3]);
  Reply(kOk);
}

// With every field of redis-server 7.0's, since clients look for them; 0 where there is nothing to
// count here.
std::string RespSession::ClientLine() const {
  return "id=" + std::to_string(client_.number) + " addr=" + client_.Address() +
         " laddr=" + client_.LocalAddress() + " fd=" + std::to_string(client_.fd) +
         " name=" + name_ +
         " age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0"
         " multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=" +
         user_ + " redir=-1 resp=" + std::to_string(version_) + " lib-name=" + library_name_ +
         " lib-ver=" + library_version_ + "\n";
}

void RespSession::CommandTable(const resp::Command& command) {
  std::string_view name = "info";
  if (command.size() > 1) {
    const Subcommand* entry = FindSubcommand("command", command);
    name = entry->full_name.substr(entry->full_name.find('|') + 1);
    if (name.starts_with("getkeys")) return ReplyError(Refusal(entry->full_name));
  }
  std::string reply;
  resp::Writer writer(version_, &reply);
  if (name == "help") {
    resp::WriteHelp(resp::CommandName::kCommand, &writer);
  } else if (name == "count") {
    writer.Integer(static_cast<int64_t>(resp::kCommands.size()));
  } else if (name == "docs") {
    writer.MapHeader(0);
  } else if (name == "list") {
    if (command.size() > 2) return ReplyError(kSyntax);
    writer.ArrayHeader(resp::kCommands.size());
    for (const resp::CommandInfo& info : resp::kCommands) writer.Bulk(info.name);
  } else {
    const bool has_memory = TryAllocate([&] {
      if (command.size() <= 2) {
        writer.ArrayHeader(resp::kCommands.size());
        for (const resp::CommandInfo& info : resp::kCommands) resp::WriteCommandInfo(info, &writer);
        return;
      }
      writer.ArrayHeader(command.size() - 2);
      for (size_t i = 2; i < command.size(); ++i) {
        const resp::CommandInfo* info = resp::FindCommand(command[i]);
        info == nullptr ? writer.Null() : resp::WriteCommandInfo(*info, &writer);
      }
    });
    if (!has_memory) return ReplyError("out of memory for so many commands");
  }
  ReplyBytes(std::move(reply));
}

void RespSession::Info(const resp::Command& command) {
  std::string text;
  for (const Section& section : InfoSections(options_->server->Facts(), options_->version)) {
    bool wanted = command.size() == 1;
    for (size_t i = 1; i < command.size(); ++i) {
      wanted |= Is(command[i], section.name) || Is(command[i], "default") ||
                Is(command[i], "all") || Is(command[i], "everything");
    }
    if (!wanted) continue;
    if (!text.empty()) text += "\r\n";
    text += section.text;
  }
  ReplyVerbatim(text);
}

void RespSession::Config(const resp::Command& command) {
  const Subcommand* entry = FindSubcommand("config", command);
  std::string reply;
  resp::Writer writer(version_, &reply);
  if (entry->full_name == "config|help") {
    resp::WriteHelp(resp::CommandName::kConfig, &writer);
    return ReplyBytes(std::move(reply));
  }
  if (entry->full_name != "config|get") return ReplyError(Refusal(entry->full_name));
  const std::string max_clients = std::to_string(options_->server->Facts().max_clients);
  const auto idle_seconds = std::chrono::ceil<std::chrono::seconds>(options_->idle_timeout);
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
    for (size_t i = 2; i < command.size(); ++i) {
      if (Is(command[i], name)) return command[i];
      if (resp::MatchesGlobIgnoringCase(command[i], name)) return name;
    }
    return std::string_view();
  };
  const auto count = std::count_if(settings.begin(), settings.end(), [&](const auto& setting) {
    return !wanted_as(setting.first).empty();
  });
  writer.MapHeader(static_cast<size_t>(count));
  for (const auto& [name, value] : settings) {
    const std::string_view shown = wanted_as(name);
    if (shown.empty()) continue;
    writer.Bulk(shown);
    writer.Bulk(value);
  }
  ReplyBytes(std::move(reply));
}

void RespSession::Reset() {
  if (replies_off_) silent_ = false;  // but CLIENT REPLY SKIP holds for this command
  replies_off_ = in_refused_transaction_ = false;
  version_ = 2;
  name_ = std::string();
  user_ = core::Credentials::kDefaultUser;
  SetAuthenticated(!options_->credentials.required());
  Reply("+RESET\r\n");
}

void RespSession::Quit() {
  Reply(kOk);
  connection_->CloseAfterAnswers(core::Closing::kLinger);
}

}  // namespace rp::resp_front
