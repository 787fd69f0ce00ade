// Dispatcher: a reactor's way to the answers. It looks requests up in the cache, sends the others
// to the Router, and ends those that take longer than the time-out.
//
// The shape of the program is that misses go to the workers over their queue, in chains. Where it
// costs less, the reactor takes a short cut: it answers a hit itself, and it starts a few misses of
// a turn itself, since waking a worker costs as much and would take the processor from somebody.
// With answers_inline false there is no short cut.
//
// Owner: the reactor; borrows the rest. Thread safety: the reactor's thread. Cost: see ReadThrough;
// a request that is sent takes no allocation here.
#pragma once

#include <algorithm>
#include <string_view>

#include "core/request.h"
#include "core/session.h"
#include "core/worker_pool.h"
#include "proxy/router.h"

namespace rp::core {

struct DispatcherOptions {
  Duration timeout = std::chrono::seconds(1);  // of a request
  // Whether this thread answers hits and starts a few misses itself; else the workers do all.
  bool answers_inline = true;
};

class Dispatcher {
 public:
  // Everything borrowed outlives the dispatcher; `home` takes the answers, and `turn` has the time.
  Dispatcher(const DispatcherOptions& options, proxy::Router* router, WorkerPool* workers,
             proxy::ReplyBox* home, const Turn* turn);

  // Answers the request if its key is in the cache and no other thread holds the stripe's lock.
  // Returns false, with nothing done, otherwise. REQUIRES: the question has a key.
  [[nodiscard]] bool TryHit(Request* request) const {
    return options_.answers_inline && router_->TryHit(request, turn_->now);
  }
  // Returns the key's entry under the same conditions, or none.
  [[nodiscard]] cache::EntryRef TryFind(std::string_view key) const {
    return options_.answers_inline ? router_->TryFind(key, turn_->now) : cache::EntryRef();
  }

  // Takes over a request that TryHit has not answered, or whose question is a command. It comes
  // home, or EndWaits gives it the time-out's answer.
  void Send(Request* request);

  // Starts what was sent and submits the fetches of it.
  void Start();
  // Returns whether fetches are left that the fetchers would not take at once: Start is to be
  // called soon again.
  [[nodiscard]] bool has_fetches() const { return !fetches_.empty(); }
  // Submits the fetches that are left, before the reactor ends.
  void Finish();

  // Takes a request back that waits for Redis. Returns false when its answer is on the way.
  [[nodiscard]] bool TakeBack(Request* request) const { return router_->TakeBack(request); }
  // Gives requests whose time is over an old value (-stale-if-error) or an error.
  void EndWaits();
  [[nodiscard]] TimePoint next_deadline() const { return std::min(waits_.next(), overdue_.next()); }

  // Makes the cache smaller, since memory is short.
  void FreeMemory() const { router_->FreeMemory(); }

 private:
  // The most requests that go to a worker at once.
  static constexpr int kMaxChain = 64;
  // Up to so many misses of a turn are started here.
  static constexpr int kShortChain = 16;
  static constexpr int kMaxRefusals = 4;

  void StartChain();
  void EndWait(Request* request);

  const DispatcherOptions options_;
  proxy::Router* const router_;
  WorkerPool* const workers_;
  proxy::ReplyBox* const home_;
  const Turn* const turn_;
  proxy::RequestChain chain_;
  redis::FetchQueue fetches_;  // of misses started here, until the fetchers have them
  int refusals_ = 0;           // how often they would not take these at once
  DeadlineList<Request> waits_;
  // Those whose time is over and whose answer is on the way.
  DeadlineList<Request> overdue_{std::chrono::milliseconds(1)};
};

}  // namespace rp::core
