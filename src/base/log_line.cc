#include "base/log_line.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace rp {
namespace {

constexpr std::array<const char*, 4> kLevelNames = {"debug", "info ", "warn ", "error"};

// Begins the line with "2026-11-22T15:28:21.123Z info  ".
void WritePrefix(LogLevel level, LogLine* line) {
  using std::chrono::floor;
  const auto time = floor<std::chrono::milliseconds>(line->time);
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const int length = std::snprintf(
      line->bytes.data(), line->bytes.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ %s ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()), kLevelNames[static_cast<size_t>(level)]);
  line->size = length < 0 ? 0 : static_cast<size_t>(length);
}

// Appends the message and the newline to what the line holds.
void AppendMessage(LogLine* line, const char* format, va_list arguments) {
  char* const begin = line->bytes.data() + line->size;
  const size_t room = line->bytes.size() - line->size;
  const int wanted = std::vsnprintf(begin, room, format, arguments);
  // vsnprintf keeps one byte for its NUL; the newline takes that place.
  const size_t message_bytes = std::min(wanted < 0 ? 0 : static_cast<size_t>(wanted), room - 1);
  char* const end = begin + message_bytes;
  std::replace_if(
      begin, end, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  *end = '\n';
  line->size += message_bytes + 1;
}

}  // namespace

void FormatEvent(LogLevel level, WallTime time, LogLine* line, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  FormatEventV(level, time, line, format, arguments);
  va_end(arguments);
}

void FormatEventV(LogLevel level, WallTime time, LogLine* line, const char* format,
                  va_list arguments) {
  const int saved_errno = errno;
  line->time = time;
  WritePrefix(level, line);
  errno = saved_errno;  // for a %m in the format
  AppendMessage(line, format, arguments);
}

void FormatPlain(LogLine* line, const char* format, va_list arguments) {
  line->size = 0;
  AppendMessage(line, format, arguments);
}

}  // namespace rp
