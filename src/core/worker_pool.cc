#include "core/worker_pool.h"

#include <pthread.h>

#include <string>

#include "base/check.h"

namespace rp::core {

WorkerPool::WorkerPool(proxy::Router* router, std::function<void()> sweep)
    : router_(router), sweep_(std::move(sweep)) {}

WorkerPool::~WorkerPool() { RP_CHECK(threads_.empty()); }

void WorkerPool::Start(int threads) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
    pthread_setname_np(threads_.back().native_handle(), ("worker-" + std::to_string(i)).c_str());
  }
}

void WorkerPool::Stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  event_count_.WakeAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool WorkerPool::TrySubmit(proxy::Request* first) {
  RP_DCHECK(first != nullptr);
  return TryPush(first);
}

// A caller that finds the mark set has nothing to do: the thread that clears it, here or in Work,
// sweeps after that. The exchanges order that sweep after the work that the caller wants swept.
bool WorkerPool::TrySubmitSweep() {
  if (sweep_waits_.exchange(true, std::memory_order_acq_rel)) return true;
  if (TryPush(nullptr)) return true;
  sweep_waits_.exchange(false, std::memory_order_acq_rel);
  return false;
}

void WorkerPool::RunHere(proxy::Request* first) {
  proxy::ReplyBox* const home = first->home;
  const proxy::RequestChain answered = router_->Run(first);
  if (answered.empty()) return;
  home->Deliver(answered.first(), answered.last());
  home->Wake();
}

void WorkerPool::Work() {
  while (!stopping_.load(std::memory_order_relaxed)) {
    Job job = nullptr;
    if (!queue_.TryPop(&job)) {
      const uint32_t ticket = event_count_.PrepareWait();
      // Sequentially consistent: either this load sees the store in Stop, or WakeAll sees this
      // sleeper.
      const bool stopping = stopping_.load(std::memory_order_seq_cst);
      if (stopping || queue_.TryPop(&job)) {
        event_count_.CancelWait();
        if (stopping) return;
      } else {
        event_count_.Wait(ticket);
        continue;
      }
    }
    if (!queue_.SeemsEmpty()) event_count_.WakeOne();
    if (job == nullptr) {
      sweep_waits_.exchange(false, std::memory_order_acq_rel);
      sweep_();
    } else {
      RunHere(job);
    }
  }
}

bool WorkerPool::TryPush(Job job) {
  if (!queue_.TryPush(job)) return false;
  event_count_.WakeOne();
  return true;
}

}  // namespace rp::core
