// Sweeper: the removal of what has ended in the cache, slice by slice, and the return of freed
// memory to the kernel.
//
//   a deadline is stored --> SweepTimer --> the first reactor: OnTimer --> a worker: Run --+
//                               ^                                                          |
//                               +---- the next deadline, or at once while there is work ---+
//
// Owner: the server; borrows the cache and the workers. Thread safety: any thread, but the
// constructor. Cost: a slice takes about a millisecond of one worker, so that requests come in
// between.
#pragma once

#include "cache/cache.h"
#include "core/worker_pool.h"
#include "server/heap_trimmer.h"
#include "server/sweep_timer.h"

namespace rp::server {

class Sweeper {
 public:
  // `loop` has the timer.
  Sweeper(cache::Cache* cache, core::WorkerPool* workers, net::EventLoop* loop);

  // A sweep must come by `deadline`. TimePoint::min() is at once.
  void Schedule(TimePoint deadline) { sweep_timer_.Schedule(deadline, Now()); }
  // So many bytes were freed, beside those of the cache: a worker is brought to the trimmer.
  void OnFreed(uint64_t bytes);
  // Sweeps a slice and trims the heap if that is due; the next slice follows at once while there is
  // work. This is a worker's job.
  void Run();

 private:
  void OnTimer();
  // Frees some of what has ended; returns when the next slice is due.
  [[nodiscard]] TimePoint SweepSlice(TimePoint now);

  cache::Cache* const cache_;
  core::WorkerPool* const workers_;
  HeapTrimmer trimmer_;
  net::Timer timer_;
  SweepTimer sweep_timer_;
};

}  // namespace rp::server
