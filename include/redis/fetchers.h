// The way to Redis: a bounded queue of fetches and the threads that serve it. Hides connections,
// pipelining, reconnecting, retries and everything that can be wrong with Redis. Whoever submits
// gets exactly one outcome for each fetch, whatever happens. Fetches overtake each other.
//
// A GET is tried again when its connection is lost, as it may be sent twice; a command that may
// write never is, once it may have been sent: it fails, and says that it may have been carried out.
//
// Each fetcher thread owns at most one connection, takes all that waits (up to 32 fetches) without
// lingering, and sends it in one write; what is large alone. The limit on unanswered GETs is
// divided over the threads, so that it holds exactly with nothing shared. A fetcher connects when
// it is needed: the first at once, another when work waits and no connected one is idle. One
// connects at a time. While Redis is away one goes on trying, with or without requests.
//
// One more thread, the keeper, sleeps unless fetches wait that nobody can take: it fails those
// whose deadline passes, and all of them while Redis is known to be away. So a fetch ends in time
// however long the fetchers hang, even in resolving a name.
//
// Thread safety: any thread, but for Start, Stop and the destructor, which belong to the owner.
// Cost: Submit takes O(1) per fetch and at most one wake-up, allocates nothing and waits for
// nothing but the queue's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "redis/batch.h"
#include "redis/circuit_breaker.h"
#include "redis/connection.h"
#include "redis/endpoint.h"
#include "redis/fetch.h"
#include "redis/fetch_queue.h"
#include "redis/renewal.h"
#include "redis/status_log.h"

namespace rp::redis {

struct Options {
  Endpoint endpoint;
  int database = 0;
  std::string username;  // empty: the default user
  std::string password;
  int connections = 4;
  int ops_limit = 128;                         // fetches sent and unanswered, over all connections
  Duration timeout = std::chrono::seconds(1);  // to connect, and for the replies to one batch
  size_t max_pending = 16384;                  // fetches that wait to be sent
  // Of a command: Redis's own limit for one string and some framing. A larger one fails.
  size_t max_reply_bytes = (size_t{512} << 20) + (64 << 10);
  // A connection made under another value than this one has is given up before it is used again:
  // after a failover it may lead to the old server. Null: never.
  const std::atomic<uint64_t>* generation = nullptr;
  // Called when all connections are about to be made anew, since Redis's answers say that another
  // server may have its name (Renewal): whoever else has connected to it had better do so too. On a
  // thread of the fetchers, with no lock held; must not wait. Empty: nobody.
  std::function<void()> on_renewal;
};

class Fetchers {
 public:
  // Starts min(connections, ops_limit) fetchers, and tries to connect at once, without waiting for
  // the outcome: a Redis that is away is said once in the log. `sink` must outlive the fetchers.
  // REQUIRES: an endpoint, connections >= 1, ops_limit >= 1, timeout > 0.
  static std::unique_ptr<Fetchers> Start(Options options, FetchSink* sink);

  ~Fetchers();  // stops
  Fetchers(const Fetchers&) = delete;
  Fetchers& operator=(const Fetchers&) = delete;

  // Takes over the fetches, whose keys or commands, and deadlines, are set. Nothing will happen to
  // those that are left in `fetches`: as many wait as may, or Stop was called. False, with nothing
  // done, only for who must not wait while another thread is in the way.
  [[nodiscard]] bool Submit(FetchQueue* fetches, Blocking blocking) RP_EXCLUDES(mutex_);
  // As Submit for one; false if it was not taken.
  [[nodiscard]] bool Submit(Fetch* fetch) RP_EXCLUDES(mutex_);

  // Fails what waits and what is under way with kStopping, without waiting for Redis, and returns
  // when the last OnFetched has. Only a name that is being resolved can hold it up. Idempotent.
  void Stop() RP_EXCLUDES(mutex_);

 private:
  // Whom to notify once the lock is released.
  struct Wakes {
    bool fetcher = false;
    bool connector = false;
    bool keeper = false;
  };

