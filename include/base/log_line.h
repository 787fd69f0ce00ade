// LogLine: one line of the log as it is written. Hides its form. An event never becomes two lines,
// whatever bytes a client or Redis put into it.
//
//   2026-11-22T15:28:21.123Z info  message
//
// Owner: the caller; a value.
// Thread safety: one thread at a time.
// Cost: one formatting, no allocation.
#pragma once

#include <array>
#include <chrono>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rp {

enum class LogLevel : unsigned char;

using WallTime = std::chrono::system_clock::time_point;

struct LogLine {
  static constexpr size_t kMaxBytes = 1024;  // the newline included

  [[nodiscard]] std::string_view text() const { return {bytes.data(), size}; }

  WallTime time{};
  uint64_t lost_before = 0;  // lines lost between the line before and this one, see LogRing
  size_t size = 0;
  std::array<char, kMaxBytes> bytes{};
};

// Writes the event at `time` to `*line`. Cuts a line of more than kMaxBytes, replaces each control
// byte by '?', and adds a newline.
void FormatEvent(LogLevel level, WallTime time, LogLine* line, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
void FormatEventV(LogLevel level, WallTime time, LogLine* line, const char* format,
                  va_list arguments);

// Does the same without time and level.
void FormatPlain(LogLine* line, const char* format, va_list arguments);

}  // namespace rp
