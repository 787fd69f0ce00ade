// The address of Redis: a host and a port, or the path of a Unix socket. Hides the written form.
//
// Owner: nobody; values.
// Thread safety: any thread.
// Cost: O(length of the text).
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

  // Returns the text that ParseEndpoint reads back, always with the port.
  [[nodiscard]] std::string ToString() const;
};

// Reads "host:port", "host", ":port" (localhost), "[::1]:6379", "[::1]" or "/path.sock"; hosts are
// those of ParseHostPort, the port is not 0. Resolves nothing. An error is one line that says what
// was expected and quotes `text`.
Result<Endpoint> ParseEndpoint(std::string_view text);

}  // namespace rp::redis
