// Assertions for bugs in this program, never for bad input.
//
// RP_CHECK is on in every build: it prints the expression with its place and aborts. RP_DCHECK is
// for hot paths and is compiled only without NDEBUG.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace rp::internal {

[[noreturn]] inline void CheckFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace rp::internal

#define RP_CHECK(expression)           \
  ((expression) ? static_cast<void>(0) \
                : ::rp::internal::CheckFailed(#expression, __FILE__, __LINE__))

#ifdef NDEBUG
#define RP_DCHECK(expression) static_cast<void>(sizeof(static_cast<bool>(expression)))
#else
#define RP_DCHECK(expression) RP_CHECK(expression)
#endif
