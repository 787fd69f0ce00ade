// World: what all parts of a run share: the clock, chance, the plan, and the trace of what happened
// last.
//
// Owner: the simulation. Thread safety: one thread at a time. Cost: a line of the trace is built
// only where the run is traced.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>

#include "test/simulation/plan.h"
#include "test/simulation/random.h"
#include "test/simulation/scheduler.h"

namespace rp::simulation {

class World {
 public:
  static constexpr size_t kKeptLines = 150;

  World(uint64_t seed, bool is_traced)
      : random(seed), plan(DrawPlan(&random)), is_traced_(is_traced) {}

  Random random;
  const Plan plan;
  Scheduler scheduler;

  [[nodiscard]] TimePoint now() const { return scheduler.now(); }
  [[nodiscard]] Duration time() const { return now() - TimePoint(std::chrono::hours(1)); }

  // Returns the number of this step. Steps are in order, also those of the same time.
  uint64_t Step() { return ++steps_; }

  // From now on nothing takes long by chance.
  void CalmDown() { is_calm_ = true; }
  // Returns true in the part of the cases that the plan says, until CalmDown.
  bool Happens(double probability) { return !is_calm_ && random.Chance(probability); }

  void Trace(const char* format, ...) __attribute__((format(printf, 2, 3))) {
    if (!is_traced_) return;
    char text[240];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    char line[280];
    std::snprintf(line, sizeof(line), "%12.6f  %s\n", std::chrono::duration<double>(time()).count(),
                  text);
    lines_.emplace_back(line);
    if (lines_.size() > kKeptLines) lines_.pop_front();
  }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

 private:
  const bool is_traced_;
  bool is_calm_ = false;
  uint64_t steps_ = 0;
  std::deque<std::string> lines_;
};

}  // namespace rp::simulation
