#include "redis/lease.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::redis {

Lease::Lease(Duration max_stale, TimePoint tracked_at, TimePoint now)
    : max_stale_(max_stale),
      interval_(max_stale / kPingsPerLease),
      proven_at_(tracked_at),
      answered_ping_at_(tracked_at),
      ping_at_(tracked_at),
      next_ping_(now + interval_),
      reported_at_(tracked_at) {}

TimePoint Lease::WaitLimit() const {
  return state_ == State::kAwaiting ? LossTime() : std::min(next_ping_, LossTime());
}

TimePoint Lease::LossTime() const {
  if (unproven_since_ == kNever) return kNever;
  return std::clamp(reported_at_ + interval_, unproven_since_ + max_stale_,
                    unproven_since_ + kMaxWaitInLeases * max_stale_);
}

Error Lease::LossReason() const {
  if (!refusal_.empty()) return Error{ErrorCode::kTimeout, refusal_};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(max_stale_).count();
  return Error{ErrorCode::kTimeout, "no PONG within " + std::to_string(ms) + "ms"};
}

void Lease::OnPing(TimePoint now) {
  RP_CHECK(state_ != State::kAwaiting);
  state_ = State::kAwaiting;
  ping_at_ = now;
  next_ping_ = now + interval_;
  unproven_since_ = std::min(unproven_since_, now);
}

void Lease::OnPong() {
  RP_CHECK(state_ == State::kAwaiting);
  state_ = State::kProven;
  was_renewed_ = true;
  proven_at_ = std::exchange(answered_ping_at_, ping_at_);
  unproven_since_ = kNever;
  refusal_.clear();
}

void Lease::OnRefused(std::string_view text) {
  RP_CHECK(state_ == State::kAwaiting);
  state_ = State::kRefused;
  refusal_ = text;
}

}  // namespace rp::redis
