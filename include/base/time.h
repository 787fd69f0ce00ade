// Time as this program uses it: a monotonic point and nanoseconds. Only the edges (reactor,
// workers, fetchers) read the clock; everything else takes `now` as an argument, so that tests set
// the time instead of sleeping.
#pragma once

#include <chrono>

namespace rp {

// CLOCK_BOOTTIME: monotonic, and it goes on while the machine is suspended, as keys in Redis grow
// old and leases end meanwhile. CLOCK_MONOTONIC, which is std::chrono::steady_clock, does not.
// Waits (poll, epoll, futex, condition variables) are relative and counted on CLOCK_MONOTONIC: a
// wait during which the machine is suspended ends later by that much, and whoever waited looks at
// this clock afterwards.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock, duration>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
};

using Duration = Clock::duration;
using TimePoint = Clock::time_point;

// The deadline of what never ends.
inline constexpr TimePoint kNever = TimePoint::max();

// The deadline of what does end, but later than a TimePoint can say (292 years after the start of
// the machine).
inline constexpr TimePoint kTooFar = kNever - Duration(1);

inline TimePoint Now() { return Clock::now(); }

// `start + wait`, or kNever where that would overflow. REQUIRES: wait >= 0.
inline TimePoint DeadlineAfter(TimePoint start, Duration wait) {
  return wait > kNever - start ? kNever : start + wait;
}

}  // namespace rp
