// Options: the settings of the program, read from the command line. Hides its conventions, which
// are those of Go's flag package: -f v, -f=v, --f v and --f=v; "--" ends the flags; of a flag that
// is given twice the last one counts. The flags are in config/flags.h.
//
// Owner: main. Thread safety: none needed, since Options do not change once they are read. Cost:
// for the start of the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/credentials.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/result.h"
#include "base/time.h"
#include "redis/endpoint.h"

namespace rp::config {

// -coherent: whether the cache tracks the writes in Redis: never, if Redis supports it, or always.
enum class Coherent : unsigned char { kNo, kAuto, kYes };

// Every setting. The comments give the ranges that ParseOptions enforces.
struct Options {
  HostPort http;
  std::optional<HostPort> resp;  // none: the Redis protocol is not served
  bool forward = false;          // requires resp and kYes
  bool http_auth = false;        // HTTP requires proxy_auth as well
  redis::Endpoint redis;
  Duration expire{};              // since the last use; 0: no limit
  Duration max_age{};             // since the fetch; 0: no limit
  uint64_t capacity = 0;          // keys; 0: nothing is cached
  uint64_t max_memory_bytes = 0;  // 0: no limit
  uint64_t max_value_bytes = 0;   // larger values are served and not cached
  int redis_ops_limit = 0;        // 1 to 1000000
  int redis_connections = 0;      // 1 to 1024
  int redis_db = 0;               // 0 or more
  int workers = 0;                // 1 to 256
  bool answers_inline = true;     // reactors do what takes no waiting; else the workers do all
  int reactors = 0;               // 1 to 64
  Duration timeout{};             // more than 0
  Duration header_timeout{};      // 0: no limit
  Duration idle_timeout{};        // 0: a connection is closed after its first answer
  Duration write_timeout{};       // 0: no limit
  Duration resp_idle_timeout{};   // 0: no limit
  int max_clients = 0;            // 1 to 1000000
  std::string content_type;       // 1 to 200 bytes of printable ASCII, no space at either end
  LogLevel log_level = LogLevel::kInfo;
  Coherent coherent = Coherent::kNo;
  Duration max_stale{};               // 10 ms to 1 h
  uint32_t verify = 0;                // one hit in so many is checked; 0: none
  Duration stale_if_error{};          // 0: off
  std::vector<std::string> prefixes;  // of the keys to cache; empty: all keys are cached
  // From the environment (config/secrets.h):
  std::string redis_username;  // empty: none
  std::string redis_password;  // empty: none
  Credentials proxy_auth;      // that clients must send
};

// What the command line asks for.
enum class ParsedAction { kRun, kHelp, kVersion, kHealth };

// Sets every member of `*options` but the secrets, from argv[1] to argv[argc - 1] and the defaults,
// and returns what to do. Stops reading at -h. An error is one line that names the flag and the
// value; `*options` must not be used after it.
Result<ParsedAction> ParseOptions(int argc, const char* const* argv, Options* options);

// Returns every setting but the secrets as name=value, on one line for the log.
std::string DescribeSettings(const Options& options);

}  // namespace rp::config
