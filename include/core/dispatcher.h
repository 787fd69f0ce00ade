// Dispatcher: looks requests up in the cache, sends the others to the Router, and times them out.
//
// By design, requests go to the workers in chains, through a queue. Where that is cheaper, the
// reactor takes a short cut: it answers hits itself, and it starts the misses of a turn itself if
// they are few, because waking a worker costs as much. With answers_inline false there is no short
// cut.
//
// Owner: the reactor; borrows the rest. Thread safety: the reactor's thread. Cost: see ReadThrough;
// sending a request allocates nothing here.
#pragma once

#include <algorithm>
#include <string_view>

#include "core/group.h"
#include "core/request.h"
#include "core/request_pool.h"
#include "core/session.h"
#include "core/turn_budget.h"
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
  // `home` receives the answers; `turn` is the time. Everything borrowed outlives the dispatcher.
  Dispatcher(const DispatcherOptions& options, proxy::Router* router, WorkerPool* workers,
             proxy::ReplyBox* home, const Turn* turn);

  // Answers the request if its key is in the cache and no other thread holds the stripe's lock.
  // Returns false, with nothing done, otherwise. REQUIRES: the question has a key.
  [[nodiscard]] bool TryHit(Request* request) const {
    return options_.answers_inline && router_->TryHit(request, turn_->now);
  }
  // Returns the key's entry under the same conditions, else an empty ref.
  [[nodiscard]] cache::EntryRef TryFind(std::string_view key) const {
    return options_.answers_inline ? router_->TryFind(key, turn_->now) : cache::EntryRef();
  }

  // Returns what is known of Redis's commands now.
  [[nodiscard]] proxy::KnownCommands KnownCommands() const { return router_->Known(turn_->now); }

  // Takes over a request. It is delivered to `home` with its answer, or EndWaits answers it when
  // its time is over. REQUIRES: TryHit has not answered it, or its question is a command.
  void Send(Request* request);

  // Looks up keys of `group`, at most `*max_keys`, from which it subtracts them, one of many bytes
  // as several: takes those that the cache has, and sends members for the others, which belong to
  // `connection`. If no request is left, waits for the group's own to come back, or fails it if it
  // has none.
  void LookUp(Group* group, Connection* connection, RequestPool* requests, size_t* max_keys);

  // Starts the requests that were sent, and submits their fetches.
  void Start();
  // Returns whether fetches are left because the fetchers' lock was held. Then the caller calls
  // Start again soon.
  [[nodiscard]] bool has_fetches() const { return !fetches_.empty(); }
  // Submits the fetches that are left and waits for the fetchers' lock. For the end of the reactor.
  void Finish();

  // Takes back a request that waits for Redis. Returns false if its answer is under way.
  [[nodiscard]] bool TakeBack(Request* request) const { return router_->TakeBack(request); }
  // Answers requests whose time is over, at most `limit`, with an old value (-stale-if-error) or an
  // error.
  void EndWaits(size_t limit);
  [[nodiscard]] TimePoint next_deadline() const { return std::min(waits_.next(), overdue_.next()); }

  // Makes the cache smaller and fills the reserve. Call it when MemoryIsShort().
  void FreeMemory() const { router_->FreeMemory(); }

 private:
  // Maximum requests in one job of a worker.
  static constexpr int kMaxChain = 64;
  // Maximum requests that this thread starts itself at a time.
  static constexpr int kShortChain = 16;
  // Maximum turns in a row that find the fetchers' lock held; the next one waits for it.
  static constexpr int kMaxRefusals = 4;

  void StartChain();
  void EndWait(Request* request);

  const DispatcherOptions options_;
  proxy::Router* const router_;
  WorkerPool* const workers_;
  proxy::ReplyBox* const home_;
  const Turn* const turn_;
  proxy::RequestChain chain_;
  proxy::FetchQueue fetches_;  // of misses started here, until the fetchers have them
  int refusals_ = 0;           // turns in a row that found the fetchers' lock held
  DeadlineList<Request> waits_;
  // Requests whose time is over and whose answer is under way.
  DeadlineList<Request> overdue_{std::chrono::milliseconds(1)};
};

}  // namespace rp::core
