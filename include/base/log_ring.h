// LogRing: the lines of the log that wait to be written. Hides that a full ring drops lines, and
// where among the others the dropped ones are missing.
//
// Owner: LogThread.
// Thread safety: any thread may push; one thread pops.
// Cost: a push copies the line and takes no lock; a dropped line is one counter.
#pragma once

#include <atomic>

#include "base/log_line.h"
#include "base/mpmc_queue.h"

namespace rp {

class LogRing {
 public:
  // Together about half a megabyte.
  static constexpr size_t kMaxLines = 512;

  // Adds the line. With kMaxLines in the ring, returns false: the line is lost, and the next one
  // that is pushed carries the count of lost lines.
  [[nodiscard]] bool Push(LogLine* line) {
    // Relaxed: the lone counter publishes nothing. Each lost line is reported once, because the
    // thread that takes it out of the counter passes it on or puts it back.
    line->lost_before = lost_.load(std::memory_order_relaxed) == 0 ? 0 : TakeLost();
    if (queue_.TryPush(*line)) return true;
    // Sequentially consistent: it is published to the thread that pops, which may be asleep.
    lost_.fetch_add(line->lost_before + 1, std::memory_order_seq_cst);
    return false;
  }

  // Takes the oldest line. Returns false if the ring is empty.
  [[nodiscard]] bool Pop(LogLine* line) { return queue_.TryPop(line); }

  // Returns how many lines were lost after the last one that was pushed, and resets that count.
  [[nodiscard]] uint64_t TakeLost() { return lost_.exchange(0, std::memory_order_seq_cst); }

  // Returns how many lines were pushed so far, all lines of the calling thread among them.
  [[nodiscard]] uint64_t pushes() const { return queue_.pushes(); }

 private:
  MpmcQueue<LogLine> queue_{kMaxLines};
  std::atomic<uint64_t> lost_{0};
};

}  // namespace rp
