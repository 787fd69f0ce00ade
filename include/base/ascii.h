// Letters of ASCII in either case, for protocols whose names have none. Never a locale's.
//
// Thread safety: pure functions. Cost: O(n).
#pragma once

#include <cstddef>
#include <string_view>

namespace rp {

constexpr char ToLowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr char ToUpperAscii(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

// Compares without regard to ASCII case. REQUIRES: `lower` is in lower case.
constexpr bool EqualsIgnoreCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (ToLowerAscii(text[i]) != lower[i]) return false;
  }
  return true;
}

}  // namespace rp
