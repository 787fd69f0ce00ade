// The options of all sessions of a listener for the Redis protocol, and the facts about the server
// that commands report.
//
// Owner: the server. Thread safety: options are constant; any thread may call a ServerView. Cost:
// as stated for each function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/credentials.h"
#include "base/time.h"
#include "cache/cache.h"
#include "resp/request_reader.h"
#include "resp_front/transaction.h"

namespace rp::resp_front {

// The Redis version that HELLO and INFO report until Redis has told its own. Clients choose their
// commands by it.
inline constexpr std::string_view kRedisVersion = "7.0.15";

// The numbers that INFO reports, at one moment.
struct ServerFacts {
  cache::CacheStats cache;
  size_t clients = 0;
  size_t max_clients = 0;
  uint64_t connections_received = 0;
  Duration uptime{};
  uint64_t resident_bytes = 0;  // of memory
  uint64_t process_id = 0;
  uint64_t verified_hits = 0;  // compared with Redis (-verify)
  uint64_t verify_violations = 0;
};

class ServerView {
 public:
  virtual ~ServerView() = default;
  // Returns the numbers of this moment. Cost: visits each stripe of the cache and reads a file of
  // /proc.
  [[nodiscard]] virtual ServerFacts Facts() const = 0;
  // Returns the version of the Redis behind, or kRedisVersion. Cost: O(1).
  [[nodiscard]] virtual std::string RedisVersion() const = 0;
};

struct RespOptions {
  const ServerView* server = nullptr;
  std::string_view version;  // of the program, for INFO; constant
  Credentials credentials;
  bool forward = false;     // sends other commands to Redis
  bool knows_ttl = true;    // -max-age is off, so that a deadline in the cache is the key's own
  Duration idle_timeout{};  // for CONFIG GET
  resp::RequestLimits limits;
  TransactionLimits transaction_limits{};
};

}  // namespace rp::resp_front
