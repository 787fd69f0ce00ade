#include "integration/checker/stale_oracle.h"

#include <algorithm>

namespace rp::integration {

uint64_t StaleOracle::BeginWrite(int key, Write write, TimePoint now) {
  Key& entry = keys_[static_cast<size_t>(key)];
  const std::lock_guard<std::mutex> lock(entry.mutex);
  entry.writes.push_back({.sent = now, .write = write});
  return entry.writes.size();
}

void StaleOracle::EndWrite(int key, bool acknowledged, TimePoint now) {
  Key& entry = keys_[static_cast<size_t>(key)];
  const std::lock_guard<std::mutex> lock(entry.mutex);
  entry.writes.back().done = now;
  entry.writes.back().acknowledged = acknowledged;
}

void StaleOracle::BeginWipe(TimePoint now) {
  const std::lock_guard<std::mutex> lock(wipes_mutex_);
  wipes_.push_back({.sent = now});
}

void StaleOracle::EndWipe(bool acknowledged, TimePoint now) {
  const std::lock_guard<std::mutex> lock(wipes_mutex_);
  wipes_.back().done = now;
  wipes_.back().acknowledged = acknowledged;
}

std::optional<TimePoint> StaleOracle::ValueEnded(int key, uint64_t stamp) const {
  const Key& entry = keys_[static_cast<size_t>(key)];
  TimePoint ended = kNever;
  TimePoint written = kNever;
  {
    const std::lock_guard<std::mutex> lock(entry.mutex);
    if (stamp == 0 || stamp > entry.writes.size()) return std::nullopt;
    if (entry.writes[stamp - 1].write != Write::kSet) return std::nullopt;
    written = entry.writes[stamp - 1].done;
    const auto next =
        std::find_if(entry.writes.begin() + static_cast<std::ptrdiff_t>(stamp), entry.writes.end(),
                     [](const Event& write) { return write.acknowledged; });
    if (next != entry.writes.end()) ended = next->done;
  }
  const std::lock_guard<std::mutex> lock(wipes_mutex_);
  for (const Event& wipe : wipes_) {
    if (wipe.acknowledged && wipe.sent > written) ended = std::min(ended, wipe.done);
  }
  return ended;
}

TimePoint StaleOracle::AbsenceEnded(int key, TimePoint answered) const {
  // The end of the last deletion that the answer may have seen.
  TimePoint missing = TimePoint::min();
  {
    const std::lock_guard<std::mutex> lock(wipes_mutex_);
    for (const Event& wipe : wipes_) {
      if (wipe.sent < answered) missing = std::max(missing, wipe.done);
    }
  }
  const Key& entry = keys_[static_cast<size_t>(key)];
  const std::lock_guard<std::mutex> lock(entry.mutex);
  TimePoint ended = kNever;
  for (auto write = entry.writes.rbegin(); write != entry.writes.rend(); ++write) {
    if (write->sent < missing) break;
    if (write->write == Write::kSet) {
      if (write->acknowledged) ended = write->done;
    } else if (write->sent < answered) {
      break;
    }
  }
  return ended;
}

}  // namespace rp::integration
