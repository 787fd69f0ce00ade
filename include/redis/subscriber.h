// Receives reports of all writes in Redis: one thread with one connection, and the lease
// (redis/lease.h) that says up to when those reports are known to be complete. Hides CLIENT
// TRACKING, the PINGs, reconnecting and every failure of Redis. The sink decides what a report
// means.
//
// The connection speaks RESP2 and redirects the reports to itself, so that data connections need no
// set-up (https://redis.io/docs/latest/develop/reference/client-side-caching/):
//   CLIENT ID, CLIENT TRACKING ON REDIRECT <id> BCAST, SUBSCRIBE __redis__:invalidate
//
//   state        event                                           next state
//   subscribing  Redis acknowledges both: OnLive                 live
//   subscribing  Redis is away or does not serve for now         waiting, for the back-off
//   subscribing  Redis cannot or may not report: OnUnsupported   waiting, for unsupported_retry
//   live         closed, silent or renewed: OnLost               waiting, for the back-off
//   waiting      the time is over                                subscribing
//   any          Stop, which calls OnLost in live                ended
//
// Owner: the server.
// Thread safety: any thread, but Start, Stop and the destructor are for the owner alone.
// Cost: a report costs a parsed reply and one call for each key; a silent Redis costs four PINGs
// per lease.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/back_off.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "redis/connection.h"

namespace rp::redis {

struct SubscriberOptions {
  ConnectOptions target;                                 // writes to all its databases are reported
  Duration max_stale = std::chrono::seconds(1);          // the length of a lease
  Duration timeout = std::chrono::seconds(1);            // to connect and to subscribe
  std::vector<std::string> prefixes;                     // of the keys to report; none: all keys
  Duration unsupported_retry = std::chrono::seconds(5);  // between attempts after OnUnsupported
};

// Receives the reports, on the subscriber's thread, one call at a time, with no lock held. Between
// OnLive and OnLost the calls come in the order of Redis's reports.
class InvalidationSink {
 public:
  // Redis has acknowledged both the tracking and the subscription: it reports every write from now
  // on. Nothing is known of earlier writes. `peer` is Connection::peer(). The lease ends at `lease`
  // unless OnLease extends it.
  virtual void OnLive(uint64_t peer, TimePoint lease) = 0;

  // The lease ends at `lease` from now on, which is never earlier than before.
  virtual void OnLease(TimePoint lease) = 0;

  // `key` was written, deleted, or given another TTL. It is valid only during the call.
  virtual void OnInvalidated(std::string_view key) = 0;

  // Any key may have changed: FLUSHALL, FLUSHDB or a resynchronisation.
  virtual void OnFlush() = 0;

  // From now on reports may be missed, or have been. Called exactly once after each OnLive, also
  // because of Stop.
  virtual void OnLost() = 0;

  // Redis answers, but it cannot report its writes or does not permit this proxy to ask for that.
  // The message is one line that names Redis, what it answered and what to do; the sink may log it.
  // Called once while the reason stays the same. The next attempt follows after unsupported_retry.
  virtual void OnUnsupported(const Error& error) = 0;

 protected:
  ~InvalidationSink() = default;
};

class Subscriber {
 public:
  enum class FirstOutcome { kLive, kUnsupported, kUnreachable };

  // Starts the thread, which tries to connect at once. `sink` must outlive the subscriber.
  // REQUIRES: 0 < max_stale <= 1 hour, timeout > 0, unsupported_retry >= 0.
  static std::unique_ptr<Subscriber> Start(SubscriberOptions options, InvalidationSink* sink);

  ~Subscriber();  // calls Stop
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Waits until the first attempt has succeeded or failed and the sink has been told, and returns
  // the outcome. Returns kUnreachable at `deadline` and after Stop.
  [[nodiscard]] FirstOutcome AwaitFirst(TimePoint deadline) RP_EXCLUDES(mutex_);

  // Asks for a new connection, because the name may lead to another server by now, and returns at
  // once. The present connection is given up within a quarter of max_stale, or within max_stale
  // while Redis answers no PING.
  void Renew() { renewing_ = true; }

  // Ends the thread and returns. Does not wait for Redis; only the resolving of a name or a call of
  // the sink can delay it. Idempotent.
  void Stop() RP_EXCLUDES(mutex_);

 private:
  Subscriber(SubscriberOptions options, InvalidationSink* sink);

  void Run() noexcept;
  Duration FollowOnce() RP_EXCLUDES(mutex_);
  Result<std::unique_ptr<Connection>> Subscribe(TimePoint* tracked_at);
  Result<Reply> Call(Connection* connection, const std::vector<std::string_view>& arguments,
                     TimePoint deadline);
  Error Explain(const Error& error) const;
  Duration OnFailed(const Error& error) RP_EXCLUDES(mutex_);
  void LogTrouble(const Error& reason);
  bool Sleep(Duration wait) RP_EXCLUDES(mutex_);
  void SettleFirst(FirstOutcome outcome) RP_EXCLUDES(mutex_);

  enum class Logged { kNothing, kLive, kTrouble };

  const SubscriberOptions options_;
  const ConnectOptions target_;
  const std::string name_;  // of the endpoint, for the log
  InvalidationSink* const sink_;
  const UniqueFd interrupt_;  // an eventfd: readable from Stop on, and never read

  // Of the thread alone.
  BackOff back_off_;
  unsigned failures_ = 0;             // attempts since the last one whose PING was answered
  std::string unsupported_;           // the last reason given to the sink, until the next OnLive
  Logged logged_ = Logged::kNothing;  // last
  LogLimiter trouble_limiter_;

  Mutex mutex_;
  CondVar changed_;
  std::atomic<bool> stopping_{false};  // set under the lock, so that no waiter misses it
  std::atomic<bool> renewing_{false};
  std::optional<FirstOutcome> first_ RP_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace rp::redis
