#include "http/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "http/chars.h"

namespace rp::http {
namespace {

bool IsRegName(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (Is(kRegNameChar, text[i])) continue;
    const std::string_view escape = text.substr(i, 3);
    if (escape.size() < 3 || escape[0] != '%' || !AllAre(kHexChar, escape.substr(1))) return false;
    i += 2;
  }
  return true;
}

// Returns whether `text`, the part between the brackets, is an IPv6address or an IPvFuture.
bool IsIpLiteral(std::string_view text) {
  if (!text.empty() && (text[0] == 'v' || text[0] == 'V')) {
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size()) return false;
    return AllAre(kHexChar, text.substr(1, dot - 1)) &&
           std::all_of(text.begin() + static_cast<ptrdiff_t>(dot) + 1, text.end(),
                       [](char c) { return c == ':' || Is(kRegNameChar, c); });
  }
  // No NUL can stand in it: neither targets nor field values have any.
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

}  // namespace

bool IsAuthority(std::string_view text) {
  size_t host_bytes;
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || !IsIpLiteral(text.substr(1, bracket - 1))) {
      return false;
    }
    host_bytes = bracket + 1;
  } else {
    host_bytes = std::min(text.find(':'), text.size());
    if (host_bytes == 0 || !IsRegName(text.substr(0, host_bytes))) return false;
  }
  const std::string_view port = text.substr(host_bytes);
  return port.empty() || (port[0] == ':' && AllAre(kDigitChar, port.substr(1)));
}

bool IsAuthorityWithPort(std::string_view text) {
  return IsAuthority(text) && Is(kDigitChar, text.back()) &&
         text.find(':') != std::string_view::npos;
}

}  // namespace rp::http
