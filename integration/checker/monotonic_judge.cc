#include "integration/checker/monotonic_judge.h"

#include <algorithm>

namespace rp::integration {

bool MonotonicJudge::IsBackwards(int key, uint64_t stamp, TimePoint asked, TimePoint answered) {
  Key& entry = keys_[static_cast<size_t>(key)];
  uint64_t floor = 0;
  {
    const std::lock_guard<std::mutex> lock(entry.mutex);
    floor = Floor(entry.seen, asked);
  }
  const std::optional<uint64_t> position = stamp == 0
                                               ? oracle_->AbsencePosition(key, floor, answered)
                                               : StaleOracle::ValuePosition(stamp);
  if (!position || *position < floor) return true;
  const std::lock_guard<std::mutex> lock(entry.mutex);
  Insert({answered, *position}, &entry.seen);
  return false;
}

uint64_t MonotonicJudge::Floor(const std::vector<Seen>& seen, TimePoint asked) {
  const auto later = std::partition_point(seen.begin(), seen.end(),
                                          [&](const Seen& answer) { return answer.ended < asked; });
  return later == seen.begin() ? 0 : std::prev(later)->position;
}

void MonotonicJudge::Insert(Seen answer, std::vector<Seen>* seen) {
  auto at = std::partition_point(seen->begin(), seen->end(),
                                 [&](const Seen& other) { return other.ended <= answer.ended; });
  if (at != seen->begin() && std::prev(at)->position >= answer.position) return;
  const auto above = std::partition_point(
      at, seen->end(), [&](const Seen& other) { return other.position <= answer.position; });
  at = seen->erase(at, above);
  seen->insert(at, answer);
}

}  // namespace rp::integration
