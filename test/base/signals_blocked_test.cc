#include "base/signals_blocked.h"

#include <gtest/gtest.h>

#include <thread>

namespace rp {
namespace {

bool IsBlocked(int signal) {
  sigset_t mask;
  EXPECT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &mask), 0);
  return sigismember(&mask, signal) == 1;
}

TEST(SignalsBlockedTest, AThreadStartedMeanwhileTakesNoSignalsForItsWholeLife) {
  const bool was_blocked = IsBlocked(SIGPIPE);
  bool in_thread = false;
  std::thread thread;
  {
    const SignalsBlocked blocked;
    EXPECT_TRUE(IsBlocked(SIGPIPE));
    thread = std::thread([&] { in_thread = IsBlocked(SIGPIPE) && IsBlocked(SIGTERM); });
  }
  EXPECT_EQ(IsBlocked(SIGPIPE), was_blocked);
  thread.join();
  EXPECT_TRUE(in_thread);
}

}  // namespace
}  // namespace rp
