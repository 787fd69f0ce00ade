#include "config/options.h"

#include <algorithm>
#include <array>
#include <limits>
#include <thread>
#include <type_traits>

#include "base/check.h"
#include "base/memory_limit.h"
#include "base/parse.h"

namespace rp::config {
namespace {

constexpr size_t kMaxContentTypeBytes = 200;
constexpr Duration kShortestLease = std::chrono::milliseconds(10);  // Redis must answer within it
constexpr Duration kLongestLease = std::chrono::hours(1);
constexpr size_t kMaxPrefixBytes = 1024;
constexpr size_t kMaxPrefixes = 128;
constexpr std::array<std::string_view, 4> kLogLevelNames = {"debug", "info", "warn", "error"};

Error Expected(std::string_view what, std::string_view given) {
  return {ErrorCode::kInternal, "expected " + std::string(what) + ", got " + Quote(given)};
}

template <auto kMember, int64_t kMin, int64_t kMax = std::numeric_limits<int>::max()>
Result<void> ParseNumber(std::string_view text, Options* options) {
  const Result<int64_t> number = ParseInteger(text, kMin, kMax);
  if (!number) return number.error();
  using Number = std::remove_reference_t<decltype(options->*kMember)>;
  options->*kMember = static_cast<Number>(*number);
  return {};
}

template <auto kMember>
std::string ShowNumber(const Options& options) {
  return std::to_string(options.*kMember);
}

template <auto kMember>
Result<void> ParseTime(std::string_view text, Options* options) {
  const Result<Duration> duration = ParseDuration(text);
  if (!duration) return duration.error();
  options->*kMember = *duration;
  return {};
}

template <auto kMember>
std::string ShowTime(const Options& options) {
  return FormatDuration(options.*kMember);
}

Result<void> ParseMaxStale(std::string_view text, Options* options) {
  const Result<Duration> duration = ParseDuration(text);
  if (!duration) return duration.error();
  if (*duration < kShortestLease || *duration > kLongestLease) {
    return Expected("a duration from 10ms to 1h", text);
  }
  options->max_stale = *duration;
  return {};
}

template <auto kMember>
Result<void> ParseBytes(std::string_view text, Options* options) {
  const Result<uint64_t> bytes = ParseSize(text);
  if (!bytes) return bytes.error();
  options->*kMember = *bytes;
  return {};
}

template <auto kMember>
std::string ShowBytes(const Options& options) {
  return FormatSize(options.*kMember);
}

template <auto kMember>
std::string ShowText(const Options& options) {
  return options.*kMember;
}

Result<void> ParseHttp(std::string_view text, Options* options) {
  Result<HostPort> address = ParseHostPort(text);
  if (!address) return address.error();
  options->http = std::move(*address);
  return {};
}

std::string ShowHttp(const Options& options) { return FormatHostPort(options.http); }

Result<void> ParseResp(std::string_view text, Options* options) {
  options->resp.reset();
  if (text.empty()) return {};
  Result<HostPort> address = ParseHostPort(text);
  if (!address) return address.error();
  options->resp = std::move(*address);
  return {};
}

std::string ShowResp(const Options& options) {
  return options.resp ? FormatHostPort(*options.resp) : "";
}

Result<void> ParseRedis(std::string_view text, Options* options) {
  // ParseEndpoint reads ":6379" as localhost, but here a variable before it may not have been set.
  if (text.starts_with(':')) return Expected("a host before the port", text);
  Result<redis::Endpoint> endpoint = redis::ParseEndpoint(text);
  if (!endpoint) return endpoint.error();
  options->redis = std::move(*endpoint);
  return {};
}

std::string ShowRedis(const Options& options) { return options.redis.ToString(); }

template <auto kMember>
Result<void> ParsePositiveTime(std::string_view text, Options* options) {
  const Result<Duration> duration = ParseDuration(text);
  if (!duration) return duration.error();
  if (*duration == Duration(0)) return Expected("a duration above 0", text);
  options->*kMember = *duration;
  return {};
}

Result<void> ParseContentType(std::string_view text, Options* options) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (text.empty() || text.size() > kMaxContentTypeBytes || !visible || text.front() == ' ' ||
      text.back() == ' ') {
    return Expected("1 to 200 visible characters such as text/plain", text);
  }
  options->content_type = text;
  return {};
}

Result<void> ParseLogLevel(std::string_view text, Options* options) {
  const auto found = std::find(kLogLevelNames.begin(), kLogLevelNames.end(), text);
  if (found == kLogLevelNames.end()) return Expected("debug, info, warn or error", text);
  options->log_level = static_cast<LogLevel>(found - kLogLevelNames.begin());
  return {};
}

std::string ShowLogLevel(const Options& options) {
  return std::string(kLogLevelNames[static_cast<size_t>(options.log_level)]);
}

Result<void> ParseCoherent(std::string_view text, Options* options);

std::string ShowCoherent(const Options& options) {
  return options.coherent == Coherent::kAuto  ? "auto"
         : options.coherent == Coherent::kYes ? "true"
                                              : "false";
}

Result<void> ParsePrefix(std::string_view text, Options* options) {
  if (text.size() > kMaxPrefixBytes) {
    return Expected("at most " + std::to_string(kMaxPrefixBytes) + " bytes", text);
  }
  if (options->prefixes.size() >= kMaxPrefixes) {
    return Expected("at most " + std::to_string(kMaxPrefixes) + " prefixes", text);
  }
  // Redis refuses prefixes that overlap, with an error that would come much later.
  for (const std::string& other : options->prefixes) {
    if (text.starts_with(other) || other.starts_with(text)) {
      return Expected("prefixes that do not overlap; there is " + Quote(other) + " already", text);
    }
  }
  options->prefixes.emplace_back(text);
  return {};
}

std::string ShowPrefixes(const Options& options) {
  std::string all;
  for (const std::string& prefix : options.prefixes) all += (all.empty() ? "" : ",") + prefix;
  return all;
}

// As Go's strconv.ParseBool takes it.
Result<bool> ParseBool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return Expected("true or false", text);
}

