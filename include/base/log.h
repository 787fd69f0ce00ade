// The log: one line per event on standard error. Hides the form of a line (base/log_line.h) and the
// thread that writes it (base/log_thread.h), so that logging never waits for the log's reader.
// Without that thread, as in unit tests, the caller writes the line itself and waits at most 200
// ms.
//
// Owner: nobody; there is one log per program.
// Thread safety: any thread; lines do not mix, because each is one write(2).
// Cost: one comparison below the level; else one formatting on the stack and a copy of the line.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace rp {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarn, kError };

// Drops events below `level` from now on. The level is kInfo at the start.
void SetLogLevel(LogLevel level);

// Returns whether Log writes events of `level`. For callers whose message is costly to make.
[[nodiscard]] bool IsLogged(LogLevel level);

// Writes one line. Cuts a line of more than 1024 bytes, the newline included, and replaces each
// control byte by '?'. A line that cannot be written is lost and counted, and the log reports the
// gap where the line is missing. Keeps errno.
void Log(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Writes a line without time and level, whatever the level: a message to the user who started the
// program. Else as Log.
void LogPlain(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Waits until all lines so far are written or lost, or until LogThread::GivesUp. For use before the
// program ends. Safe in a signal handler, and with locks held.
void FlushLog();

// How many lines were logged so far.
struct LogCounts {
  std::array<uint64_t, 4> events{};  // by level, lost ones included
  uint64_t lost = 0;                 // could not be written
};
[[nodiscard]] LogCounts CountLogLines();

namespace internal {
void CountLostLine();
}  // namespace internal

// LogLimiter: lets one event of a kind pass per interval and counts the others.
//
// Thread safety: any thread, lock-free. Cost: one load and one counter for a suppressed event.
class LogLimiter {
 public:
  explicit LogLimiter(Duration interval) : interval_(interval) {}

  // Returns whether the event at `now` may be logged; the first one may. With true, sets
  // `*suppressed` to the number of events refused since the last one that passed.
  [[nodiscard]] bool Allow(TimePoint now, uint64_t* suppressed);

 private:
  const Duration interval_;
  std::atomic<TimePoint> quiet_until_{TimePoint::min()};
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace rp
