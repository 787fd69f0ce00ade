#include "redis/interrupt.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <thread>

namespace rp::redis {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

bool IsReadable(const Interrupt& interrupt) {
  pollfd fd = {interrupt.fd(), POLLIN, 0};
  return poll(&fd, 1, 0) == 1;
}

TEST(InterruptTest, SleepsForThatTimeUnlessItIsRaised) {
  const Interrupt interrupt;
  const TimePoint start = Now();
  EXPECT_TRUE(interrupt.Sleep(milliseconds(20)));
  EXPECT_GE(Now() - start, milliseconds(20));
  EXPECT_TRUE(interrupt.Sleep(Duration::zero()));
  EXPECT_FALSE(interrupt.is_raised());
  EXPECT_FALSE(IsReadable(interrupt));
}

TEST(InterruptTest, EndsASleepAndAllThatFollow) {
  Interrupt interrupt;
  std::thread sleeper([&interrupt] { EXPECT_FALSE(interrupt.Sleep(hours(1))); });
  interrupt.Raise();
  sleeper.join();
  interrupt.Raise();
  EXPECT_FALSE(interrupt.Sleep(hours(1)));
  EXPECT_FALSE(interrupt.Sleep(Duration::zero()));
  EXPECT_TRUE(interrupt.is_raised());
  EXPECT_TRUE(IsReadable(interrupt));
}

}  // namespace
}  // namespace rp::redis