template <auto kMember>
Result<void> ParseSwitch(std::string_view text, Options* options) {
  const Result<bool> yes = ParseBool(text);
  if (!yes) return yes.error();
  options->*kMember = *yes;
  return {};
}

template <auto kMember>
std::string ShowSwitch(const Options& options) {
  return options.*kMember ? "true" : "false";
}

Result<void> ParseCoherent(std::string_view text, Options* options) {
  const Result<bool> yes = ParseBool(text);
  if (text != "auto" && !yes) return Expected("true, false or auto", text);
  options->coherent = text == "auto" ? Coherent::kAuto : *yes ? Coherent::kYes : Coherent::kNo;
  return {};
}

std::string DefaultWorkers() {
  return std::to_string(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
}

// In whole megabytes, and at least one: 0 would be no limit.
std::string DefaultMaxMemory() {
  constexpr uint64_t kMiB = 1 << 20;
  return FormatSize(std::max<uint64_t>(UsableMemoryBytes() / 4 / kMiB, 1) * kMiB);
}

Error Wrong(const Flag& flag, std::string_view problem) {
  return {ErrorCode::kInternal, "-" + std::string(flag.name) + ": " + std::string(problem)};
}

}  // namespace

std::span<const Flag> Flags() {
  using O = Options;
  static const std::array<Flag, 31> flags = {{
      {"http", "[HOST]:PORT", ":8080", "where to listen; port 0 takes a free one", ParseHttp,
       ShowHttp},
      {"resp", "[HOST]:PORT", "", "where to speak the Redis protocol as well", ParseResp, ShowResp},
      {"forward", "[=true|false]", "false", "with -resp and -coherent, let other commands through",
       ParseSwitch<&O::forward>, ShowSwitch<&O::forward>},
      {"http-auth", "[=true|false]", "false", "ask for REDIS_PROXY_AUTH over HTTP as well",
       ParseSwitch<&O::http_auth>, ShowSwitch<&O::http_auth>},
      {"redis", "HOST[:PORT]|/PATH", "localhost:6379", "where Redis is; a path is a Unix socket",
       ParseRedis, ShowRedis},
      {"expire", "DURATION", "2m", "drop a key this long after its last use; 0 = never",
       ParseTime<&O::expire>, ShowTime<&O::expire>},
      {"max-age", "DURATION", "0", "drop a key this long after it was fetched; 0 = never",
       ParseTime<&O::max_age>, ShowTime<&O::max_age>},
      {"capacity", "KEYS", "100000", "the most keys in the cache; 0 = cache nothing",
       ParseNumber<&O::capacity, 0, std::numeric_limits<int64_t>::max()>, ShowNumber<&O::capacity>},
      {"max-memory", "SIZE", DefaultMaxMemory(),
       "the most memory for the cache; 0 = no limit; a quarter of all if not set",
       ParseBytes<&O::max_memory_bytes>, ShowBytes<&O::max_memory_bytes>},
      {"max-value", "SIZE", "1mb", "serve larger values, but do not cache them",
       ParseBytes<&O::max_value_bytes>, ShowBytes<&O::max_value_bytes>},
      {"redis-ops-limit", "N", "128",
       "the most GETs sent to Redis and unanswered; 1 = one at a time (1..1000000)",
       ParseNumber<&O::redis_ops_limit, 1, 1000000>, ShowNumber<&O::redis_ops_limit>},
      {"redis-connections", "N", "4", "connections to Redis (1..1024)",
       ParseNumber<&O::redis_connections, 1, 1024>, ShowNumber<&O::redis_connections>},
      {"redis-db", "N", "0", "the number of the database in Redis", ParseNumber<&O::redis_db, 0>,
       ShowNumber<&O::redis_db>},
      {"workers", "N", DefaultWorkers(),
       "threads for many misses at once, commands to Redis, the sweep (1..256)",
       ParseNumber<&O::workers, 1, 256>, ShowNumber<&O::workers>},
      {"inline", "[=true|false]", "true",
       "answer hits and start few misses without queue and workers",
       ParseSwitch<&O::answers_inline>, ShowSwitch<&O::answers_inline>},
      {"reactors", "N", "1", "threads that share the clients; 1 serves hits on one core (1..64)",
       ParseNumber<&O::reactors, 1, 64>, ShowNumber<&O::reactors>},
      {"timeout", "DURATION", "1s", "how long a request may wait for Redis",
       ParsePositiveTime<&O::timeout>, ShowTime<&O::timeout>},
      {"coherent", "[=true|false|auto]", "false",
       "follow every write in Redis; auto: only if Redis can", ParseCoherent, ShowCoherent},
      {"max-stale", "DURATION", "1s", "with -coherent, how long an overwritten value may be served",
       ParseMaxStale, ShowTime<&O::max_stale>},
      {"prefix", "PREFIX", "", "with -coherent, cache only keys that begin so; repeatable",
       ParsePrefix, ShowPrefixes},
      {"stale-if-error", "DURATION", "0", "serve a value so long beyond its end if Redis is away",
       ParseTime<&O::stale_if_error>, ShowTime<&O::stale_if_error>},
      {"max-clients", "N", "10000", "the most clients at a time (1..1000000)",
       ParseNumber<&O::max_clients, 1, 1000000>, ShowNumber<&O::max_clients>},
      {"header-timeout", "DURATION", "10s",
       "how long a client may take to send a request; 0 = for ever", ParseTime<&O::header_timeout>,
       ShowTime<&O::header_timeout>},
      {"idle-timeout", "DURATION", "75s",
       "how long HTTP waits for the next request; 0 = close behind each answer",
       ParseTime<&O::idle_timeout>, ShowTime<&O::idle_timeout>},
      {"write-timeout", "DURATION", "30s",
       "how long a client may take nothing of its answers; 0 = for ever",
       ParseTime<&O::write_timeout>, ShowTime<&O::write_timeout>},
      {"resp-idle-timeout", "DURATION", "0",
       "how long a client of -resp may send nothing; 0 = for ever",
       ParseTime<&O::resp_idle_timeout>, ShowTime<&O::resp_idle_timeout>},
      {"content-type", "TYPE", "application/octet-stream", "the Content-Type of values",
       ParseContentType, ShowText<&O::content_type>},
      {"log-level", "debug|info|warn|error", "info",
       "leave out lesser events; debug tells of each connection and retry", ParseLogLevel,
       ShowLogLevel},
      {"health", "", "", "tell by the exit status whether the server that runs here answers",
       nullptr, nullptr},
      {"version", "", "", "print the version and exit", nullptr, nullptr},
      {"h", "", "", "print this help and exit; also -help", nullptr, nullptr},
  }};
  return flags;
}

