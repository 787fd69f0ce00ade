#include "server/sweeper.h"

#include "base/log.h"

namespace rp::server {
namespace {

constexpr int kSliceEntries = 2048;

}  // namespace

Sweeper::Sweeper(cache::Cache* cache, core::WorkerPool* workers, net::EventLoop* loop)
    : cache_(cache),
      workers_(workers),
      timer_(loop, [this] { OnTimer(); }),
      sweep_timer_(&timer_) {}

void Sweeper::OnFreed(uint64_t bytes) {
  if (trimmer_.OnFreed(bytes)) Schedule(TimePoint::min());
}

void Sweeper::OnTimer() {
  sweep_timer_.OnFired();
  if (workers_->TrySubmitSweep()) return;
  // If the queue is full, this thread sweeps a slice itself, which takes no longer than any other
  // job.
  const TimePoint now = Now();
  sweep_timer_.Schedule(SweepSlice(now), now);
}

void Sweeper::Run() {
  const TimePoint now = Now();
  const TimePoint next = SweepSlice(now);
  trimmer_.Visit(cache_->bytes());
  if (next <= now && workers_->TrySubmitSweep()) return;
  sweep_timer_.Schedule(next, now);
}

TimePoint Sweeper::SweepSlice(TimePoint now) {
  const uint64_t before = cache_->size();
  const TimePoint next = cache_->Sweep(now, kSliceEntries);
  const uint64_t after = cache_->size();
  if (after < before) {
    Log(LogLevel::kDebug, "sweep: removed old entries; %llu keys of %llu are left",
        static_cast<unsigned long long>(after), static_cast<unsigned long long>(before));
  }
  return next;
}

}  // namespace rp::server
