// Random: the only source of chance in a run. Its numbers depend on the seed alone, not on the
// standard library.
//
// Owner: the world. Thread safety: one thread at a time. Cost: O(1), no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

#include "base/time.h"

namespace rp::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // Returns a number from [low, high].
  int64_t Number(int64_t low, int64_t high) {
    const auto count = static_cast<uint64_t>(high - low) + 1;
    return low + static_cast<int64_t>(engine_() % count);
  }
  Duration Wait(Duration low, Duration high) { return Duration(Number(low.count(), high.count())); }
  // Returns a wait that is mostly much shorter than `most`, and never longer.
  Duration MostlyShort(Duration most) {
    const auto most_ns = static_cast<double>(most.count());
    const double part = Part();
    return Duration(static_cast<int64_t>(most_ns * part * part * part));
  }
  bool Chance(double probability) { return Part() < probability; }
  // Returns an index below `count`.
  size_t Index(size_t count) { return static_cast<size_t>(engine_() % count); }
  uint64_t Bits() { return engine_(); }

 private:
  double Part() { return static_cast<double>(engine_() >> 11) / static_cast<double>(1ULL << 53); }

  std::mt19937_64 engine_;
};

}  // namespace rp::simulation
