#include "test/support/suspension.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {

std::atomic<int64_t> suspended_ns{0};

}  // namespace

// In place of the C library's, in this program.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long status = syscall(SYS_clock_gettime, clock, time);
  const int64_t ahead_ns = suspended_ns.load(std::memory_order_relaxed);
  if (clock == CLOCK_BOOTTIME && ahead_ns != 0) {
    const int64_t ns = time->tv_nsec + ahead_ns;
    time->tv_sec += ns / 1'000'000'000;
    time->tv_nsec = ns % 1'000'000'000;
  }
  return static_cast<int>(status);
}

namespace rp {

Suspension::Suspension(Duration length) { suspended_ns = length.count(); }

Suspension::~Suspension() { suspended_ns = 0; }

}  // namespace rp
