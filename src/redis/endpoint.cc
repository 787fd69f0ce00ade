#include "redis/endpoint.h"

#include <sys/un.h>

#include <utility>

#include "base/parse.h"

namespace rp::redis {
namespace {

constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

Error Expected(const std::string& what, std::string_view given) {
  return Error{ErrorCode::kInternal, "expected " + what + ", got " + Quote(given)};
}

Result<Endpoint> ParsePath(std::string_view text) {
  if (text.size() > kMaxPathBytes) {
    return Expected("a path of at most " + std::to_string(kMaxPathBytes) + " bytes", text);
  }
  if (text.find('\0') != std::string_view::npos) return Expected("a path without NUL bytes", text);
  Endpoint endpoint;
  endpoint.path = text;
  return endpoint;
}

}  // namespace

std::string Endpoint::ToString() const {
  return path.empty() ? FormatHostPort({host, port}) : path;
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  if (text.starts_with('/')) return ParsePath(text);
  Result<HostPort> address = ParseHostPort(text);
  if (!address && !text.empty()) {
    address = ParseHostPort(std::string(text) + ":" + std::to_string(kDefaultPort));
  }
  if (!address || address->port == 0) {
    return Expected("HOST[:PORT], [IPV6][:PORT] or /PATH with a port from 1 to 65535", text);
  }
  Endpoint endpoint;
  endpoint.host = address->host.empty() ? "localhost" : std::move(address->host);
  endpoint.port = address->port;
  return endpoint;
}

}  // namespace rp::redis
