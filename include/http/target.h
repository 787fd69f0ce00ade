// From a request-target to the key it names. Hides: the percent encoding.
//
// Thread safety: any thread, each with its own key. Cost: O(n); one copy when nothing is encoded.
#pragma once

#include <string>
#include <string_view>

namespace rp::http {

enum class KeyStatus : unsigned char {
  kOk,
  kBadEscape,  // a '%' without two hexadecimal digits behind it (RFC 3986 section 2.1)
};

// Appends the key that `target` names to *key: the raw path behind its first '/', up to '?',
// percent-decoded once. A key is any bytes: %00 and %2F are what they say, '+' is a plus, dot
// segments are left alone, and "/" names the key of zero bytes. Unless the answer is kOk, *key is
// as it was. REQUIRES: `target` is that of a RequestHead and begins with '/'.
[[nodiscard]] KeyStatus DecodeKey(std::string_view target, std::string* key);

}  // namespace rp::http
