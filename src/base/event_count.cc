#include "base/event_count.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "base/check.h"

namespace rp {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
                  std::atomic<uint32_t>::is_always_lock_free,
              "the kernel reads the atomic as a plain 32-bit word");

long Futex(const std::atomic<uint32_t>* word, int operation, uint32_t value) {
  return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

void EventCount::Wait(uint32_t ticket) {
  while (epoch_.load(std::memory_order_seq_cst) == ticket) {
    // EAGAIN: the epoch moved on. EINTR: a signal. Any other failure is a bug.
    RP_CHECK(Futex(&epoch_, FUTEX_WAIT, ticket) == 0 || errno == EAGAIN || errno == EINTR);
  }
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

void EventCount::WakeAll() {
  if (sleepers_.load(std::memory_order_seq_cst) != 0) Wake(std::numeric_limits<int>::max());
}

void EventCount::Wake(int max_threads) {
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  RP_CHECK(Futex(&epoch_, FUTEX_WAKE, static_cast<uint32_t>(max_threads)) >= 0);
}

}  // namespace rp
