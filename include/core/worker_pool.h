// WorkerPool: the threads that look keys up, and the queue of what they shall do.
//
// A job is a chain of requests from one reactor, or a slice of the sweep. Workers never wait for
// Redis: a miss only registers a waiter. An idle worker sleeps; a submission wakes one, and one
// that finds more work behind its own wakes the next, so that a burst does not wake all of them for
// nothing.
//
// Owned by the server. Thread safety: any thread, but Start and Stop.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "base/mpmc_queue.h"
#include "base/parker.h"
#include "proxy/router.h"

namespace rp::core {

class WorkerPool {
 public:
  // Jobs that may wait. A full queue is no error: who submits does the work itself.
  static constexpr size_t kQueueCapacity = 1024;

  // `router` outlives the pool; `sweep` frees some of what has expired.
  WorkerPool(proxy::Router* router, std::function<void()> sweep);
  ~WorkerPool();

  void Start(int threads);
  // Returns when all threads have ended; jobs that wait are dropped.
  void Stop();

  // Takes over the chain of requests that begins at `first`, or refuses it because the queue is
  // full.
  [[nodiscard]] bool TrySubmit(proxy::Request* first);
  // Has a worker sweep a slice after this call, one for all who ask before it begins; or refuses
  // because the queue is full, and the caller sweeps.
  [[nodiscard]] bool TrySubmitSweep();

  // Does the job in the calling thread.
  void RunHere(proxy::Request* first);

 private:
  // A chain of requests, or null for a slice of the sweep.
  using Job = proxy::Request*;

  void Work();
  [[nodiscard]] bool TryPush(Job job);

  proxy::Router* const router_;
  const std::function<void()> sweep_;
  MpmcQueue<Job> queue_{kQueueCapacity};
  Parker parker_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> sweep_waits_ = false;  // a slice is in the queue
  std::vector<std::thread> threads_;
};

}  // namespace rp::core
