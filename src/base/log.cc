#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>

namespace rp {
namespace {

constexpr size_t kMaxLineBytes = 1024;
constexpr std::array<const char*, 4> kLevelNames = {"debug", "info ", "warn ", "error"};

std::atomic<LogLevel> log_level{LogLevel::kInfo};

// Writes "2026-11-22T15:28:21.123Z info  " and returns its length.
size_t FormatPrefix(char* out, size_t size, LogLevel level) {
  using std::chrono::floor;
  const auto now = floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto day = floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  const int length = std::snprintf(
      out, size, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ %s ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()),
      kLevelNames[static_cast<size_t>(level)]);
  return length < 0 ? 0 : static_cast<size_t>(length);
}

}  // namespace

// Relaxed in both functions: the level is a lone value that publishes nothing else.
void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

void Log(LogLevel level, const char* format, ...) {
  if (level < log_level.load(std::memory_order_relaxed)) return;
  const int saved_errno = errno;

  std::array<char, kMaxLineBytes> line;
  const size_t prefix_bytes = FormatPrefix(line.data(), line.size(), level);
  errno = saved_errno;  // for a %m in the format
  va_list arguments;
  va_start(arguments, format);
  const int wanted =
      std::vsnprintf(line.data() + prefix_bytes, line.size() - prefix_bytes, format, arguments);
  va_end(arguments);

  // vsnprintf keeps one byte for its NUL; the newline takes that place.
  const size_t message_bytes =
      std::min(wanted < 0 ? 0 : static_cast<size_t>(wanted), line.size() - prefix_bytes - 1);
  char* const end = line.data() + prefix_bytes + message_bytes;
  std::replace_if(
      line.data() + prefix_bytes, end,
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  *end = '\n';
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line.data(), prefix_bytes + message_bytes + 1);
  errno = saved_errno;
}

// Relaxed throughout: both members are lone values, and the single order of the changes of
// quiet_until_ alone decides who wins an interval.
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
