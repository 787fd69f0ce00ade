#include "redis/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "base/check.h"

namespace rp::redis {

Interrupt::Interrupt() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  RP_CHECK(static_cast<bool>(fd_));
}

void Interrupt::Raise() {
  is_raised_.store(true, std::memory_order_release);
  RP_CHECK(eventfd_write(fd_.get(), 1) == 0);
}

bool Interrupt::Sleep(Duration wait) const {
  const TimePoint until = DeadlineAfter(Now(), wait);
  while (!is_raised()) {
    const Duration left = until - Now();
    if (left <= Duration::zero()) return true;
    const timespec limit = ToTimespec(left);
    pollfd raised = {fd_.get(), POLLIN, 0};
    // An error can only be a signal, after which the wait goes on.
    static_cast<void>(ppoll(&raised, 1, &limit, nullptr));
  }
  return false;
}

}  // namespace rp::redis
