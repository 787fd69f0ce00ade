// Parses the Authorization field of a request: the Basic scheme (RFC 7617) and the Bearer scheme
// (RFC 6750 section 2.1). Hides their notation, base64 included. Does not check the credentials.
//
// Owner: nobody; a pure function.
// Thread safety: any thread.
// Cost: O(n), one allocation for long credentials.
#pragma once

#include <string>
#include <string_view>

namespace rp::http {

enum class AuthScheme : unsigned char {
  kNone,  // no field, another scheme, or malformed
  kBasic,
  kBearer,
};

struct Authorization {
  AuthScheme scheme = AuthScheme::kNone;
  std::string user;    // for kBasic; it contains no colon
  std::string secret;  // the password or the token
};

// A longer value of the field is not parsed.
inline constexpr size_t kMaxAuthorizationBytes = 4096;

// Parses `value`, the field's value without white space around it. Returns kNone if the value is
// malformed, of another scheme, or longer than kMaxAuthorizationBytes. Ignores the case of the
// scheme's name (RFC 9110 section 11.1). Accepts base64 with and without its padding.
[[nodiscard]] Authorization ParseAuthorization(std::string_view value);

}  // namespace rp::http
