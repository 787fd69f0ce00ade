// The ear of coherence: one thread with one connection on which Redis reports every write, and the
// lease that says until when those reports are known to be complete. Hides CLIENT TRACKING, the
// heartbeat, reconnecting and everything that can be wrong with Redis. The owner holds it; the sink
// decides what a report means.
//
// The connection speaks RESP2 and redirects the reports to itself, so that data connections need no
// set-up (https://redis.io/docs/latest/develop/reference/client-side-caching/):
//   CLIENT ID, CLIENT TRACKING ON REDIRECT <id> BCAST, SUBSCRIBE __redis__:invalidate
//
// The lease. A report of a write is queued before Redis turns to what it receives next, but the
// PONG to a PING of the same turn may overtake it. Only a PONG to a later PING is behind it, and
// there is never more than one PING under way. So a PONG proves that all writes before the PREVIOUS
// PING was sent have been reported.
//
// Thread safety: any thread, but for Start, Stop and the destructor, which belong to the owner.
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
  ConnectOptions target;                         // the database is ignored: writes to any count
  Duration max_stale = std::chrono::seconds(1);  // the length of a lease
  Duration timeout = std::chrono::seconds(1);    // to connect and to subscribe
  std::vector<std::string> prefixes;             // of the keys to hear of; none: of all keys
  Duration unsupported_retry = std::chrono::seconds(5);  // between attempts after OnUnsupported
};

// Called on the subscriber's thread, one call at a time, with no lock held. Between OnLive and
// OnLost the calls come in the order of Redis's reports.
class InvalidationSink {
 public:
  // Redis has acknowledged both the tracking and the subscription: every write from now on will be
  // reported. Nothing is known of the writes before. `peer` is that of the connection, and `lease`
  // is when these words expire unless OnLease comes.
  virtual void OnLive(uint64_t peer, TimePoint lease) = 0;

  // The lease now runs to `lease`, which is never earlier than before.
  virtual void OnLease(TimePoint lease) = 0;

  // `key`, which is valid only during the call, was written, deleted, or given another TTL.
  virtual void OnInvalidated(std::string_view key) = 0;

  // Everything may have changed: FLUSHALL, FLUSHDB or a resynchronisation.
  virtual void OnFlush() = 0;

  // Exactly once after each OnLive: reports have been or may be missed from now on. Stop causes it
  // too.
  virtual void OnLost() = 0;

  // Redis answers, but cannot do this or does not let this proxy do it. The message is one line
  // that names Redis, what it said and what to do; logging it is left to the sink. Once for each
  // reason in a row. Further attempts are made, but seldom.
  virtual void OnUnsupported(const Error& error) = 0;

 protected:
  ~InvalidationSink() = default;
};

class Subscriber {
 public:
  enum class FirstOutcome { kLive, kUnsupported, kUnreachable };

  // Starts the thread, which connects at once. `sink` must outlive the subscriber.
  // REQUIRES: 0 < max_stale <= 1 hour, timeout > 0, unsupported_retry >= 0.
  static std::unique_ptr<Subscriber> Start(SubscriberOptions options, InvalidationSink* sink);

  ~Subscriber();  // stops
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Waits until the first attempt has succeeded or failed and the sink has been told, or until
  // `deadline` or Stop, which count as kUnreachable.
  [[nodiscard]] FirstOutcome AwaitFirst(TimePoint deadline) RP_EXCLUDES(mutex_);

  // Asks for a connection made anew, since the name may lead to another server by now: the present
  // one counts as lost within a PING's interval or, while none is answered, max_stale. Any thread;
  // waits for nothing.
  void Renew() { renewing_ = true; }

  // Ends the thread without waiting for Redis. Only a name that is being resolved or a call of the
  // sink can hold it up. Idempotent.
  void Stop() RP_EXCLUDES(mutex_);

 private:
  Subscriber(SubscriberOptions options, InvalidationSink* sink);

  void Run() noexcept;
  Duration FollowOnce() RP_EXCLUDES(mutex_);
  Result<std::unique_ptr<Connection>> Subscribe(TimePoint* tracked_at);
  Result<Reply> Call(Connection* connection, const std::vector<std::string_view>& arguments,
                     TimePoint deadline);
  Error Explain(const Error& error, const char* what, const char* advice) const;
  Duration OnFailed(const Error& error) RP_EXCLUDES(mutex_);
  void LogTrouble(const Error& reason);
  bool Sleep(Duration wait) RP_EXCLUDES(mutex_);
  void SettleFirst(FirstOutcome outcome) RP_EXCLUDES(mutex_);

  enum class Said { kNothing, kLive, kTrouble };

  const SubscriberOptions options_;
  const ConnectOptions target_;
  const std::string name_;  // of the endpoint, for the log
  InvalidationSink* const sink_;
  const UniqueFd interrupt_;  // an eventfd: readable from Stop on, and never read

  // Of the thread alone.
  BackOff back_off_;
  unsigned failures_ = 0;       // attempts since the last one whose PING was answered
  std::string unsupported_;     // the last reason given to the sink, until the next OnLive
  Said said_ = Said::kNothing;  // last, in the log
  LogLimiter trouble_limiter_;

  Mutex mutex_;
  CondVar changed_;
  std::atomic<bool> stopping_{false};  // set under the lock, so that no waiter misses it
  std::atomic<bool> renewing_{false};
  std::optional<FirstOutcome> first_ RP_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace rp::redis
