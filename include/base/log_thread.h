// LogThread: the thread that writes the log, so that logging never waits for the log's reader.
// Hides the ring between them. Lines that cannot be written are dropped and counted, and the gap is
// reported in a line of its own:
//
//   2026-11-22T15:28:21.123Z warn  log: 12 lines lost here
//
// Owner: main, for the whole run of the program; Log finds it by itself.
// Thread safety: any thread, but for construction and destruction.
// Cost: a line is one copy and, if the thread sleeps, the system call that wakes it.
#pragma once

#include <memory>
#include <thread>

#include "base/log_line.h"
#include "base/time.h"

namespace rp {

class LogThread {
 public:
  // How long the program waits at its end for the last lines if their reader takes none.
  static constexpr Duration kLastLinesWait = std::chrono::milliseconds(200);
  // The same if the reader would take them: then only the thread is slow, on a busy machine.
  static constexpr Duration kSlowThreadWait = std::chrono::seconds(5);
  // Returns whether to give up the last lines after `waited`.
  [[nodiscard]] static constexpr bool GivesUp(Duration waited, bool is_writable) {
    return waited >= (is_writable ? kSlowThreadWait : kLastLinesWait);
  }

  // Starts a thread, with all signals blocked, that writes all lines of the log to `fd` from now
  // on. `fd` is borrowed. REQUIRES: there is no other LogThread.
  explicit LogThread(int fd);
  // Returns when all lines are written, or when GivesUp; then the thread keeps running and keeps
  // the memory that it uses. REQUIRES: no other thread logs any more.
  ~LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // Returns the program's LogThread, or null if there is none.
  [[nodiscard]] static LogThread* Current();

  // Hands the line over. Returns false if the line is lost.
  [[nodiscard]] bool Add(LogLine* line);

  // Waits until all lines so far are written or lost, or until GivesUp. Returns whether they are.
  // Safe in a signal handler, and with locks held.
  [[nodiscard]] bool Flush() const;

 private:
  class Shared;  // shared with the thread, which may outlive this object

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace rp
