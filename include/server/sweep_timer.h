// SweepTimer: when the next sweep is due.
//
// Each thread that stores an entry reports the entry's deadline, and the earliest counts. It arms a
// one-shot timer of the reactor's loop, at most every kApart. While nothing can expire nothing is
// armed: an idle server never wakes.
//
// Owner: the Sweeper. Thread safety: any thread. Cost: one load, unless the deadline is the
// earliest so far.
#pragma once

#include <atomic>

#include "base/mutex.h"
#include "net/event_loop.h"

namespace rp::server {

class SweepTimer {
 public:
  static constexpr Duration kApart = std::chrono::milliseconds(10);

  explicit SweepTimer(net::Timer* timer) : timer_(timer) {}

  // Makes the timer fire by `deadline`, or by kApart after `now` if that is later. With kNever,
  // does nothing.
  void Schedule(TimePoint deadline, TimePoint now) RP_EXCLUDES(mutex_);

  // Notes that the timer has fired. The sweep calls Schedule with its next deadline.
  void OnFired() RP_EXCLUDES(mutex_);

 private:
  net::Timer* const timer_;
  Mutex mutex_;
  // Written under the lock and read without it. A stale value makes Schedule take the lock without
  // need, or skip a call that would have changed nothing.
  std::atomic<TimePoint> armed_ = kNever;
};

}  // namespace rp::server
