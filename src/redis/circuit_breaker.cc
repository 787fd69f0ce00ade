#include "redis/circuit_breaker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "redis/reply.h"

namespace rp::redis {

CircuitBreaker::Change CircuitBreaker::OnConnected(TimePoint now) {
  failures_ = 0;
  open_error_.reset();
  const std::optional<TimePoint> since = std::exchange(outage_since_, std::nullopt);
  const State before = std::exchange(state_, State::kConnected);
  if (before == State::kConnected) return Change::kNone;
  if (before == State::kUnknown) return Change::kConnected;
  outage_ = now - since.value_or(now);
  return Change::kReconnected;
}

CircuitBreaker::Change CircuitBreaker::OnConnectFailed(const Error& error, bool alone,
                                                       TimePoint now) {
  NoteOutage(now);
  ++failures_;
  next_attempt_ = now + back_off_.Draw(failures_);
  if (!alone) return Change::kNone;
  // The last answer of Redis about itself is out of date as soon as the next attempt fails for
  // another reason. Only kAway outlives a time-out.
  std::optional<Error> open_error = OpenErrorFor(error);
  if (open_error || (open_error_ && open_error_->code != ErrorCode::kAway)) {
    open_error_ = std::move(open_error);
  }
  const State before = state_;
  if (IsRefusal(error.code)) {
    state_ = State::kRefused;
    return before == State::kRefused ? Change::kNone : Change::kRefused;
  }
  if (before != State::kRefused) state_ = State::kAway;
  if (before == State::kUnknown) return Change::kUnreachable;
  return before == State::kConnected ? Change::kLost : Change::kNone;
}

void CircuitBreaker::NoteOutage(TimePoint now) {
  const bool is_apart = failures_ == 0 && now - outage_seen_at_ > kOutageGap;
  if (!outage_since_ || is_apart) outage_since_ = now;
  outage_seen_at_ = now;
}

std::optional<Error> CircuitBreaker::OpenErrorFor(const Error& error) const {
  // Redis's advice to its operator, which may be long, is for the log alone.
  if (IsRefusal(error.code)) {
    return Error{error.code, std::string(TextForClients(error.code, error.message))};
  }
  if (IsTransient(error.code)) {
    if (failures_ >= kBusyFailuresToOpen) return error;
  } else if (error.code != ErrorCode::kTimeout && failures_ >= kFailuresToOpen) {
    return Error{ErrorCode::kAway, "Redis is unavailable: " + error.message};
  }
  return std::nullopt;
}

void CircuitBreaker::OnAnotherServer(TimePoint now) {
  if (moved_at_ && now - *moved_at_ < kMovesGap) {
    next_attempt_ = std::max(next_attempt_, now + back_off_.Draw(++moves_));
  } else {
    moves_ = 0;
  }
  moved_at_ = now;
}

void CircuitBreaker::OnLostBeforeAnswer(TimePoint now) {
  ++unanswered_connections_;
  next_attempt_ = std::max(next_attempt_, now + back_off_.Draw(unanswered_connections_));
}

}  // namespace rp::redis
