// ClientCount: how many clients there are over all reactors, and how many there may be. Hides that
// reactors count together without a lock.
//
// Owner: the server. Thread safety: any thread. Cost: a few atomic operations per connection,
// none per request.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bounded_counter.h"

namespace rp::core {

class ClientCount {
 public:
  // Maximum clients beyond the limit that get an error as their answer. Further ones are closed
  // without one.
  static constexpr size_t kMaxRefused = 128;

  enum class Place : unsigned char { kServed, kRefused, kNone };

  // Serves `limit` clients at a time and refuses `refused_limit` more with an answer.
  explicit ClientCount(size_t limit, size_t refused_limit = kMaxRefused)
      : limit_(limit), refused_limit_(refused_limit) {}

  // Counts a client that has connected and returns its number, unique in the process, from 1 on.
  [[nodiscard]] uint64_t NextNumber() {
    return received_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  // Takes a place for one more client. At no time are more than `limit` served.
  [[nodiscard]] Place Enter();
  // Gives a place back. REQUIRES: it came from Enter.
  void Leave(Place place);

  [[nodiscard]] size_t limit() const { return limit_; }
  [[nodiscard]] size_t served() const { return served_.value(); }
  [[nodiscard]] uint64_t received() const { return received_.load(std::memory_order_relaxed); }

 private:
  const size_t limit_;
  const size_t refused_limit_;
  BoundedCounter served_;
  BoundedCounter refused_;              // clients that get an error; not among served()
  std::atomic<uint64_t> received_ = 0;  // relaxed: it only counts
};

}  // namespace rp::core
