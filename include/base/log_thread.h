// The thread that writes the log, so that whoever logs never waits for who reads it. Hides the ring
// between them and what becomes of lines that cannot be written: they are dropped, counted, and
// told of in a line of their own where they are missing.
//
//   2026-11-22T15:28:21.123Z warn  log: 12 lines lost here
//
// Owned by main, for the whole of the program; Log finds it by itself.
//
// Thread safety: any thread, but for construction and destruction.
// Cost: a line is a copy and, if the thread sleeps, the system call that wakes it.
#pragma once

#include <memory>
#include <thread>

#include "base/log_line.h"
#include "base/time.h"

namespace rp {

class LogThread {
 public:
  // What the last lines before the end of the program are given to be written.
  static constexpr Duration kLastLinesWait = std::chrono::milliseconds(200);

  // From now on everything that is logged is written to `fd`, which is borrowed, by a thread that
  // takes no signals. REQUIRES: there is no other LogThread.
  explicit LogThread(int fd);
  // Returns when all lines are written, or after kLastLinesWait: then the thread and the memory
  // that it uses are left behind. REQUIRES: no other thread logs any more.
  ~LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // The one that there is, or null.
  [[nodiscard]] static LogThread* Current();

  // Hands the line over, or loses it: false.
  [[nodiscard]] bool Add(LogLine* line);

  // Waits at most `limit` until what was added so far is written or lost; whether it is. Safe in a
  // signal handler, and with locks held.
  [[nodiscard]] bool Flush(Duration limit) const;

 private:
  class Shared;  // with the thread, which may outlive this object

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace rp
