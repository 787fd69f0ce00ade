// The lines of the log that wait to be written. Hides that a full ring drops lines, and where in
// the order of the others the dropped ones are missing.
//
// Owned by LogThread. Thread safety: any thread may push; one thread pops.
// Cost: a push copies the line and takes no lock, a dropped line is one counter.
#pragma once

#include <atomic>

#include "base/log_line.h"
#include "base/mpmc_queue.h"

namespace rp {

class LogRing {
 public:
  // About half a megabyte.
  static constexpr size_t kMaxLines = 512;

  // False when kMaxLines wait already: then the line is lost. The next one that is pushed says so.
  [[nodiscard]] bool Push(LogLine* line) {
    // Relaxed: the lone counter publishes nothing, and each lost line is told once, because
    // whoever takes it out of the counter passes it on or puts it back.
    line->lost_before = lost_.load(std::memory_order_relaxed) == 0 ? 0 : TakeLost();
    if (queue_.TryPush(*line)) return true;
    // Sequentially consistent: it is published to the thread that pops, which may be parked.
    lost_.fetch_add(line->lost_before + 1, std::memory_order_seq_cst);
    return false;
  }

  // The oldest line, or false.
  [[nodiscard]] bool Pop(LogLine* line) { return queue_.TryPop(line); }

  // How many lines were lost behind all that were pushed. From then on they count as told.
  [[nodiscard]] uint64_t TakeLost() { return lost_.exchange(0, std::memory_order_seq_cst); }

  // How many lines were pushed so far; every line of the caller's is among them.
  [[nodiscard]] uint64_t pushes() const { return queue_.pushes(); }

 private:
  MpmcQueue<LogLine> queue_{kMaxLines};
  std::atomic<uint64_t> lost_{0};
};

}  // namespace rp
