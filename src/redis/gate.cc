#include "redis/gate.h"

#include <algorithm>
#include <string>
#include <utility>

#include "redis/reply.h"

namespace rp::redis {
namespace {

// Refusals that no waiting will change.
bool IsConfiguration(ErrorCode code) {
  return code == ErrorCode::kAuth || code == ErrorCode::kRefused;
}

}  // namespace

Gate::News Gate::OnConnected(TimePoint now) {
  failures_ = 0;
  verdict_.reset();
  const std::optional<TimePoint> since = std::exchange(absent_since_, std::nullopt);
  const State before = std::exchange(state_, State::kConnected);
  if (before == State::kConnected) return News::kNothing;
  if (before == State::kUnknown) return News::kConnected;
  outage_ = now - since.value_or(now);
  return News::kBack;
}

Gate::News Gate::OnConnectFailed(const Error& error, bool alone, TimePoint now) {
  NoteAbsence(now);
  ++failures_;
  next_attempt_ = now + back_off_.Draw(failures_);
  if (!alone) return News::kNothing;
  // What Redis said of itself is old as soon as the next attempt fails for another reason. Only the
  // open breaker outlives a timeout.
  std::optional<Error> verdict = VerdictOn(error);
  if (verdict || (verdict_ && verdict_->code != ErrorCode::kAway)) verdict_ = std::move(verdict);
  const State before = state_;
  if (IsConfiguration(error.code)) {
    state_ = State::kRefused;
    return before == State::kRefused ? News::kNothing : News::kRefused;
  }
  if (before != State::kRefused) state_ = State::kAway;
  if (before == State::kUnknown) return News::kAbsent;
  return before == State::kConnected ? News::kLost : News::kNothing;
}

void Gate::NoteAbsence(TimePoint now) {
  const bool is_apart = failures_ == 0 && now - absent_at_ > kOutageGap;
  if (!absent_since_ || is_apart) absent_since_ = now;
  absent_at_ = now;
}

std::optional<Error> Gate::VerdictOn(const Error& error) const {
  // Redis's advice to its operator, which may be long, is for the log alone.
  if (IsConfiguration(error.code)) {
    return Error{error.code, std::string(TextForClients(error.code, error.message))};
  }
  if (IsTransient(error.code)) {
    if (failures_ >= kBusyFailures) return error;
  } else if (error.code != ErrorCode::kTimeout && failures_ >= kBreakerFailures) {
    return Error{ErrorCode::kAway, "Redis is away: " + error.message};
  }
  return std::nullopt;
}

void Gate::OnConnectionWasted(TimePoint now) {
  ++wasted_;
  next_attempt_ = std::max(next_attempt_, now + back_off_.Draw(wasted_));
}

}  // namespace rp::redis
