// What all readers of RESP share: how an integer is spelled, how names are compared, what an
// incremental reader answers and which types of replies there are. Owns nothing.
//
// Thread safety: constants and pure functions, any thread. Cost: O(n) in the text, no allocation.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "base/ascii.h"
#include "base/parse_status.h"

namespace rp::resp {

// The one spelling that Redis takes (its string2ll): digits without leading zeros, '-' before what
// is below zero, the range of int64_t. No plus sign, no spaces, no "-0". *number is left alone when
// the answer is false.
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

// By the first byte of a reply or of an element of one. A line is all there is of the others.
constexpr bool IsBulk(char type) { return type == '$' || type == '!' || type == '='; }
constexpr bool IsAggregate(char type) {
  return type == '*' || type == '~' || type == '%' || type == '>' || type == '|';
}
constexpr bool IsLine(char type) {
  return std::string_view("+-:_#,(").find(type) != std::string_view::npos;
}

// What C's string functions, which Redis uses on names, see of `text`: all before the first NUL.
constexpr std::string_view UpToNul(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

}  // namespace rp::resp
