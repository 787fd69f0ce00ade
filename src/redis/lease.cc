#include "redis/lease.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::redis {

Lease::Lease(Duration max_stale, TimePoint tracked_at, TimePoint now)
    : max_stale_(max_stale),
      interval_(max_stale / kProofsPerLease),
      proven_at_(tracked_at),
      answered_proof_at_(tracked_at),
      proof_sent_at_(tracked_at),
      next_proof_(now + interval_),
      reported_at_(tracked_at) {}

TimePoint Lease::WaitLimit() const { return state_ == State::kAwaiting ? LossTime() : next_proof_; }

TimePoint Lease::LossTime() const {
  if (state_ == State::kProven) return kNever;
  return std::clamp(reported_at_ + interval_, proof_sent_at_ + max_stale_,
                    proof_sent_at_ + kMaxWaitInLeases * max_stale_);
}

Error Lease::LossReason() const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(max_stale_).count();
  return Error{ErrorCode::kTimeout,
               "no answer to HELLO and PING within " + std::to_string(ms) + "ms"};
}

void Lease::OnProofSent(TimePoint now) {
  RP_CHECK(state_ == State::kProven);
  state_ = State::kAwaiting;
  proof_sent_at_ = now;
  next_proof_ = now + interval_;
}

void Lease::OnProofAnswered() {
  RP_CHECK(state_ == State::kAwaiting);
  state_ = State::kProven;
  was_renewed_ = true;
  proven_at_ = std::exchange(answered_proof_at_, proof_sent_at_);
}

}  // namespace rp::redis
