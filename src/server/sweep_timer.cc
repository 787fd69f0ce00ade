#include "server/sweep_timer.h"

#include <algorithm>

namespace rp::server {

void SweepTimer::Schedule(TimePoint deadline, TimePoint now) {
  if (deadline >= armed_.load(std::memory_order_acquire)) return;
  const TimePoint at = std::max(deadline, now + kApart);
  MutexLock lock(&mutex_);
  if (at >= armed_.load(std::memory_order_relaxed)) return;
  armed_.store(at, std::memory_order_release);
  timer_->Arm(at);
}

void SweepTimer::OnFired() {
  MutexLock lock(&mutex_);
  armed_.store(kNever, std::memory_order_release);
}

}  // namespace rp::server
