#include "base/parse.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

#include "base/check.h"

namespace rp {
namespace {

constexpr size_t kQuotedBytes = 64;
constexpr size_t kMaxHostBytes =
    253;  // the longest name that DNS can carry (RFC 1035 section 2.3.4)

__extension__ using Wide = unsigned __int128;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Error Expected(std::string_view what, std::string_view given) {
  return {ErrorCode::kInternal, "expected " + std::string(what) + ", got " + Quote(given)};
}

// Parses the whole of `text` as a decimal number without leading zeros.
template <typename Number>
bool ParseWhole(std::string_view text, Number* number) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.starts_with('0') && text.size() > 1) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

struct Unit {
  std::string_view name;
  uint64_t size;
};

constexpr std::array<Unit, 8> kTimeUnits = {{
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
    {"\u00b5s", 1'000},  // the micro sign
    {"\u03bcs", 1'000},  // the Greek letter mu
}};
constexpr size_t kTimeUnitsWritten = 6;

constexpr std::array<Unit, 11> kSizeUnits = {{
    {"gb", uint64_t{1} << 30},
    {"mb", uint64_t{1} << 20},
    {"kb", uint64_t{1} << 10},
    {"", 1},
    {"b", 1},
    {"k", uint64_t{1} << 10},
    {"m", uint64_t{1} << 20},
    {"g", uint64_t{1} << 30},
    {"kib", uint64_t{1} << 10},
    {"mib", uint64_t{1} << 20},
    {"gib", uint64_t{1} << 30},
}};
constexpr size_t kSizeUnitsWritten = 4;

template <size_t kCount>
const Unit* FindUnit(const std::array<Unit, kCount>& units, std::string_view name) {
  const auto found =
      std::find_if(units.begin(), units.end(), [&](const Unit& unit) { return unit.name == name; });
  return found == units.end() ? nullptr : &*found;
}

std::string_view TakeDigits(std::string_view* rest) {
  const auto end = std::find_if_not(rest->begin(), rest->end(), IsDigit);
  const std::string_view digits = rest->substr(0, static_cast<size_t>(end - rest->begin()));
  rest->remove_prefix(digits.size());
  return digits;
}

// Removes one "1.5h" from the front of `rest` and sets `*nanoseconds` to it, or to 2^64 - 1 if it
// is larger: that is too large for any duration.
bool TakeDurationPart(std::string_view* rest, Wide* nanoseconds) {
  const std::string_view whole = TakeDigits(rest);
  std::string_view fraction;
  if (rest->starts_with('.')) {
    rest->remove_prefix(1);
    fraction = TakeDigits(rest);
  }
  if (whole.empty() && fraction.empty()) return false;
  const auto unit_end =
      std::find_if(rest->begin(), rest->end(), [](char c) { return c == '.' || IsDigit(c); });
  const auto unit_bytes = static_cast<size_t>(unit_end - rest->begin());
  const Unit* const unit = FindUnit(kTimeUnits, rest->substr(0, unit_bytes));
  if (unit == nullptr) return false;
  rest->remove_prefix(unit_bytes);

  constexpr Wide kTooMuch = std::numeric_limits<uint64_t>::max();
  Wide count = 0;
  for (const char c : whole) count = std::min(count * 10 + static_cast<Wide>(c - '0'), kTooMuch);
  // No unit is long enough for the 19th digit of a fraction to make up a nanosecond.
  Wide numerator = 0;
  Wide denominator = 1;
  for (const char c : fraction.substr(0, 18)) {
    numerator = numerator * 10 + static_cast<Wide>(c - '0');
    denominator *= 10;
  }
  *nanoseconds = std::min(count * unit->size + numerator * unit->size / denominator, kTooMuch);
  return true;
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return IsLetter(c) || IsDigit(c) || c == '.' || c == '-' || c == '_';
         });
}

bool IsIpv6(std::string_view host) {
  const size_t zone = host.find('%');
  if (zone != std::string_view::npos && !IsHostName(host.substr(zone + 1))) return false;
  in6_addr address;
  const std::string text(host.substr(0, zone));
  return text.find('\0') == std::string::npos && inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text.substr(0, kQuotedBytes)) {
    if (c < 0x20 || c > 0x7e) {
      std::array<char, 5> hex;
      std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(c));
      escaped += hex.data();
    } else {
      if (c == '\'' || c == '\\') escaped += '\\';
      escaped += c;
    }
  }
  if (text.size() > kQuotedBytes) escaped += "...";
  return escaped;
}

std::string Quote(std::string_view text) { return "'" + Escape(text) + "'"; }

Result<int64_t> ParseInteger(std::string_view text, int64_t min, int64_t max) {
  int64_t number = 0;
  if (ParseWhole(text, &number) && number >= min && number <= max) return number;
  return Expected("a whole number from " + std::to_string(min) + " to " + std::to_string(max),
                  text);
}

Result<Duration> ParseDuration(std::string_view text) {
  if (text == "0") return Duration(0);
  const Error malformed = Expected("a duration such as 250ms, 90s, 2m or 1h30m", text);
  if (text.empty()) return malformed;
  Wide total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    Wide part = 0;
    if (!TakeDurationPart(&rest, &part)) return malformed;
    total += part;
  }
  if (total > static_cast<Wide>(Duration::max().count())) {
    return Expected("a duration of at most 292 years", text);
  }
  return Duration(static_cast<Duration::rep>(total));
}

std::string FormatDuration(Duration duration) {
  RP_CHECK(duration.count() >= 0);
  auto rest = static_cast<uint64_t>(duration.count());
  std::string text;
  for (size_t i = 0; i < kTimeUnitsWritten; ++i) {
    const Unit& unit = kTimeUnits[i];
    if (rest >= unit.size) (text += std::to_string(rest / unit.size)) += unit.name;
    rest %= unit.size;
  }
  return text.empty() ? "0" : text;
}

Result<uint64_t> ParseSize(std::string_view text) {
  std::string_view rest = text;
  const std::string_view digits = TakeDigits(&rest);
  std::string unit_name(rest);
  for (char& c : unit_name) c = IsLetter(c) ? static_cast<char>(c | 0x20) : c;
  const Unit* const unit = FindUnit(kSizeUnits, unit_name);
  uint64_t count = 0;
  uint64_t bytes = 0;
  if (unit == nullptr || !ParseWhole(digits, &count) ||
      __builtin_mul_overflow(count, unit->size, &bytes)) {
    return Expected("a size in bytes, kb, mb or gb such as 1000, 512kb or 2gb", text);
  }
  return bytes;
}

std::string FormatSize(uint64_t bytes) {
  size_t i = 0;
  while (i + 1 < kSizeUnitsWritten && (bytes < kSizeUnits[i].size || bytes % kSizeUnits[i].size))
    ++i;
  return std::to_string(bytes / kSizeUnits[i].size) + std::string(kSizeUnits[i].name);
}

Result<HostPort> ParseHostPort(std::string_view text) {
  const Error malformed = Expected("HOST:PORT, [IPV6]:PORT or :PORT", text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
    if (!IsIpv6(host)) return malformed;
  } else if (!host.empty() && !IsHostName(host)) {
    return malformed;
  }
  const std::string_view digits = text.substr(colon + 1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), IsDigit)) return malformed;
  uint16_t port = 0;
  if (!ParseWhole(digits, &port)) return Expected("a port from 0 to 65535", text);
  return HostPort{std::string(host), port};
}

std::string FormatHostPort(const HostPort& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace rp
