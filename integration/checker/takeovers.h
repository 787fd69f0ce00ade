// What the judges of the stale-read checker must know of how its Redis changed hands: when the
// address led to a server that was no master, and when it moved unnoticed.
//
// Owner: the checker.
// Thread safety: any thread.
// Cost: a question looks at every event so far.
#pragma once

#include <mutex>
#include <vector>

#include "base/time.h"

namespace rp::integration {

class Takeovers {
 public:
  // How long after a move the old server's values may come: the second bound of docs/coherence.md.
  explicit Takeovers(Duration second_bound) : second_bound_(second_bound) {}

  // From `now` on the address leads to a server that is no master, until the other call. What comes
  // up to then is what that server says: see LedToReplica.
  void BeginReplica(TimePoint now);
  void EndReplica(TimePoint until);
  // From `now` on, new connections lead to another master; the old one lives on at the connections
  // that there are. What is written is written at the new one alone.
  void OnMove(TimePoint now);

  // Whether a request from `asked` to `answered` may have been answered by a server that was no
  // master.
  [[nodiscard]] bool LedToReplica(TimePoint asked, TimePoint answered) const;
  // Whether a request at `asked` may get what was overwritten at `ended`, because that was after a
  // move and the second bound has not passed since.
  [[nodiscard]] bool MoveExcuses(TimePoint ended, TimePoint asked) const;

 private:
  struct Window {
    TimePoint begin;
    TimePoint end = kNever;
  };

  const Duration second_bound_;
  mutable std::mutex mutex_;
  std::vector<Window> replicas_;
  std::vector<TimePoint> moves_;
};

}  // namespace rp::integration
