// Receives reports of all writes in Redis: one thread with one connection, which speaks the
// protocol of redis/tracking.h. Hides the socket, reconnecting and every failure of Redis. The sink
// decides what a report means.
//
//   state      event                                              next state
//   connecting Redis reports its writes: OnLive                   live
//   connecting Redis is away or does not serve for now            waiting, for the back-off
//   connecting Redis is a replica: OnUnsupported                  waiting, for the back-off
//   connecting Redis cannot or may not report: OnUnsupported      waiting, for unsupported_retry
//   live       closed, silent, unproven or outdated: OnLost       waiting, for the back-off
//   waiting    the time is over                                   connecting
//   any        Stop, which calls OnLost in live                   ended
//
// Owner: the server.
// Thread safety: any thread, but Start, Stop and the destructor are for the owner alone.
// Cost: a report costs one call for each key; a silent Redis costs four proofs per lease.
#pragma once

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
#include "redis/connection.h"
#include "redis/current_server.h"
#include "redis/interrupt.h"
#include "redis/invalidation_sink.h"
#include "redis/tracking.h"

namespace rp::redis {

struct SubscriberOptions {
  ConnectOptions target;                                 // writes to all its databases are reported
  Duration max_stale = std::chrono::seconds(1);          // the length of a lease
  Duration timeout = std::chrono::seconds(1);            // to connect and to subscribe
  std::vector<std::string> prefixes;                     // of the keys to report; none: all keys
  Duration unsupported_retry = std::chrono::seconds(5);  // between attempts after OnUnsupported
};

class Subscriber {
 public:
  enum class FirstOutcome { kLive, kUnsupported, kUnreachable };

  // Starts the thread, which tries to connect at once. `server` and `sink` must outlive the
  // subscriber. The connection is given up within 250 ms once it is outdated.
  // REQUIRES: 0 < max_stale <= 1 hour, timeout > 0, unsupported_retry >= 0.
  static std::unique_ptr<Subscriber> Start(SubscriberOptions options, CurrentServer* server,
                                           InvalidationSink* sink);

  ~Subscriber();  // calls Stop
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Waits until the first attempt has succeeded or failed and the sink has been told, and returns
  // the outcome. Returns kUnreachable at `deadline` and after Stop.
  [[nodiscard]] FirstOutcome AwaitFirst(TimePoint deadline) RP_EXCLUDES(mutex_);

  // Ends the thread and returns. Does not wait for Redis; only the resolving of a name or a call of
  // the sink can delay it. Idempotent.
  void Stop() RP_EXCLUDES(mutex_);

 private:
  Subscriber(SubscriberOptions options, CurrentServer* server, InvalidationSink* sink);

  void Run() noexcept;
  Duration FollowOnce() RP_EXCLUDES(mutex_);
  Result<std::unique_ptr<Connection>> Connect();
  Error Follow(Connection* connection, const uint64_t* generation, Tracking* tracking);
  void OnNowLive(ServerIdentity::Kind kind) RP_EXCLUDES(mutex_);
  Error Explain(Error error, bool is_cluster) const;
  Duration OnFailed(const Error& error) RP_EXCLUDES(mutex_);
  void LogTrouble(const Error& reason);
  void SettleFirst(FirstOutcome outcome) RP_EXCLUDES(mutex_);

  enum class Logged { kNothing, kLive, kTrouble };

  const SubscriberOptions options_;
  const ConnectOptions target_;
  const std::string name_;  // of the endpoint, for the log
  CurrentServer* const server_;
  InvalidationSink* const sink_;
  Interrupt interrupt_;  // raised by Stop

  // Of the thread alone.
  BackOff back_off_;
  unsigned failures_ = 0;             // attempts since the last one whose lease was renewed
  Error unsupported_;                 // the last reason given to the sink, until the next OnLive
  Logged logged_ = Logged::kNothing;  // last
  bool is_weakness_logged_ = false;
  LogLimiter unsupported_limiter_;
  LogLimiter trouble_limiter_;

  Mutex mutex_;
  CondVar changed_;
  std::optional<FirstOutcome> first_ RP_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace rp::redis
