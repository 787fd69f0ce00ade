// Time as this program uses it: points on a monotonic clock, and nanoseconds. Only the edges
// (reactor, workers, fetchers) read the clock. All other code takes `now` as an argument, so that
// tests set the time instead of sleeping.
//
// Owner: nobody; values and functions.
// Thread safety: any thread.
// Cost: reading the clock is a call of the vDSO, about 20 ns.
#pragma once

#include <chrono>
#include <ctime>

namespace rp {

// CLOCK_BOOTTIME: monotonic, and it goes on while the machine is suspended, because keys in Redis
// age and leases end meanwhile. CLOCK_MONOTONIC, which is std::chrono::steady_clock, stops. Waits
// (poll, epoll, futex, condition variables) are relative and use CLOCK_MONOTONIC: if the machine is
// suspended during a wait, the wait ends later by that time, and the waiting thread reads this
// clock afterwards.
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

// The deadline of something that never ends.
inline constexpr TimePoint kNever = TimePoint::max();

// The deadline of something that ends, but later than a TimePoint can represent (292 years after
// the start of the machine).
inline constexpr TimePoint kTooFar = kNever - Duration(1);

inline TimePoint Now() { return Clock::now(); }

// Returns `start + wait`, or kNever if the sum would overflow. REQUIRES: wait >= 0.
inline TimePoint DeadlineAfter(TimePoint start, Duration wait) {
  return wait > kNever - start ? kNever : start + wait;
}

// Returns the duration as system calls take it. REQUIRES: wait >= 0.
inline timespec ToTimespec(Duration wait) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((wait - seconds).count())};
}

}  // namespace rp
