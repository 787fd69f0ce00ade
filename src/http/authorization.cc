#include "http/authorization.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace rp::http {
namespace {

// Returns the six bits of a base64 character (RFC 4648 section 4), or -1 for any other character.
int SextetOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find('='));
  const std::string_view padding = text.substr(digits.size());
  // One character alone has too few bits for a byte.
  if (digits.size() % 4 == 1) return std::nullopt;
  if (!padding.empty() && (text.size() % 4 != 0 || (padding != "=" && padding != "=="))) {
    return std::nullopt;
  }
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : digits) {
    const int sextet = SextetOf(c);
    if (sextet < 0) return std::nullopt;
    buffer = (buffer << 6 | static_cast<unsigned>(sextet)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(buffer >> bits & 0xff));
  }
  return bytes;
}

}  // namespace

Authorization ParseAuthorization(std::string_view value) {
  if (value.size() > kMaxAuthorizationBytes) return {};
  const size_t name_bytes = std::min(value.find(' '), value.size());
  const std::string_view name = value.substr(0, name_bytes);
  const size_t start = value.find_first_not_of(' ', name_bytes);
  if (start == std::string_view::npos) return {};
  const std::string_view credentials = value.substr(start);
  Authorization authorization;
  if (EqualsIgnoreCase(name, "bearer")) {
    authorization.scheme = AuthScheme::kBearer;
    authorization.secret = credentials;
  } else if (EqualsIgnoreCase(name, "basic")) {
    const std::optional<std::string> pair = DecodeBase64(credentials);
    const size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) return {};
    authorization.scheme = AuthScheme::kBasic;
    authorization.user = pair->substr(0, colon);
    authorization.secret = pair->substr(colon + 1);
  }
  return authorization;
}

}  // namespace rp::http
