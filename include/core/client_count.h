// ClientCount: counts the clients of all reactors without a lock, and limits how many are served.
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
  // Maximum clients beyond the limit that are answered with an error at a time. Further ones are
  // closed without an answer.
  static constexpr size_t kMaxRefused = 128;

  enum class Place : unsigned char {
    kServed,
    kRefused,  // the client gets an error
    kNone,     // the client is closed without an answer
  };

  // Serves `limit` clients at a time and refuses `refused_limit` more with an answer.
  explicit ClientCount(size_t limit, size_t refused_limit = kMaxRefused)
      : limit_(limit), refused_limit_(refused_limit) {}

  // Counts a client that has connected and returns its number, unique in the process, from 1 on.
  [[nodiscard]] uint64_t NextNumber() {
    return received_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  // Takes a place for one more client. At no time are more than `limit` served.
  [[nodiscard]] Place Enter();
  // Gives back a place that Enter returned.
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
