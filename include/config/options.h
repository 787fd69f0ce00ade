// The settings of the program: command line, environment and their defaults. Hides the manners of
// the command line, which are those of Go's flag package: -f v, -f=v, --f v and --f=v; "--" ends
// the flags; a flag given twice counts as given last. One table holds each flag's name, default,
// help and parser, so that they cannot contradict each other. main owns the Options.
//
// Thread safety: none needed; once read, Options does not change. Cost: for the start of the
// program.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/parse.h"
#include "base/result.h"
#include "base/time.h"
#include "core/credentials.h"
#include "redis/endpoint.h"

namespace rp::config {

// Whether the cache follows writes in Redis: only where Redis allows it (kAuto), or always (kYes).
enum class Coherent : unsigned char { kNo, kAuto, kYes };

// ParseOptions sets every member but the secrets. The comments give the ranges it enforces.
struct Options {
  HostPort http;
  std::optional<HostPort> resp;  // none: off
  bool forward = false;          // resp lets other commands through; only with kYes
  bool http_auth = false;        // HTTP asks for proxy_auth as well
  redis::Endpoint redis;
  Duration expire{};              // of non-use; 0: never
  Duration max_age{};             // since the fetch; 0: no limit
  uint64_t capacity = 0;          // keys; 0: cache nothing
  uint64_t max_memory_bytes = 0;  // 0: no limit
  uint64_t max_value_bytes = 0;   // larger values are served and not cached
  int redis_ops_limit = 0;        // 1 to 1000000
  int redis_connections = 0;      // 1 to 1024
  int redis_db = 0;               // 0 or more
  int workers = 0;                // 1 to 256
  bool answers_inline = true;     // reactors do what takes no waiting; else the workers do all
  int reactors = 0;               // 1 to 64
  Duration timeout{};             // above 0
  Duration header_timeout{};      // 0: never
  Duration idle_timeout{};        // 0: no connection outlives an answer
  Duration write_timeout{};       // 0: never
  Duration resp_idle_timeout{};   // 0: never
  int max_clients = 0;            // 1 to 1000000
  std::string content_type;       // 1 to 200 bytes of visible ASCII, spaces inside
  LogLevel log_level = LogLevel::kInfo;
  Coherent coherent = Coherent::kNo;
  Duration max_stale{};               // from 10 ms to an hour
  Duration stale_if_error{};          // 0: off
  std::vector<std::string> prefixes;  // of the keys to follow; empty: all
  std::string redis_username;         // empty: none
  std::string redis_password;         // empty: none
  core::Credentials proxy_auth;       // of clients
};

// One row of the table.
struct Flag {
  std::string_view name;        // without '-'
  std::string_view value_name;  // in the help; empty for -health, -version and -h, which take none;
                                // in brackets where -f alone means -f=true
  std::string default_text;     // as the user would write it; empty where value_name is
  std::string_view help;        // one line of at most 74 bytes, without a full stop
  Result<void> (*parse)(std::string_view text, Options* options);
  std::string (*show)(const Options& options);  // a text that `parse` reads back
};

std::span<const Flag> Flags();

enum class ParsedAction { kRun, kHelp, kVersion, kHealth };

// Reads argv[1..argc) over the defaults. -h ends the reading at once. An error is one line that
// names the flag and the value; then `*options` is not to be used.
Result<ParsedAction> ParseOptions(int argc, const char* const* argv, Options* options);

// Fills in what must not be seen in a list of processes: REDIS_USERNAME, REDIS_PASSWORD
// and REDIS_PROXY_AUTH.
// `get_env` is as std::getenv; an empty variable counts as none.
// An error is one line that names the variable, or the flag that lacks it, and no secret.
[[nodiscard]] Result<void> LoadSecrets(Options* options,
                                       const std::function<const char*(const char*)>& get_env);

// For standard output; ends with a newline, no line is longer than 80 bytes.
std::string HelpText();

// Every setting as name=value on one line, for the log; never a secret.
std::string DescribeSettings(const Options& options);

}  // namespace rp::config
