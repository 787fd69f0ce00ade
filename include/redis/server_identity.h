// ServerIdentity: tells one Redis from another, whatever address it was reached at.
//
// Redis draws a run_id when it starts and tells it in INFO. What does not tell one is known by its
// address, which is weaker: a server that takes the address over looks the same.
//
// Owner: nobody; values and pure functions.
// Thread safety: any thread.
// Cost: O(length of the text), no allocation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/fnv1a.h"

namespace rp::redis {

struct ServerIdentity {
  enum class Kind : uint8_t {
    kUnknown,  // Redis was asked and could not tell at this moment
    kAddress,
    kRunId,
  };

  Kind kind = Kind::kUnknown;
  uint64_t id = 0;  // a hash of the run_id or of the address; 0 is no server

  friend bool operator==(const ServerIdentity& a, const ServerIdentity& b) = default;
};

// Returns a hash of the bytes that is never 0.
inline uint64_t IdOf(std::string_view bytes) { return std::max<uint64_t>(Fnv1a(bytes), 1); }

}  // namespace rp::redis
