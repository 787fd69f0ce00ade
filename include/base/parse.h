// The texts in which people write settings: numbers, durations, sizes and addresses. Hides their
// grammar; nothing here is for bytes of a protocol.
//
// Every error message is one line that says what was expected and quotes what was given, for
// example: expected HOST:PORT, [IPV6]:PORT or :PORT, got 'x'. The caller puts the name of the
// setting before it. The code of these errors says nothing: they are about settings, not requests.
//
// Thread safety: pure functions. Cost: they allocate; for the start of the program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace rp {

// `text` fit for one line: at most its first 64 bytes, each byte that is not visible ASCII or a
// space as \xNN, quotes and backslashes escaped, "..." at the end when it was cut.
std::string Escape(std::string_view text);

// Escape(text) between single quotes.
std::string Quote(std::string_view text);

// A decimal number from `min` to `max`: digits, and '-' before them where min < 0. No plus sign, no
// spaces, and no leading zeros, which other programs take for octal.
Result<int64_t> ParseInteger(std::string_view text, int64_t min, int64_t max);

// A duration as Go's time.ParseDuration takes it, but never negative: one or more decimal numbers,
// each with an optional fraction and a unit, such as 90s, 1h30m or 1.5h; or 0. Units: ns, us (also
// with either of Unicode's micro signs), ms, s, m and h. What is below a nanosecond is dropped.
Result<Duration> ParseDuration(std::string_view text);

// The shortest such text in whole numbers: 2m, 1h30m, 1s500ms, 0. ParseDuration reads back the same
// duration. REQUIRES: duration >= 0.
std::string FormatDuration(Duration duration);

// A number of bytes, in any case: 1kb, 1mb and 1gb are powers of 1024, and so are 1k, 1m and 1g
// (which redis.conf takes for powers of 1000) and 1KiB, 1MiB and 1GiB; without a unit, or with b,
// bytes. The number is whole.
Result<uint64_t> ParseSize(std::string_view text);

// The shortest such text that is exact: 1mb, 1536kb, 1000, 0. ParseSize reads back the same size.
std::string FormatSize(uint64_t bytes);

struct HostPort {
  std::string host;  // without brackets; empty for ":8080"
  uint16_t port = 0;
};

// HOST:PORT, [IPV6]:PORT or :PORT. HOST is a name (letters, digits, '.', '-', '_'; at most 253
// bytes) or an IPv4 address, and nothing is resolved here. IPV6 is an address, maybe with %ZONE.
Result<HostPort> ParseHostPort(std::string_view text);

// The text that ParseHostPort reads back: "example.org:80", "[::1]:80", ":80".
std::string FormatHostPort(const HostPort& address);

}  // namespace rp
