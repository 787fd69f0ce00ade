// When the fetchers may try to connect to Redis, what the requests that wait meanwhile are told,
// and what is worth a line in the log. Hides the back-off, the circuit breaker and what has been
// said already; knows neither sockets nor threads.
//
// Thread safety: one thread at a time (the fetchers' lock guards it). Time is an argument.
#pragma once

#include <cstdint>
#include <optional>

#include "base/back_off.h"
#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class Gate {
 public:
  // The wait after n failures in a row is drawn from the upper half of [0, kFirst * 2^(n-1)], at
  // most kLongest, so that service resumes soon after Redis does.
  static constexpr Duration kFirstBackOff = std::chrono::milliseconds(20);
  static constexpr Duration kLongestBackOff = std::chrono::milliseconds(500);
  // As many failures to connect in a row open the breaker.
  static constexpr unsigned kBreakerFailures = 5;
  // A Redis that answers but will not serve yet (it loads its data) may be waited for this often.
  static constexpr unsigned kBusyFailures = 3;

  // A loss that is followed by nothing for longer is no part of an outage: one slow command costs a
  // connection, and the others may have nothing to do.
  static constexpr Duration kOutageGap = std::chrono::seconds(30);

  enum class News { kNothing, kConnected, kBack, kAbsent, kLost, kRefused };

  explicit Gate(uint64_t seed) : back_off_(kFirstBackOff, kLongestBackOff, seed) {}

  // No attempt to connect before this.
  [[nodiscard]] TimePoint next_attempt() const { return next_attempt_; }

  // Set while no connection lives and it is pointless to let a request wait for one: what to answer
  // it with. The breaker's answer is kAway; refused credentials and a Redis that is loading speak
  // for themselves; of any other refusal it says no more than kRefused does. It ends with the first
  // success.
  [[nodiscard]] const std::optional<Error>& verdict() const { return verdict_; }

  [[nodiscard]] News OnConnected(TimePoint now);

  // An attempt failed. `alone`: no other connection lives, so that Redis is away as far as anybody
  // can tell. A timeout never opens the breaker: a hung Redis costs each request its own deadline.
  [[nodiscard]] News OnConnectFailed(const Error& error, bool alone, TimePoint now);

  // A new connection was lost before it answered anything but PING: such a Redis would otherwise be
  // connected to without end.
  void OnConnectionWasted(TimePoint now);

  // A connection that had been made broke, or did not answer in time.
  void OnConnectionLost(TimePoint now) { NoteAbsence(now); }

  // A connection answered a request.
  void OnConnectionProven() { wasted_ = 0; }

  // Some connection has just answered all that it was asked.
  void OnServed() { absent_since_.reset(); }

  // How long Redis had been away, with News::kBack: since the first connection that was lost or
  // attempt that failed after the last success.
  [[nodiscard]] Duration outage() const { return outage_; }

 private:
  enum class State { kUnknown, kConnected, kAway, kRefused };

  void NoteAbsence(TimePoint now);
  [[nodiscard]] std::optional<Error> VerdictOn(const Error& error) const;

  BackOff back_off_;
  State state_ = State::kUnknown;
  unsigned failures_ = 0;  // to connect, in a row
  unsigned wasted_ = 0;    // connections, in a row
  TimePoint next_attempt_ = TimePoint::min();
  std::optional<TimePoint> absent_since_;  // the first sign of it
  TimePoint absent_at_;                    // the last
  Duration outage_{};
  std::optional<Error> verdict_;
};

}  // namespace rp::redis
