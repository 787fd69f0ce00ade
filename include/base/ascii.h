// ASCII letters in upper and lower case, for protocols whose names ignore case. No locale is used.
//
// Owner: nobody; pure functions.
// Thread safety: any thread.
// Cost: O(n); LowerCase allocates.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rp {

// Returns `c` in lower case if it is an ASCII letter, else `c`.
constexpr char ToLowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Returns `c` in upper case if it is an ASCII letter, else `c`.
constexpr char ToUpperAscii(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

// Returns `text` in lower case.
inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLowerAscii(c);
  return lower;
}

// Returns whether `text` equals `lower`, ignoring ASCII case. REQUIRES: `lower` is in lower case.
constexpr bool EqualsIgnoreCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (ToLowerAscii(text[i]) != lower[i]) return false;
  }
  return true;
}

}  // namespace rp
