// Sweeper: removes expired entries from the cache, slice by slice, and gives freed memory back to
// the kernel.
//
//   a deadline is stored --> SweepTimer --> the first reactor: OnTimer --> a worker: Run --+
//                               ^                                                          |
//                               +---- the next deadline, or at once while there is work ---+
//
// Owner: the server; borrows the cache and the workers. Thread safety: any thread, except for the
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
  // Runs its timer on `loop`.
  Sweeper(cache::Cache* cache, core::WorkerPool* workers, net::EventLoop* loop);

  // Schedules a sweep by `deadline`; TimePoint::min() means at once.
  void Schedule(TimePoint deadline) { sweep_timer_.Schedule(deadline, Now()); }
  // Notes that `bytes` were freed outside the cache; schedules a trim if one may be due. A worker
  // does it after a slice of the sweep.
  void OnFreed(uint64_t bytes);
  // Does a worker's job: sweeps a slice, trims the heap if that is due, and schedules the next
  // slice: at once while there is work.
  void Run();

 private:
  void OnTimer();
  // Frees some expired entries. Returns when the next slice is due.
  [[nodiscard]] TimePoint SweepSlice(TimePoint now);

  cache::Cache* const cache_;
  core::WorkerPool* const workers_;
  HeapTrimmer trimmer_;
  net::Timer timer_;
  SweepTimer sweep_timer_;
};

}  // namespace rp::server
