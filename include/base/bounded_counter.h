// BoundedCounter: a count over all threads that never passes a limit. Threads reserve their share
// before they use it, so that no thread ever reads a count above the limit.
//
// Owner: the object that declares it.
// Thread safety: any thread, lock-free.
// Cost: one compare-exchange for TryAdd, one atomic subtraction for Subtract, one load for value.
#pragma once

#include <atomic>
#include <cstdint>

namespace rp {

class BoundedCounter {
 public:
  // Adds `amount` and returns true. With a sum above `limit`, changes nothing and returns false.
  [[nodiscard]] bool TryAdd(uint64_t amount, uint64_t limit) {
    uint64_t current = value();
    while (amount <= limit && current <= limit - amount) {
      // Relaxed, here and below: the counter only counts and publishes nothing else.
      if (value_.compare_exchange_weak(current, current + amount, std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  // REQUIRES: `amount` was added before.
  void Subtract(uint64_t amount) { value_.fetch_sub(amount, std::memory_order_relaxed); }

  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

}  // namespace rp
