// The texts in which people write settings: numbers, durations, sizes and addresses. Hides their
// grammar. Nothing here is for the bytes of a protocol.
//
// Every error message is one line that says what was expected and quotes what was given, for
// example: expected HOST:PORT, [IPV6]:PORT or :PORT, got 'x'. The caller puts the name of the
// setting in front. The code of these errors has no meaning: they are about settings, not requests.
//
// Owner: nobody; pure functions.
// Thread safety: any thread.
// Cost: they allocate; for the start of the program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace rp {

// Returns `text` as one printable line: its first 64 bytes, with each byte that is not visible
// ASCII or a space as \xNN, with quotes and backslashes escaped, and with "..." at the end if it
// was cut.
std::string Escape(std::string_view text);

// Returns Escape(text) in single quotes.
std::string Quote(std::string_view text);

// Parses a decimal number from `min` to `max`: digits, and '-' before them if min < 0. Refuses a
// plus sign, spaces, and leading zeros, which other programs read as octal.
Result<int64_t> ParseInteger(std::string_view text, int64_t min, int64_t max);

// Parses a duration as Go's time.ParseDuration does, but never a negative one: one or more decimal
// numbers, each with an optional fraction and a unit, such as 90s, 1h30m or 1.5h; or 0. Units: ns,
// us (also with either of Unicode's micro signs), ms, s, m and h. Rounds down to whole nanoseconds.
Result<Duration> ParseDuration(std::string_view text);

// Returns the shortest such text in whole numbers: 2m, 1h30m, 1s500ms, 0. ParseDuration parses it
// to the same duration. REQUIRES: duration >= 0.
std::string FormatDuration(Duration duration);

// Parses a number of bytes, with a unit in upper or lower case: kb, mb and gb are powers of 1024,
// and so are k, m and g (which redis.conf reads as powers of 1000) and KiB, MiB and GiB. Without a
// unit, or with b, the number is bytes. Refuses fractions.
Result<uint64_t> ParseSize(std::string_view text);

// Returns the shortest such text that is exact: 1mb, 1536kb, 1000, 0. ParseSize parses it to the
// same size.
std::string FormatSize(uint64_t bytes);

struct HostPort {
  std::string host;  // without brackets; empty for ":8080"
  uint16_t port = 0;
};

// Parses HOST:PORT, [IPV6]:PORT or :PORT. HOST is a name (letters, digits, '.', '-', '_'; at most
// 253 bytes) or an IPv4 address; it is not resolved. IPV6 is an address, optionally with %ZONE.
Result<HostPort> ParseHostPort(std::string_view text);

// Returns the text that ParseHostPort reads back: "example.org:80", "[::1]:80", ":80".
std::string FormatHostPort(const HostPort& address);

}  // namespace rp
