// Exponential back-off: how long to wait after the n-th failure in a row. Hides the arithmetic and
// the random part, which keeps several clients of one server from trying in step.
//
// Owner: the object that counts the failures.
// Thread safety: one thread at a time, except for Limit, which is pure.
// Cost: O(1), no allocation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/time.h"

namespace rp {

class BackOff {
 public:
  // REQUIRES: 0 < first <= longest, and first * 2^16 does not overflow.
  BackOff(Duration first, Duration longest, uint64_t seed)
      : first_(first),
        longest_(longest),
        random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  // Returns min(first * 2^(failures - 1), longest). REQUIRES: failures >= 1.
  [[nodiscard]] static constexpr Duration Limit(Duration first, Duration longest,
                                                unsigned failures) {
    const unsigned doublings = std::min(failures - 1, 16U);
    return std::min(first * (int64_t{1} << doublings), longest);
  }

  // Returns a wait drawn evenly from the upper half of [0, Limit(failures)].
  // REQUIRES: failures >= 1.
  [[nodiscard]] Duration Draw(unsigned failures) {
    const Duration limit = Limit(first_, longest_, failures);
    std::uniform_int_distribution<Duration::rep> wait(limit.count() / 2, limit.count());
    return Duration(wait(random_));
  }

 private:
  const Duration first_;
  const Duration longest_;
  std::minstd_rand random_;
};

}  // namespace rp