namespace {

// Where -f alone means -f=true.
bool StandsAlone(const Flag& flag) { return flag.value_name.starts_with("[="); }

const Flag* FindFlag(std::string_view name) {
  if (name == "help") name = "h";
  const auto found = std::find_if(Flags().begin(), Flags().end(),
                                  [&](const Flag& flag) { return flag.name == name; });
  return found == Flags().end() ? nullptr : &*found;
}

}  // namespace

Result<ParsedAction> ParseOptions(int argc, const char* const* argv, Options* options) {
  for (const Flag& flag : Flags()) {
    if (flag.parse != nullptr) RP_CHECK(flag.parse(flag.default_text, options).ok());
  }
  options->prefixes.clear();  // the default is none, not the empty one
  ParsedAction action = ParsedAction::kRun;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    const bool is_flag = name.size() > 1 && name.starts_with('-') && name != "--";
    if (name == "--" && ++i >= argc) break;
    if (!is_flag) return Error{ErrorCode::kInternal, "unexpected argument " + Quote(argv[i])};
    name.remove_prefix(name.starts_with("--") ? 2 : 1);
    const size_t equals = name.find('=');
    const bool has_value = equals != std::string_view::npos;
    std::string_view value = has_value ? name.substr(equals + 1) : "";
    name = name.substr(0, equals);

    const Flag* const flag = FindFlag(name);
    if (flag == nullptr) {
      return Error{ErrorCode::kInternal, "-" + Escape(name) + ": no such flag (see -h)"};
    }
    if (flag->value_name.empty()) {
      const Result<bool> given = ParseBool(has_value ? value : "true");
      if (!given) return Wrong(*flag, given.error().message);
      if (flag->name == "h" && *given) return ParsedAction::kHelp;
      if (flag->name == "version") action = *given ? ParsedAction::kVersion : ParsedAction::kRun;
      if (flag->name == "health") action = *given ? ParsedAction::kHealth : ParsedAction::kRun;
      continue;
    }
    const bool may_stand_alone = StandsAlone(*flag);
    if (!has_value && may_stand_alone) value = "true";
    if (!has_value && !may_stand_alone && ++i >= argc) return Wrong(*flag, "needs a value");
    if (!has_value && !may_stand_alone) value = argv[i];
    const Result<void> parsed = flag->parse(value, options);
    if (!parsed) return Wrong(*flag, parsed.error().message);
  }
  // Every key begins with an empty prefix, which is so without the flag.
  if (options->prefixes == std::vector<std::string>{""}) options->prefixes.clear();
  if (action == ParsedAction::kRun && options->coherent == Coherent::kNo &&
      !options->prefixes.empty()) {
    return Error{ErrorCode::kInternal,
                 "-prefix: expected -coherent beside it, got " + Quote(options->prefixes.front())};
  }
  if (action == ParsedAction::kRun && options->forward &&
      (options->coherent != Coherent::kYes || !options->resp)) {
    return Error{ErrorCode::kInternal, "-forward: expected -coherent and -resp beside it"};
  }
  return action;
}

