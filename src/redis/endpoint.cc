#include "redis/endpoint.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace rp::redis {
namespace {

constexpr size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kHostBytesMax = 253;  // RFC 1035, section 2.3.4, as text

Error Expected(const char* what) {
  return Error{ErrorCode::kInternal, std::string("expected ") + what};
}

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f'; });
}

Result<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || rest != end || port == 0) return Expected("a port from 1 to 65535");
  return port;
}

Result<Endpoint> ParsePath(std::string_view text) {
  if (text.size() > kPathBytesMax) return Expected("a socket path of at most 107 bytes");
  if (text.find('\0') != std::string_view::npos) return Expected("a path without NUL bytes");
  Endpoint endpoint;
  endpoint.path = text;
  return endpoint;
}

}  // namespace

std::string Endpoint::ToString() const {
  if (!path.empty()) return path;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  if (text.starts_with('/')) return ParsePath(text);
  if (text.empty() || !IsPlain(text)) return Expected("HOST:PORT or /path/of.sock");
  std::string_view host;
  std::string_view rest;  // empty, or the colon and the port
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || end == 1) return Expected("an address as in [::1]:6379");
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    host = text.substr(0, colon);
    rest = text.substr(colon);
    if (rest.find(':', 1) != std::string_view::npos) {
      return Expected("brackets around an IPv6 address, as in [::1]:6379");
    }
    if (host.empty()) host = "localhost";
  }
  if (host.size() > kHostBytesMax) return Expected("a host name of at most 253 bytes");
  Endpoint endpoint;
  endpoint.host = host;
  if (rest.empty()) return endpoint;
  if (rest.front() != ':') return Expected("HOST:PORT or /path/of.sock");
  Result<uint16_t> port = ParsePort(rest.substr(1));
  if (!port) return port.error();
  endpoint.port = *port;
  return endpoint;
}

}  // namespace rp::redis
