// The circuit breaker on the way to Redis: when the fetchers may try to connect, what waiting
// requests fail with while it is open, and which changes deserve a line in the log. Hides the
// back-off, and which changes have been logged already. Has no sockets and no threads.
//
// Two machines. The circuit decides what happens to requests; only the last live connection's loss
// can open it, because requests use any connection that lives:
//
//               too many failed attempts, or refused credentials
//      closed ------------------------------------------------------> open
//   (requests wait <------------------------------------------------- (they fail at once
//   for a connection)    connected, or a failure that contradicts      with open_error())
//                        what Redis said last
//
// The state decides what is logged; each cell is the next state and what is returned:
//
//   event                     kUnknown      kConnected    kAway          kRefused
//   OnConnected               kConnected:   kConnected:   kConnected:    kConnected:
//                             kConnected    kNone         kReconnected   kReconnected
//   OnConnectFailed, alone,   kAway:        kAway:        kAway:         kRefused:
//     other errors            kUnreachable  kLost         kNone          kNone
//   OnConnectFailed, alone,   kRefused:     kRefused:     kRefused:      kRefused:
//     IsRefusal(error)        kRefused      kRefused      kRefused       kNone
//   OnConnectFailed, not      no change: kNone
//     alone
//
// Owner: FetchSchedule.
// Thread safety: one thread at a time (the fetchers' lock guards it). Time is an argument.
// Cost: O(1); texts of errors are copied when an attempt fails.
#pragma once

#include <cstdint>
#include <optional>

#include "base/back_off.h"
#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class CircuitBreaker {
 public:
  // The pauses between attempts to connect (base/back_off.h).
  static constexpr Duration kFirstBackOff = std::chrono::milliseconds(20);
  static constexpr Duration kMaxBackOff = std::chrono::milliseconds(500);
  // The number of failures to connect in a row that opens the circuit.
  static constexpr unsigned kFailuresToOpen = 5;
  // The same number if Redis answers but does not serve yet (LOADING and so on).
  static constexpr unsigned kBusyFailuresToOpen = 3;
  // A lost connection with no further sign of trouble for longer than this is not counted as the
  // start of an outage: one slow command costs a connection.
  static constexpr Duration kOutageGap = std::chrono::seconds(30);

  // Moves to another server that are further apart than this have nothing to do with each other.
  static constexpr Duration kMovesGap = std::chrono::seconds(5);

  enum class Change { kNone, kConnected, kReconnected, kUnreachable, kLost, kRefused };

  explicit CircuitBreaker(uint64_t seed) : back_off_(kFirstBackOff, kMaxBackOff, seed) {}

  // Returns the earliest time of the next attempt to connect.
  [[nodiscard]] TimePoint next_attempt() const { return next_attempt_; }

  // Returns what requests fail with while the circuit is open, or nothing while it is closed. The
  // code is kAway after kFailuresToOpen failures, and otherwise what Redis answered to the last
  // attempt; the message of kRefused is that of Describe.
  [[nodiscard]] const std::optional<Error>& open_error() const { return open_error_; }

  // A connection was set up. Closes the circuit.
  [[nodiscard]] Change OnConnected(TimePoint now);

  // An attempt to connect failed. `alone` is true if no other connection lives. A time-out never
  // opens the circuit, because a hung Redis costs each request no more than its own deadline.
  [[nodiscard]] Change OnConnectFailed(const Error& error, bool alone, TimePoint now);

  // A connection was lost before it answered any request. Delays the next attempt, because such a
  // Redis would otherwise be connected to without end.
  void OnLostBeforeAnswer(TimePoint now);

  // A connection led to another server than the one before. Delays the next attempt if that happens
  // again and again, because each such connection outdates all others.
  void OnAnotherServer(TimePoint now);

  // A connection was lost, or did not answer in time.
  void OnConnectionLost(TimePoint now) { NoteOutage(now); }

  // A connection answered its first request.
  void OnFirstAnswer() { unanswered_connections_ = 0; }

  // Some connection has answered all that it was asked, so that no outage goes on.
  void OnServed() { outage_since_.reset(); }

  // Returns how long the last outage took: from the first lost connection or failed attempt after
  // the last success up to OnConnected. Valid after kReconnected.
  [[nodiscard]] Duration outage() const { return outage_; }

 private:
  enum class State { kUnknown, kConnected, kAway, kRefused };

  void NoteOutage(TimePoint now);
  [[nodiscard]] std::optional<Error> OpenErrorFor(const Error& error) const;

  BackOff back_off_;
  State state_ = State::kUnknown;
  unsigned failures_ = 0;                // to connect, in a row
  unsigned unanswered_connections_ = 0;  // lost before they answered, in a row
  unsigned moves_ = 0;                   // with less than kMovesGap since the one before, in a row
  std::optional<TimePoint> moved_at_;    // the last one
  TimePoint next_attempt_ = TimePoint::min();
  std::optional<TimePoint> outage_since_;  // the first sign of it
  TimePoint outage_seen_at_;               // the last one
  Duration outage_{};
  std::optional<Error> open_error_;
};

}  // namespace rp::redis