Result<void> LoadSecrets(Options* options, const std::function<const char*(const char*)>& get_env) {
  const auto read = [&](const char* name) {
    const char* const value = get_env(name);
    return std::string(value == nullptr ? "" : value);
  };
  options->redis_username = read("REDIS_USERNAME");
  options->redis_password = read("REDIS_PASSWORD");
  auto proxy_auth = core::Credentials::Parse(read("REDIS_PROXY_AUTH"));
  if (!proxy_auth) {
    return Error{proxy_auth.error().code, "REDIS_PROXY_AUTH: " + proxy_auth.error().message};
  }
  options->proxy_auth = std::move(*proxy_auth);
  if (options->http_auth && !options->proxy_auth.required()) {
    return Error{ErrorCode::kInternal, "-http-auth: expected REDIS_PROXY_AUTH in the environment"};
  }
  return {};
}

std::string HelpText() {
  std::string text =
      "Usage: redis-proxy [FLAG]...\n"
      "Serves GET /KEY over HTTP from Redis through a cache in memory.\n"
      "\n"
      "Flags, as -f VALUE, -f=VALUE, --f VALUE or --f=VALUE:\n";
  for (const Flag& flag : Flags()) {
    text += "  -" + std::string(flag.name);
    if (!flag.value_name.empty()) {
      text += (StandsAlone(flag) ? "" : " ") + std::string(flag.value_name);
    }
    if (!flag.default_text.empty()) text += " (default " + flag.default_text + ")";
    text += "\n      " + std::string(flag.help) + "\n";
  }
  text +=
      "\n"
      "DURATION is a number with a unit: 250ms, 90s, 2m, 1h30m.\n"
      "SIZE is in bytes or with a unit: 512kb, 1mb, 2g (powers of 1024).\n"
      "\n"
      "Environment:\n"
      "  REDIS_USERNAME, REDIS_PASSWORD\n"
      "      what to log in to Redis with\n"
      "  REDIS_PROXY_AUTH\n"
      "      a password or comma-separated user:password pairs: for -resp, -http-auth\n"
      "\n"
      "Example:\n"
      "  redis-proxy -redis localhost:6379 -http :8080 -expire 2m -capacity 1000\n"
      "  curl -i http://localhost:8080/example_key\n";
  return text;
}

std::string DescribeSettings(const Options& options) {
  std::string line;
  for (const Flag& flag : Flags()) {
    if (flag.show == nullptr) continue;
    const std::string value = flag.show(options);
    const bool plain =
        std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!line.empty()) line += ' ';
    ((line += flag.name) += '=') += plain ? value : Quote(value);
  }
  return line;
}

}  // namespace rp::config
