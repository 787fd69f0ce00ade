// Scheduler: the virtual clock of a run, and what is to happen at which time. Events of the same
// time happen in the order in which they were added, so that a seed is one run.
//
// Owner: the world. Thread safety: one thread at a time. Cost: O(log n) per event.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/time.h"

namespace rp::simulation {

class Scheduler {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] TimePoint now() const { return now_; }

  void At(TimePoint time, Action action) {
    events_.push_back({std::max(time, now_), ++added_, std::move(action)});
    std::push_heap(events_.begin(), events_.end(), IsLater);
  }
  void After(Duration wait, Action action) { At(now_ + wait, std::move(action)); }

  // Lets everything happen that is due until `end`, unless `is_over` returns true before.
  template <typename IsOver>
  void RunUntil(TimePoint end, IsOver is_over) {
    while (!is_over() && !events_.empty() && events_.front().time <= end) {
      std::pop_heap(events_.begin(), events_.end(), IsLater);
      Event event = std::move(events_.back());
      events_.pop_back();
      now_ = event.time;
      event.action();
    }
    now_ = std::max(now_, end);
  }

 private:
  struct Event {
    TimePoint time;
    uint64_t order;
    Action action;
  };
  static bool IsLater(const Event& a, const Event& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  }

  TimePoint now_ = TimePoint(std::chrono::hours(1));
  uint64_t added_ = 0;
  std::vector<Event> events_;  // a heap
};

}  // namespace rp::simulation
