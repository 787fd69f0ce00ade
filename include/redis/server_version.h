// ServerVersion: the version of the Redis behind, as the newest connection to it was told; and
// where replies tell it.
//
// Owner: the server. Thread safety: any thread. Cost: O(length of the text), one atomic access, no
// allocation.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

struct redisReply;

namespace rp::redis {

// Returns the version that a reply to HELLO tells, or an empty view if it is not one of Redis:
// Valkey 8 tells a version of its own. The bytes are those of the reply.
std::string_view VersionInHello(const redisReply& hello);

// Returns the version of Redis that a reply to INFO tells, or an empty view if it tells none. The
// bytes are those of the reply.
std::string_view VersionInInfo(const redisReply& info);

class ServerVersion {
 public:
  // Notes what Redis says of itself: three numbers of at most 65535 each, as in "7.0.15"; what
  // follows them is ignored. Any other text means that Redis does not say.
  void Set(std::string_view text);

  // Returns the three numbers, or an empty string as long as Redis has not said.
  [[nodiscard]] std::string ToString() const;

 private:
  std::atomic<uint64_t> numbers_ = 0;  // kTold, and 16 bits for each number
};

}  // namespace rp::redis
