// The character classes of RFC 9110 section 5.6 and RFC 3986, one table look-up each. Hides: which
// octets belong to which grammar rule. Everything here works on octets, never on a locale or on
// Unicode text (RFC 9112 section 2.2).
//
// Owner: nobody; constants and pure functions.
// Thread safety: any thread.
// Cost: one load per octet.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/ascii.h"

namespace rp::http {

enum CharClass : unsigned char {
  kTokenChar = 1,    // tchar
  kFieldChar = 2,    // field-vchar (obs-text included), SP and HTAB
  kTargetChar = 4,   // visible ASCII but '#': a request-target has no fragment
  kRegNameChar = 8,  // unreserved and sub-delims of RFC 3986
  kDigitChar = 16,
  kHexChar = 32,
};

inline constexpr std::array<unsigned char, 256> kCharClasses = [] {
  std::array<unsigned char, 256> classes{};
  const auto add = [&classes](unsigned char char_class, std::string_view chars) {
    for (const char c : chars) classes[static_cast<unsigned char>(c)] |= char_class;
  };
  for (size_t c = 0x20; c < 0x100; ++c) classes[c] |= c != 0x7f ? kFieldChar : 0;
  for (size_t c = 0x21; c < 0x7f; ++c) classes[c] |= c != '#' ? kTargetChar : 0;
  add(kFieldChar, "\t");
  add(kTokenChar | kRegNameChar, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
  add(kTokenChar, "!#$%&'*+-.^_`|~");
  add(kRegNameChar, "-._~!$&'()*+,;=");
  add(kDigitChar | kHexChar, "0123456789");
  add(kHexChar, "abcdefABCDEF");
  return classes;
}();

// Returns whether `c` is in the class.
constexpr bool Is(CharClass char_class, char c) {
  return (kCharClasses[static_cast<unsigned char>(c)] & char_class) != 0;
}

// Returns whether all octets of `text` are in the class; true for an empty text.
constexpr bool AllAre(CharClass char_class, std::string_view text) {
  for (const char c : text) {
    if (!Is(char_class, c)) return false;
  }
  return true;
}

// Returns whether `c` is optional white space (RFC 9110 section 5.6.3).
constexpr bool IsOws(char c) { return c == ' ' || c == '\t'; }

// Returns the value of a hexadecimal digit. REQUIRES: Is(kHexChar, c).
constexpr unsigned HexValue(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet <= '9' ? octet - unsigned{'0'} : (octet | 0x20u) - unsigned{'a'} + 10u;
}

// Returns `text` without optional white space at both ends (RFC 9110 section 5.6.3).
constexpr std::string_view TrimOws(std::string_view text) {
  while (!text.empty() && IsOws(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsOws(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace rp::http
