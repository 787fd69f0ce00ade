// The lease of a subscriber: up to when all writes in Redis are known to have been reported, when
// the next PING is due, and when the connection counts as lost. Hides what a PONG proves. Contains
// no thread, lock, clock or socket: Subscriber has those.
//
// What a PONG proves. Redis queues the report of a write before it turns to what it receives next,
// but the PONG to a PING of the same turn may overtake that report. Only a PONG to a later PING
// stands behind it, and at most one PING is under way. So a PONG proves that all writes before the
// PREVIOUS answered PING was sent have been reported: the lease runs from then for `max_stale`.
//
//                 OnPing                     OnPong: a new lease
//   kProven ------------------> kAwaiting ------------------------> kProven
//                                |     ^
//               OnRefused: Redis |     | OnPing
//          answered with an error v     |
//                               kRefused
//
// In kAwaiting and kRefused the connection is lost once LossTime() has passed.
//
// Owner: the subscriber's thread.
// Thread safety: one thread at a time. Time is an argument.
// Cost: O(1), no allocation but for the text of a refusal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class Lease {
 public:
  enum class State : uint8_t { kProven, kAwaiting, kRefused };

  static constexpr int kPingsPerLease = 4;
  // Maximum time to wait for a PONG, in leases, however many reports come before it.
  static constexpr int kMaxWaitInLeases = 4;

  // The command that started the reports was sent at `tracked_at`, from which the first lease runs.
  // The first PING is due a PING's interval after `now`. REQUIRES: max_stale > 0.
  Lease(Duration max_stale, TimePoint tracked_at, TimePoint now);

  [[nodiscard]] State state() const { return state_; }

  // Returns the end of the lease: all writes before `end() - max_stale` have been reported. It
  // never becomes earlier.
  [[nodiscard]] TimePoint end() const { return proven_at_ + max_stale_; }

  // Returns whether a PING was ever answered.
  [[nodiscard]] bool was_renewed() const { return was_renewed_; }

  // Returns whether a PING is to be sent at `now`.
  [[nodiscard]] bool IsPingDue(TimePoint now) const {
    return state_ != State::kAwaiting && now >= next_ping_;
  }

  // Returns until when to wait for Redis: the next PING is due then, or the connection is lost.
  [[nodiscard]] TimePoint WaitLimit() const;

  // Returns when the connection is lost unless a PONG comes; kNever in kProven. That is `max_stale`
  // after the first PING without a PONG. The time that the caller took to deal with reports does
  // not count as silence, within kMaxWaitInLeases.
  [[nodiscard]] TimePoint LossTime() const;

  // Returns why the connection is lost when LossTime() has passed.
  [[nodiscard]] Error LossReason() const;

  // A PING is sent at `now`. REQUIRES: state() is not kAwaiting.
  void OnPing(TimePoint now);

  // The PONG came, or an error that proves as much. REQUIRES: state() is kAwaiting.
  void OnPong();

  // Redis answered the PING with the error `text`, which proves nothing: it loads its data, runs a
  // script or has lost its master. REQUIRES: state() is kAwaiting.
  void OnRefused(std::string_view text);

  // A report has come, and the caller has dealt with it at `now`.
  void OnReport(TimePoint now) { reported_at_ = now; }

 private:
  const Duration max_stale_;
  const Duration interval_;  // between PINGs

  State state_ = State::kProven;
  bool was_renewed_ = false;
  TimePoint proven_at_;         // all writes before this have been reported
  TimePoint answered_ping_at_;  // the last PING that got a PONG was sent, or the tracking was
  TimePoint ping_at_;           // the last PING was sent
  TimePoint next_ping_;
  TimePoint reported_at_;              // the last report was dealt with
  TimePoint unproven_since_ = kNever;  // the first PING since the last PONG was sent
  std::string refusal_;                // what Redis answered in place of a PONG
};

}  // namespace rp::redis
