// SweepTimer: when the sweep comes next, over all who have a say in it.
//
// Whoever stores an entry says its deadline; the earliest wins. It arms a one-shot timer of the
// reactor's loop, at most every kApart, and nothing at all while nothing can expire: an idle server
// never wakes.
//
// Owned by the server. Thread safety: any thread. Cost: one load, unless the deadline is the
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

  // The sweep must come by `deadline`, or kApart after `now` if that is later. kNever asks for
  // nothing.
  void Schedule(TimePoint deadline, TimePoint now) RP_EXCLUDES(mutex_);

  // The timer has fired: the sweep is on its way and says itself when it is to come again.
  void OnFired() RP_EXCLUDES(mutex_);

 private:
  net::Timer* const timer_;
  Mutex mutex_;
  // Written under the lock, read without it: a stale value costs a visit to the lock, or comes from
  // an arming that this one would not have changed.
  std::atomic<TimePoint> armed_ = kNever;
};

}  // namespace rp::server
