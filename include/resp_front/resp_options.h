// The options of all sessions of a listener for the Redis protocol, and the facts about the server
// that commands report.
//
// Owner: the server. Thread safety: options are constant; any thread may call a ServerView. Cost:
// as stated for each function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/credentials.h"
#include "base/time.h"
#include "cache/cache.h"
#include "resp/request_reader.h"

namespace rp::resp_front {

// The version of Redis whose replies this endpoint gives. Clients choose their commands by it.
inline constexpr std::string_view kRedisVersion = "7.0.15";

// The server as a whole, at one moment.
struct ServerFacts {
  cache::CacheStats cache;
  size_t clients = 0;
  size_t max_clients = 0;
  uint64_t connections_received = 0;
  Duration uptime{};
  uint64_t resident_bytes = 0;  // of memory
  uint64_t process_id = 0;
};

class ServerView {
 public:
  virtual ~ServerView() = default;
  // Cost: looks at every stripe of the cache, and reads a file of /proc.
  [[nodiscard]] virtual ServerFacts Facts() const = 0;
  // Returns how many keys the cache has. Cost: O(1).
  [[nodiscard]] virtual uint64_t CacheSize() const = 0;
};

struct RespOptions {
  const ServerView* server = nullptr;
  std::string_view version;  // of the program, for INFO; constant
  Credentials credentials;
  bool forward = false;     // other commands are sent to Redis
  bool knows_ttl = true;    // a deadline of the cache is the key's own: -max-age is off
  Duration idle_timeout{};  // for CONFIG GET
  resp::RequestLimits limits;
};

}  // namespace rp::resp_front
