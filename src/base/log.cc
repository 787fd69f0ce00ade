#include "base/log.h"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "base/line_writer.h"
#include "base/log_line.h"
#include "base/log_thread.h"

namespace rp {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kInfo};

std::array<std::atomic<uint64_t>, 4> event_counts{};
std::atomic<uint64_t> lost_count{0};

void Add(LogLine* line) {
  LogThread* const thread = LogThread::Current();
  const bool kept = thread != nullptr
                        ? thread->Add(line)
                        : WriteWithin(STDERR_FILENO, line->text(), LogThread::kLastLinesWait);
  if (!kept) internal::CountLostLine();
}

}  // namespace

// Relaxed in all of these: the level and the counts are lone values that publish nothing else.
void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

bool IsLogged(LogLevel level) { return level >= log_level.load(std::memory_order_relaxed); }

void internal::CountLostLine() { lost_count.fetch_add(1, std::memory_order_relaxed); }

LogCounts CountLogLines() {
  LogCounts counts;
  for (size_t i = 0; i < counts.events.size(); ++i) {
    counts.events[i] = event_counts[i].load(std::memory_order_relaxed);
  }
  counts.lost = lost_count.load(std::memory_order_relaxed);
  return counts;
}

void Log(LogLevel level, const char* format, ...) {
  if (!IsLogged(level)) return;
  const int saved_errno = errno;
  event_counts[static_cast<size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  LogLine line;
  va_list arguments;
  va_start(arguments, format);
  FormatEventV(level, std::chrono::system_clock::now(), &line, format, arguments);
  va_end(arguments);
  Add(&line);
  errno = saved_errno;
}

void LogPlain(const char* format, ...) {
  const int saved_errno = errno;
  LogLine line;
  line.time = std::chrono::system_clock::now();
  va_list arguments;
  va_start(arguments, format);
  FormatPlain(&line, format, arguments);
  va_end(arguments);
  Add(&line);
  errno = saved_errno;
}

void FlushLog() {
  const LogThread* const thread = LogThread::Current();
  if (thread != nullptr) static_cast<void>(thread->Flush());
}

// Relaxed throughout: both members are lone values, and the single order of the changes of
// quiet_until_ alone decides which thread wins an interval.
bool LogLimiter::Allow(TimePoint now, uint64_t* suppressed) {
  TimePoint quiet_until = quiet_until_.load(std::memory_order_relaxed);
  if (now < quiet_until ||
      !quiet_until_.compare_exchange_strong(quiet_until, DeadlineAfter(now, interval_),
                                            std::memory_order_relaxed)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  *suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace rp
