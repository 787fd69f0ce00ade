// EventCount: lets threads without work sleep until there is work. Hides the system call (futex)
// and the race between going to sleep and publishing work.
//
//   The sleeping thread                         The thread with work
//     if (TryPop) ... work                        TryPush
//     ticket = PrepareWait()                      WakeOne()
//     if (TryPop) { CancelWait(); ... work }
//     else Wait(ticket); and again from the top
//
// No wake-up is lost. Let P be the publishing of the work, L the load in WakeOne that looks for
// sleepers, W the counting of the sleeper in PrepareWait, E its reading of the epoch and R the
// second look for work. P and L are in this order in one thread, and W, E and R in another; all
// five are sequentially consistent (REQUIRED of P and R: a seq_cst store or exchange, and a seq_cst
// load), so they have one order. If P comes before R, R finds the work. Otherwise W < E < R < P <
// L: L sees the sleeper counted, and WakeOne raises the epoch after E. Then either the kernel
// compares the epoch with the ticket after that, and Wait returns; or before, and the sleeper was
// queued in the same step, so the FUTEX_WAKE that follows finds at least one thread to wake. Either
// way a thread looks for work after P.
//
// Each WakeOne wakes one thread. A thread that publishes several items and wakes once relies on the
// woken thread to go on until nothing is left, or to wake the next.
//
// Owner: the object whose threads sleep on it.
// Thread safety: any thread. A ticket would be mistaken only after exactly 2^32 wake-ups between
// PrepareWait and Wait.
// Cost: WakeOne and WakeAll are one load while no thread sleeps, else one system call.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/cache_line.h"

namespace rp {

class EventCount {
 public:
  EventCount() = default;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  // Announces that the caller is about to sleep, and returns the ticket for Wait. Exactly one
  // CancelWait or Wait must follow.
  [[nodiscard]] uint32_t PrepareWait() {
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    return epoch_.load(std::memory_order_seq_cst);
  }

  // Ends what PrepareWait announced, without sleeping.
  void CancelWait() { sleepers_.fetch_sub(1, std::memory_order_seq_cst); }

  // Sleeps until a wake-up after the PrepareWait that returned `ticket`. With such a wake-up before
  // this call, returns at once. May return for a wake-up that was meant for another thread.
  void Wait(uint32_t ticket);

  // Wakes one sleeping thread, and every thread between PrepareWait and Wait.
  void WakeOne() {
    if (sleepers_.load(std::memory_order_seq_cst) != 0) Wake(1);
  }

  // Wakes every sleeping thread, and every thread between PrepareWait and Wait.
  void WakeAll();

 private:
  void Wake(int max_threads);

  // Both in one cache line: a wake-up uses both, and while no thread sleeps neither is written.
  alignas(kCacheLineBytes) std::atomic<uint32_t> epoch_{0};  // the futex
  std::atomic<uint32_t> sleepers_{0};  // calls of PrepareWait without CancelWait or Wait's end
};

}  // namespace rp
