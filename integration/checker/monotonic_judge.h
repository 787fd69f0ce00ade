// Looks for reads that go backwards: a request that started after another had ended, and got an
// older version of the same key.
//
// Each answer shows a position in the key's history (StaleOracle). A value has one position; "no
// such key" may stand for one of several absences, and counts as the earliest that does not go
// backwards. So what is called backwards is backwards, whatever the clocks say of the writes.
//
// Owner: the checker.
// Thread safety: any thread. An answer that is judged before an earlier one is compared without it.
// Cost: a judgement is O(log n) in the versions of the key that were seen.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "integration/checker/stale_oracle.h"

namespace rp::integration {

class MonotonicJudge {
 public:
  MonotonicJudge(const StaleOracle* oracle, int keys)
      : oracle_(oracle), keys_(static_cast<size_t>(keys)) {}

  // Judges an answer with the value of that stamp, or with "no such key" if it is 0. Returns
  // whether it goes backwards; if not, later requests are compared with it.
  [[nodiscard]] bool IsBackwards(int key, uint64_t stamp, TimePoint asked, TimePoint answered);

 private:
  struct Seen {
    TimePoint ended;
    uint64_t position;
  };
  // Of the answers that had ended, the latest positions: both grow from element to element.
  struct Key {
    std::mutex mutex;
    std::vector<Seen> seen;
  };

  // The latest position that an answer had brought before `asked`.
  static uint64_t Floor(const std::vector<Seen>& seen, TimePoint asked);
  static void Insert(Seen answer, std::vector<Seen>* seen);

  const StaleOracle* const oracle_;
  std::vector<Key> keys_;
};

}  // namespace rp::integration
