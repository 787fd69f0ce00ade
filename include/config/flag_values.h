// Flag values: how each kind of flag reads its value and shows it. Hides the limits of the values.
// A parser stores into `*options`, or returns one line such as "expected true or false, got 'x'";
// the caller puts the name of the flag before it. A parser reads back the text that Show...
// returns.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: for the start of the program.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/parse.h"
#include "base/result.h"
#include "config/options.h"

namespace rp::config {

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

// Returns true for 1, t, T, true, TRUE or True and false for 0, f, F, false, FALSE or False, as
// Go's strconv.ParseBool does.
Result<bool> ParseBool(std::string_view text);

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

Result<void> ParseHttp(std::string_view text, Options* options);
std::string ShowHttp(const Options& options);
// An empty text switches it off.
Result<void> ParseResp(std::string_view text, Options* options);
std::string ShowResp(const Options& options);
Result<void> ParseRedis(std::string_view text, Options* options);
std::string ShowRedis(const Options& options);
Result<void> ParseTimeout(std::string_view text, Options* options);
Result<void> ParseMaxStale(std::string_view text, Options* options);
Result<void> ParseContentType(std::string_view text, Options* options);
std::string ShowContentType(const Options& options);
Result<void> ParseLogLevel(std::string_view text, Options* options);
std::string ShowLogLevel(const Options& options);
Result<void> ParseCoherent(std::string_view text, Options* options);
std::string ShowCoherent(const Options& options);
// Adds a prefix to those that were given before.
Result<void> ParsePrefix(std::string_view text, Options* options);
std::string ShowPrefixes(const Options& options);

// The default of -workers: the number of processors, at most 4.
std::string DefaultWorkers();
// The default of -max-memory: a quarter of the memory, in whole MiB and at least one.
std::string DefaultMaxMemory();

}  // namespace rp::config
