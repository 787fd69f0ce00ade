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

std::optional<uint64_t> StaleOracle::AbsencePosition(int key, uint64_t floor,
                                                     TimePoint answered) const {
  if (floor == 0) return 0;
  std::optional<uint64_t> least;
  const auto consider = [&](uint64_t position) {
    if (!least || position < *least) least = position;
  };
  std::vector<Event> wipes;
  {
    const std::lock_guard<std::mutex> lock(wipes_mutex_);
    wipes = wipes_;
  }
  const Key& entry = keys_[static_cast<size_t>(key)];
  const std::lock_guard<std::mutex> lock(entry.mutex);
  for (uint64_t stamp = (floor + 1) / 2; stamp <= entry.writes.size(); ++stamp) {
    const Event& write = entry.writes[stamp - 1];
    if (write.sent >= answered) break;
    if (write.write != Write::kDelete) continue;
    consider(ValuePosition(stamp));
    break;
  }
  for (const Event& wipe : wipes) {
    if (wipe.sent >= answered) continue;
    const Places places = PlacesOf(wipe, entry.writes);
    if (places.last < floor) continue;
    // Behind the value at `floor`.
    consider(std::max(places.first, floor | 1));
  }
  return least;
}

// Behind what had ended before it was sent, and before what was sent after it had ended. The place
// behind a write is its position plus one.
StaleOracle::Places StaleOracle::PlacesOf(const Event& wipe, const std::vector<Event>& writes) {
  const auto count = [&](const auto& is_before) {
    return static_cast<uint64_t>(std::partition_point(writes.begin(), writes.end(), is_before) -
                                 writes.begin());
  };
  const uint64_t before = count([&](const Event& write) { return write.done < wipe.sent; });
  const uint64_t begun = count([&](const Event& write) { return write.sent < wipe.done; });
  return {.first = ValuePosition(before) + 1, .last = ValuePosition(begun) + 1};
}

}  // namespace rp::integration
