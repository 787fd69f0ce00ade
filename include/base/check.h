// RP_CHECK: assertions against bugs in this program, never against bad input.
//
// RP_CHECK is on in every build: if its expression is false, it prints the expression with its file
// and line, and aborts. RP_DCHECK is for hot paths and is compiled only without NDEBUG.
//
// Before the abort the log gets 200 ms to write the lines it holds, and the message gets another
// 200 ms. So a reader that does not read cannot keep the program from ending.
//
// Owner: nobody; macros.
// Thread safety: any thread.
// Cost: one comparison; none for RP_DCHECK with NDEBUG.
#pragma once

namespace rp::internal {

[[noreturn]] void CheckFailed(const char* expression, const char* file, int line);

}  // namespace rp::internal

namespace rp {

// Makes std::terminate, for example after an uncaught exception, end the program as RP_CHECK does.
// The standard library's own handler would wait until its message is read.
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
