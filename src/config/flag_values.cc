#include "config/flag_values.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "base/memory_limit.h"

namespace rp::config {
namespace {

constexpr size_t kMaxContentTypeBytes = 200;
constexpr Duration kMinLease = std::chrono::milliseconds(10);  // Redis must answer within it
constexpr Duration kMaxLease = std::chrono::hours(1);
constexpr size_t kMaxPrefixBytes = 1024;
constexpr size_t kMaxPrefixes = 128;
constexpr std::array<std::string_view, 4> kLogLevelNames = {"debug", "info", "warn", "error"};

Error Expected(std::string_view what, std::string_view given) {
  return {ErrorCode::kInternal, "expected " + std::string(what) + ", got " + Quote(given)};
}

}  // namespace

Result<bool> ParseBool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return Expected("true or false", text);
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

Result<void> ParseTimeout(std::string_view text, Options* options) {
  const Result<Duration> duration = ParseDuration(text);
  if (!duration) return duration.error();
  if (*duration == Duration(0)) return Expected("a duration greater than 0", text);
  options->timeout = *duration;
  return {};
}

Result<void> ParseMaxStale(std::string_view text, Options* options) {
  const Result<Duration> duration = ParseDuration(text);
  if (!duration) return duration.error();
  if (*duration < kMinLease || *duration > kMaxLease) {
    return Expected("a duration from 10ms to 1h", text);
  }
  options->max_stale = *duration;
  return {};
}

Result<void> ParseContentType(std::string_view text, Options* options) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (text.empty() || text.size() > kMaxContentTypeBytes || !printable || text.front() == ' ' ||
      text.back() == ' ') {
    return Expected("a type such as text/plain, of 1 to 200 printable ASCII characters", text);
  }
  options->content_type = text;
  return {};
}

std::string ShowContentType(const Options& options) { return options.content_type; }

Result<void> ParseLogLevel(std::string_view text, Options* options) {
  const auto found = std::find(kLogLevelNames.begin(), kLogLevelNames.end(), text);
  if (found == kLogLevelNames.end()) return Expected("debug, info, warn or error", text);
  options->log_level = static_cast<LogLevel>(found - kLogLevelNames.begin());
  return {};
}

std::string ShowLogLevel(const Options& options) {
  return std::string(kLogLevelNames[static_cast<size_t>(options.log_level)]);
}

Result<void> ParseCoherent(std::string_view text, Options* options) {
  const Result<bool> yes = ParseBool(text);
  if (text != "auto" && !yes) return Expected("true, false or auto", text);
  options->coherent = text == "auto" ? Coherent::kAuto : *yes ? Coherent::kYes : Coherent::kNo;
  return {};
}

std::string ShowCoherent(const Options& options) {
  return options.coherent == Coherent::kAuto  ? "auto"
         : options.coherent == Coherent::kYes ? "true"
                                              : "false";
}

Result<void> ParsePrefix(std::string_view text, Options* options) {
  if (text.size() > kMaxPrefixBytes) {
    return Expected("a prefix of at most " + std::to_string(kMaxPrefixBytes) + " bytes", text);
  }
  if (options->prefixes.size() >= kMaxPrefixes) {
    return Expected("at most " + std::to_string(kMaxPrefixes) + " prefixes", text);
  }
  // Redis refuses prefixes that overlap, with an error that would come much later.
  for (const std::string& other : options->prefixes) {
    if (text.starts_with(other) || other.starts_with(text)) {
      return Expected("a prefix that does not overlap with " + Quote(other), text);
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

std::string DefaultWorkers() {
  return std::to_string(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
}

// At least one MiB, since 0 would be no limit.
std::string DefaultMaxMemory() {
  constexpr uint64_t kMiB = 1 << 20;
  return FormatSize(std::max<uint64_t>(UsableMemoryBytes() / 4 / kMiB, 1) * kMiB);
}

}  // namespace rp::config
