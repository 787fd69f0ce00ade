#include "integration/checker/takeovers.h"

#include <algorithm>

namespace rp::integration {

void Takeovers::BeginReplica(TimePoint now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  replicas_.push_back({.begin = now});
}

void Takeovers::EndReplica(TimePoint until) {
  const std::lock_guard<std::mutex> lock(mutex_);
  replicas_.back().end = until;
}

void Takeovers::OnMove(TimePoint now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  moves_.push_back(now);
}

bool Takeovers::LedToReplica(TimePoint asked, TimePoint answered) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::any_of(replicas_.begin(), replicas_.end(), [&](const Window& window) {
    return window.begin <= answered && asked <= window.end;
  });
}

bool Takeovers::MoveExcuses(TimePoint ended, TimePoint asked) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::any_of(moves_.begin(), moves_.end(), [&](TimePoint moved) {
    return moved <= ended && asked <= moved + second_bound_;
  });
}

}  // namespace rp::integration
