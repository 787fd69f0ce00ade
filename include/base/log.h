// The log: one line per event on standard error. Hides the form of a line and keeps an event from
// ever becoming two lines, whatever bytes a client or Redis put into it. There is one log for the
// program and nobody owns it.
//
//   2026-11-22T15:28:21.123Z info  message
//
// Thread safety: any thread; lines do not mix, because each is one write(2).
// Cost: one comparison below the level, else one formatting on the stack and one system call.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace rp {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarn, kError };

// Events below `level` are dropped from now on. kInfo at the start.
void SetLogLevel(LogLevel level);

// Writes one line of at most 1024 bytes, the newline included; a longer one is cut. Each control
// byte becomes '?'. A failed write is ignored: there is no place left to tell it. Keeps errno.
void Log(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));

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
