// The grammar that all parsers of RESP share: how an integer is written, and which types of replies
// there are.
//
// Owner: nobody; constants and pure functions.
// Thread safety: any thread.
// Cost: O(n) in the text, no allocation.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "base/ascii.h"
#include "base/parse_status.h"

namespace rp::resp {

// Parses an integer as strictly as Redis (its string2ll): digits without leading zeros, '-' before
// a negative number, the range of int64_t; no plus sign, no spaces, no "-0". Returns false, and
// leaves *number unchanged, if `text` is anything else.
[[nodiscard]] inline bool ParseCanonicalInteger(std::string_view text, int64_t* number) {
  if (text.empty()) return false;
  if (text.size() == 1) {
    if (text[0] < '0' || text[0] > '9') return false;
    *number = text[0] - '0';
    return true;
  }
  const char first_digit = text[0] == '-' ? text[1] : text[0];
  if (first_digit == '0') return false;
  int64_t parsed = 0;
  const char* end = text.data() + text.size();
  const auto [parsed_end, status] = std::from_chars(text.data(), end, parsed);
  if (status != std::errc() || parsed_end != end) return false;
  *number = parsed;
  return true;
}

// Return whether a reply, or an element of one, that begins with this byte is a bulk (a length and
// bytes), an aggregate (a count and elements), or only a line.
constexpr bool IsBulk(char type) { return type == '$' || type == '!' || type == '='; }
constexpr bool IsAggregate(char type) {
  return type == '*' || type == '~' || type == '%' || type == '>' || type == '|';
}
constexpr bool IsLine(char type) {
  return std::string_view("+-:_#,(").find(type) != std::string_view::npos;
}

// Returns whether this is an error reply.
constexpr bool IsError(std::string_view reply) { return reply.starts_with('-'); }
// Returns the text of an error reply without its '-', or an empty text if it is another reply.
constexpr std::string_view ErrorText(std::string_view reply) {
  return IsError(reply) ? reply.substr(1, reply.find('\r') - 1) : std::string_view();
}

// Returns `text` up to its first NUL, which is all that C's string functions see of it. Redis uses
// these on names.
constexpr std::string_view UpToNul(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

}  // namespace rp::resp
