// A machine that is suspended, as far as its clocks show.
//
// Owner: the test.
// Thread safety: one at a time, while no other thread of the test reads the clock.
// Cost: see clock_gettime(2).
#pragma once

#include "base/time.h"

namespace rp {

// Between its beginning and its end CLOCK_BOOTTIME is ahead by `length`, as after a suspension; no
// other clock is. The kernel's own timers know nothing of it.
class Suspension {
 public:
  explicit Suspension(Duration length);
  ~Suspension();
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;
};

}  // namespace rp
