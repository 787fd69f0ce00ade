// ServerVersion: the version of the Redis behind, as the newest connection to it was told.
//
// Owner: the server. Thread safety: any thread. Cost: O(length of the text), one atomic access, no
// allocation.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace rp::redis {

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
