#include "base/time.h"

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "test/support/suspension.h"

namespace rp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TimeTest, GoesOnWhileTheMachineIsSuspended) {
  const TimePoint before = Now();
  const Suspension suspension(seconds(6));
  EXPECT_GE(Now() - before, seconds(6));
}

TEST(TimeTest, NeverGoesBack) {
  TimePoint last = Now();
  for (int i = 0; i < 10'000; ++i) {
    const TimePoint now = Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

// The condition variable goes by a clock that stood still meanwhile.
TEST(TimeTest, AWaitIsAsLongAsItWasAfterASuspension) {
  const Suspension suspension(std::chrono::minutes(10));
  Mutex mutex;
  CondVar condition;
  const auto start = std::chrono::steady_clock::now();
  const TimePoint deadline = Now() + milliseconds(20);
  MutexLock lock(&mutex);
  while (Now() < deadline) condition.WaitUntil(&mutex, deadline);
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(60));
}

TEST(TimeTest, AWaitForATimeLongPastIsNone) {
  Mutex mutex;
  CondVar condition;
  MutexLock lock(&mutex);
  condition.WaitUntil(&mutex, TimePoint::min());
}

TEST(TimeTest, ADeadlineThatDoesNotFitIsNever) {
  const TimePoint start{seconds(1)};
  EXPECT_EQ(DeadlineAfter(start, seconds(1)), TimePoint(seconds(2)));
  EXPECT_EQ(DeadlineAfter(start, kNever - start), kNever);
  EXPECT_EQ(DeadlineAfter(start, Duration::max()), kNever);
  EXPECT_LT(kTooFar, kNever);
}

}  // namespace
}  // namespace rp
