// Reads the Authorization field of a request: the Basic scheme (RFC 7617) and the Bearer scheme
// (RFC 6750 section 2.1). Hides their notation, base64 among it. Whether the credentials are right
// is not decided here.
//
// Thread safety: pure function, any thread. Cost: O(bytes), one allocation for long credentials.
#pragma once

#include <string>
#include <string_view>

namespace rp::http {

enum class AuthScheme : unsigned char {
  kNone,  // no field, another scheme, or not well formed
  kBasic,
  kBearer,
};

struct Authorization {
  AuthScheme scheme = AuthScheme::kNone;
  std::string user;    // of kBasic, without colons
  std::string secret;  // the password or the token
};

// The longest credentials that are looked at, in bytes of the field's value.
inline constexpr size_t kMaxAuthorizationBytes = 4096;

// `value` is the field's value without white space around it. The scheme's name is in any case (RFC
// 9110 section 11.1); base64 is with or without its padding, and with nothing else in it.
[[nodiscard]] Authorization ParseAuthorization(std::string_view value);

}  // namespace rp::http
