// Assertions for bugs in this program, never for bad input.
//
// RP_CHECK is on in every build: it prints the expression with its place and aborts. RP_DCHECK is
// for hot paths and is compiled only without NDEBUG.
//
// Before the abort the log is given 200 ms to write what it holds, and as much again to take the
// last line: a reader that does not read does not keep the program from ending.
#pragma once

namespace rp::internal {

[[noreturn]] void CheckFailed(const char* expression, const char* file, int line);

}  // namespace rp::internal

namespace rp {

// Has what ends in std::terminate, as an exception that nobody catches, end as RP_CHECK does: the
// standard library would write to standard error by itself and wait for its reader.
void AbortOnTerminate();

}  // namespace rp

#define RP_CHECK(expression)           \
  ((expression) ? static_cast<void>(0) \
                : ::rp::internal::CheckFailed(#expression, __FILE__, __LINE__))

#ifdef NDEBUG
#define RP_DCHECK(expression) static_cast<void>(sizeof(static_cast<bool>(expression)))
#else
#define RP_DCHECK(expression) RP_CHECK(expression)
#endif
