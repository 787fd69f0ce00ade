#include "base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "base/line_writer.h"
#include "base/log.h"
#include "base/log_line.h"
#include "base/log_thread.h"

namespace rp {
namespace {

// Writes without the log's thread, which may be the one that fails, or missing in a forked process.
[[noreturn]] void AbortWith(const char* format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void AbortWith(const char* format, ...) {
  LogLine line;
  va_list arguments;
  va_start(arguments, format);
  FormatPlain(&line, format, arguments);
  va_end(arguments);
  FlushLog();
  static_cast<void>(WriteWithin(STDERR_FILENO, line.text(), LogThread::kLastLinesWait));
  std::abort();
}

[[noreturn]] void OnTerminate() {
  try {
    if (std::current_exception() != nullptr) std::rethrow_exception(std::current_exception());
  } catch (const std::exception& exception) {
    AbortWith("check failed: uncaught exception: %s", exception.what());
  } catch (...) {
  }
  AbortWith("check failed: std::terminate was called");
}

}  // namespace

void internal::CheckFailed(const char* expression, const char* file, int line) {
  AbortWith("%s:%d: check failed: %s", file, line, expression);
}

void AbortOnTerminate() { std::set_terminate(OnTerminate); }

}  // namespace rp
