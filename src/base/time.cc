#include "base/time.h"

#include <time.h>

namespace rp {

Clock::time_point Clock::now() noexcept {
  timespec time{};
  // Cannot fail: the clock exists since Linux 2.6.39.
  clock_gettime(CLOCK_BOOTTIME, &time);
  return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace rp
