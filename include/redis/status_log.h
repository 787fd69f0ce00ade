// What the log says of Redis, as the fetchers see it: that it comes and goes, and what it answers
// in place of serving. Hides the wording, and what keeps the log from being flooded.
//
// Thread safety: any thread, lock-free.
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

  // `name` is the endpoint's.
  explicit StatusLog(std::string name) : name_(std::move(name)) {}

  // What an attempt to connect has changed, at most one line of each kind a second. `error` is why
  // it failed; `outage` is that of kBack.
  void OnChange(CircuitBreaker::Change change, const Error& error, Duration outage);

  // What Redis answers that is no news of the kinds above: the first of each kind is said, and then
  // one line in ten seconds. A kind is a code, and for kUpstream the error's first word as well, as
  // far as kUpstreamKinds tell words apart. `renewed`: connections are made anew because of it,
  // which is said in the same way, whatever has been said of the error.
  void OnTrouble(const Error& error, Renewed renewed);

  // For -log-level debug: each attempt to connect and each end of a connection, with the number of
  // connections that there are then, and of the requests whose answers it owed.
  void OnAttemptFailed(const Error& error);
  void OnOpened(size_t connections);
  void OnClosed(const Error& reason, size_t connections, size_t retried, size_t failed);

  // No room is left for requests that wait. Said like trouble.
  void OnQueueFull();

 private:
  struct ChangeLimiter : LogLimiter {
    ChangeLimiter() : LogLimiter(std::chrono::seconds(1)) {}
  };
  struct TroubleLimiter : LogLimiter {
    TroubleLimiter() : LogLimiter(std::chrono::seconds(10)) {}
  };

  // Enough that two words of those that Redis has for its errors seldom meet in one.
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
