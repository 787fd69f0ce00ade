// The lease of a subscriber: up to when all writes in Redis are known to have been reported, when
// the next proof is due, and when the connection counts as lost. Hides what the answer to a proof
// proves. Contains no thread, lock, clock or socket.
//
// A proof is PING, with questions that say whether Redis is the master (redis/tracking.h).
//
// What it proves. Redis queues the report of a write before it turns to what it receives next, but
// the PONG to a PING of the same turn may overtake that report. Only a PONG to a later PING stands
// behind it, and at most one is under way. So an answer proves that all writes before the PREVIOUS
// answered proof was sent have been reported: the lease runs from then for `max_stale`.
//
//              OnProofSent              OnProofAnswered: a new lease
//   kProven ------------------> kAwaiting ------------------------> kProven
//
// In kAwaiting the connection is lost once LossTime() has passed.
//
// Owner: the subscriber's thread.
// Thread safety: one thread at a time. Time is an argument.
// Cost: O(1), no allocation.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class Lease {
 public:
  enum class State : uint8_t { kProven, kAwaiting };

  static constexpr int kProofsPerLease = 4;
  // Maximum time to wait for an answer, in leases, however many reports come before it.
  static constexpr int kMaxWaitInLeases = 4;

  // The command that started the reports was sent at `tracked_at`, from which the first lease runs.
  // The first proof is due a proof's interval after `now`. REQUIRES: max_stale > 0.
  Lease(Duration max_stale, TimePoint tracked_at, TimePoint now);

  [[nodiscard]] State state() const { return state_; }

  // Returns the end of the lease: all writes before `end() - max_stale` have been reported. It
  // never becomes earlier.
  [[nodiscard]] TimePoint end() const { return proven_at_ + max_stale_; }

  // Returns whether a proof was ever answered.
  [[nodiscard]] bool was_renewed() const { return was_renewed_; }

  // Returns whether a proof is to be sent at `now`.
  [[nodiscard]] bool IsProofDue(TimePoint now) const {
    return state_ == State::kProven && now >= next_proof_;
  }

  // Returns until when to wait for Redis: the next proof is due then, or the connection is lost.
  [[nodiscard]] TimePoint WaitLimit() const;

  // Returns when the connection is lost unless an answer comes; kNever in kProven. That is
  // `max_stale` after the proof was sent. The time that the caller took to deal with reports does
  // not count as silence, within kMaxWaitInLeases.
  [[nodiscard]] TimePoint LossTime() const;

  // Returns why the connection is lost when LossTime() has passed.
  [[nodiscard]] Error LossReason() const;

  // A proof is sent at `now`. REQUIRES: state() is kProven.
  void OnProofSent(TimePoint now);

  // Redis has answered the proof well. REQUIRES: state() is kAwaiting.
  void OnProofAnswered();

  // A report has come, and the caller has dealt with it at `now`.
  void OnReport(TimePoint now) { reported_at_ = now; }

 private:
  const Duration max_stale_;
  const Duration interval_;  // between proofs

  State state_ = State::kProven;
  bool was_renewed_ = false;
  TimePoint proven_at_;          // all writes before this have been reported
  TimePoint answered_proof_at_;  // the last that was answered, or the tracking
  TimePoint proof_sent_at_;      // the last one
  TimePoint next_proof_;
  TimePoint reported_at_;  // the last report was dealt with
};

}  // namespace rp::redis
