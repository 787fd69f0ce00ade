// Time as this program uses it: a monotonic point and nanoseconds. Only the edges (reactor,
// workers, fetchers) read the clock; everything else takes `now` as an argument, so that tests set
// the time instead of sleeping.
#pragma once

#include <chrono>

namespace rp {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Duration>;

// The deadline of what never ends.
inline constexpr TimePoint kNever = TimePoint::max();

inline TimePoint Now() { return Clock::now(); }

// `start + wait`, or kNever where that would overflow. REQUIRES: wait >= 0.
inline TimePoint DeadlineAfter(TimePoint start, Duration wait) {
  return wait > kNever - start ? kNever : start + wait;
}

}  // namespace rp
