// Where Redis is: a host and a port, or the path of a Unix socket. Hides the written form.
//
// Thread safety: values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rp::redis {

inline constexpr uint16_t kDefaultPort = 6379;

struct Endpoint {
  std::string host;  // a name or a numeric address without brackets; empty with a path
  uint16_t port = kDefaultPort;
  std::string path;  // of a Unix socket; empty with a host

  // As it is written on the command line and in the log.
  [[nodiscard]] std::string ToString() const;
};

// Reads "host:port", "host", ":port" (this machine), "[::1]:6379", "[::1]" or "/path.sock". Nothing
// is resolved. The error says what was expected, for whoever wrote the text.
Result<Endpoint> ParseEndpoint(std::string_view text);

}  // namespace rp::redis