  // The fetches of a connection that is given up: those that leave unanswered, and how many are
  // back in the queue.
  struct Leaving {
    FetchQueue expired;
    FetchQueue failed;
    size_t retried = 0;
  };

  // What became of a batch whose connection is given up.
  enum class Loss {
    kUnsent,  // the connection was seen to be dead before anything was sent
    kSilent,  // a connection that had served before was lost before the first byte of a reply
    kWasted,  // a new one was lost before it answered, though nothing large was asked
    kBroken,  // anything else
  };

  Fetchers(Options options, FetchSink* sink);

  void Run(size_t fetches_max) noexcept;
  void Keep() noexcept;

  std::unique_ptr<Connection> AwaitConnection(uint64_t* generation) RP_EXCLUDES(mutex_);
  // Both parts only grow.
  [[nodiscard]] uint64_t Generation() const {
    const uint64_t given =
        options_.generation == nullptr ? 0 : options_.generation->load(std::memory_order_acquire);
    return given + renewals_.load(std::memory_order_acquire);
  }
  bool ReserveAttempt() RP_EXCLUDES(mutex_);
  void OnConnected() RP_EXCLUDES(mutex_);
  void OnConnectFailed(const Error& error) RP_EXCLUDES(mutex_);
  bool TakeBatch(size_t fetches_max, TimePoint until, Batch* batch, bool* idled)
      RP_EXCLUDES(mutex_);
  void OnProven() RP_EXCLUDES(mutex_);
  void OnTrouble(const Error& error) RP_EXCLUDES(mutex_);
  void GiveBack(Batch* batch, const Error& error, Loss loss) RP_EXCLUDES(mutex_);

  bool TryAgain(Fetch* fetch, ErrorCode code) const;
  TimePoint KeeperTime() const RP_REQUIRES(mutex_);
  Wakes TakeOver(FetchQueue* fetches) RP_REQUIRES(mutex_);
  Wakes PlanWakes() RP_REQUIRES(mutex_);
  void Wake(Wakes wakes);
  Leaving Requeue(Batch* batch, ErrorCode code, Loss loss, TimePoint now) RP_REQUIRES(mutex_);
  void Fail(FetchQueue fetches, const Error& error, bool maybe_sent = false);

  const Options options_;
  const ConnectOptions target_;
  FetchSink* const sink_;
  const UniqueFd interrupt_;  // an eventfd: readable from Stop on, and never read

  StatusLog log_;
  std::atomic<uint64_t> renewals_ = 0;

  Mutex mutex_;
  CondVar fetcher_condition_;    // connected fetchers wait for work
  CondVar connector_condition_;  // the others, until a connection is wanted
  CondVar keeper_condition_;
  WaitingFetches queue_ RP_GUARDED_BY(mutex_);
  CircuitBreaker breaker_ RP_GUARDED_BY(mutex_);
  Renewal renewal_ RP_GUARDED_BY(mutex_);
  bool stopping_ RP_GUARDED_BY(mutex_) = false;
  size_t connected_ RP_GUARDED_BY(mutex_) = 0;
  size_t idle_ RP_GUARDED_BY(mutex_) = 0;             // in fetcher_condition_
  bool fetcher_woken_ RP_GUARDED_BY(mutex_) = false;  // and one of them is on its way
  size_t parked_ RP_GUARDED_BY(mutex_) = 0;           // in connector_condition_
  bool timer_held_ RP_GUARDED_BY(mutex_) = false;     // one of them, until the next attempt
  bool connecting_ RP_GUARDED_BY(mutex_) = false;
  TimePoint keeper_wakeup_ RP_GUARDED_BY(mutex_) = kNever;
  TimePoint keeper_scan_ RP_GUARDED_BY(mutex_) = TimePoint::min();  // the last one

  std::vector<std::thread> threads_;
};

}  // namespace rp::redis
