// Logs how Redis does, as the fetchers see it: that it comes and goes, and which errors it answers.
// Hides the wording and the limits that keep the log from being flooded.
//
// Owner: Fetchers.
// Thread safety: any thread, lock-free.
// Cost: that of LogLimiter for a suppressed line, else that of Log.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "redis/circuit_breaker.h"

namespace rp::redis {

class StatusLog {
 public:
  enum class Renewed : bool { kNo, kYes };

  // `name` is the endpoint as text.
  explicit StatusLog(std::string name) : name_(std::move(name)) {}

  // Logs what an attempt to connect has changed: at most one line of each kind a second. `error` is
  // why the attempt failed; `outage` belongs to kReconnected.
  void OnChange(CircuitBreaker::Change change, const Error& error, Duration outage);

  // Logs an error that Redis answered: the first of each kind, and then at most one line in ten
  // seconds. A kind is a code, and with kUpstream also the error's first word, as far as
  // kUpstreamKinds distinguishes words. `renewed` is kYes if connections are replaced because of
  // it; that is logged with the same limit, whatever was logged of the error.
  void OnTrouble(const Error& error, Renewed renewed);

  // Log, at debug level, each failed attempt to connect, and each connection that is made or lost.
  // `connections` is how many there are now; `retried` and `failed` count the requests that the
  // connection had not answered.
  void OnAttemptFailed(const Error& error);
  void OnOpened(size_t connections);
  void OnClosed(const Error& reason, size_t connections, size_t retried, size_t failed);

  // Logs that the queue is full: the first time, and then at most one line in ten seconds.
  void OnQueueFull();

 private:
  struct ChangeLimiter : LogLimiter {
    ChangeLimiter() : LogLimiter(std::chrono::seconds(1)) {}
  };
  struct TroubleLimiter : LogLimiter {
    TroubleLimiter() : LogLimiter(std::chrono::seconds(10)) {}
  };

  // Large enough that two words for Redis's errors seldom share one.
  static constexpr size_t kUpstreamKinds = 64;

  TroubleLimiter* LimiterOf(const Error& error);

  const std::string name_;
  std::array<ChangeLimiter, static_cast<size_t>(CircuitBreaker::Change::kRefused) + 1>
      change_limiters_;
  std::array<TroubleLimiter, static_cast<size_t>(ErrorCode::kInternal) + 1> trouble_limiters_;
  std::array<TroubleLimiter, kUpstreamKinds> upstream_limiters_;  // by hash
  TroubleLimiter renewal_limiter_;
};

}  // namespace rp::redis
