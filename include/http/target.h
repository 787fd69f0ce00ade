// Decodes a request-target to the key that it names. Hides: the percent-encoding.
//
// Owner: nobody; a pure function.
// Thread safety: any thread.
// Cost: O(n); one copy if nothing is encoded.
#pragma once

#include <string>
#include <string_view>

namespace rp::http {

enum class KeyStatus : unsigned char {
  kOk,
  kBadEscape,  // a '%' without two hexadecimal digits after it (RFC 3986 section 2.1)
};

// Appends the key that `target` names to *key: the raw path after its first '/', up to '?',
// percent-decoded once. A key may hold any bytes: %00 and %2F are decoded like all others, '+' is a
// plus, dot segments stay, and "/" names the key of zero bytes. Unless the result is kOk, *key is
// unchanged. REQUIRES: `target` comes from a RequestHead and begins with '/'.
[[nodiscard]] KeyStatus DecodeKey(std::string_view target, std::string* key);

}  // namespace rp::http
