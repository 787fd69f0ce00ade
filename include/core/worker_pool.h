// WorkerPool: the threads that look keys up, and the queue of their jobs.
//
// A job is a chain of requests from one reactor, or a slice of the sweep. Workers never wait for
// Redis: a miss only registers a waiter. An idle worker sleeps. A submission wakes one, and a
// worker that finds another job behind its own wakes the next, so that a burst does not wake more
// of them than it needs.
//
// Owner: the server. Thread safety: any thread, except for Start and Stop, which the server calls.
// Cost: a push to the queue, and a system call if a worker sleeps.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "base/event_count.h"
#include "base/mpmc_queue.h"
#include "proxy/router.h"

namespace rp::core {

class WorkerPool {
 public:
  // Maximum jobs in the queue. If it is full, the submitter does the job itself.
  static constexpr size_t kQueueCapacity = 1024;

  // `router` outlives the pool; `sweep` frees some expired entries.
  WorkerPool(proxy::Router* router, std::function<void()> sweep);
  ~WorkerPool();

  void Start(int threads);
  // Returns when all threads have ended. Jobs that are left in the queue are dropped.
  void Stop();

  // Queues the chain of requests that begins at `first`. Returns false if the queue is full.
  [[nodiscard]] bool TrySubmit(proxy::Request* first);
  // Queues a slice of the sweep, unless one is in the queue already. Returns false if the queue is
  // full; then the caller sweeps.
  [[nodiscard]] bool TrySubmitSweep();

  // Does a worker's job in the calling thread: runs the chain and delivers what is answered.
  void RunHere(proxy::Request* first);

 private:
  // A chain of requests, or null for a slice of the sweep.
  using Job = proxy::Request*;

  void Work();
  [[nodiscard]] bool TryPush(Job job);

  proxy::Router* const router_;
  const std::function<void()> sweep_;
  MpmcQueue<Job> queue_{kQueueCapacity};
  EventCount event_count_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> sweep_waits_ = false;  // a slice is in the queue
  std::vector<std::thread> threads_;
};

}  // namespace rp::core
