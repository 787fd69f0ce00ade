// The log: one line per event on standard error. Hides the form of a line (base/log_line.h) and who
// writes it: the log's own thread (base/log_thread.h), so that nobody who logs waits for who reads.
// Without that thread, as in unit tests, the caller writes the line itself, and waits at most 200
// ms until it can. There is one log for the program and nobody owns it.
//
// Thread safety: any thread; lines do not mix, because each is one write(2).
// Cost: one comparison below the level, else one formatting on the stack and a copy of the line.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace rp {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarn, kError };

// Events below `level` are dropped from now on. kInfo at the start.
void SetLogLevel(LogLevel level);

// Whether Log writes events of `level`: for who would have to find out what to say.
[[nodiscard]] bool IsLogged(LogLevel level);

// Writes one line of at most 1024 bytes, the newline included; a longer one is cut. Each control
// byte becomes '?'. A line that cannot be written is lost and counted, and the log's thread tells
// of it in the place of the line. Keeps errno.
void Log(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));

// As Log, whatever the level and without time and level: what the program tells whoever started it.
void LogPlain(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Waits until what was logged so far is written or lost, at most 200 ms, before an end of the
// program that comes at once. Safe in a signal handler, and with locks held.
void FlushLog();

// The lines so far.
struct LogCounts {
  std::array<uint64_t, 4> events{};  // by level, those that are lost included
  uint64_t lost = 0;                 // could not be written
};
[[nodiscard]] LogCounts CountLogLines();

namespace internal {
void CountLostLine();
}  // namespace internal

// Lets one event of a kind through per interval and counts the others.
//
// Thread safety: any thread, lock-free. Cost: one load and one counter for a suppressed event.
class LogLimiter {
 public:
  explicit LogLimiter(Duration interval) : interval_(interval) {}

  // True when the event at `now` may be logged, which the first may. Then `*suppressed` is the
  // number of events refused since the last one that passed; else it is left alone.
  [[nodiscard]] bool Allow(TimePoint now, uint64_t* suppressed);

 private:
  const Duration interval_;
  std::atomic<TimePoint> quiet_until_{TimePoint::min()};
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace rp
