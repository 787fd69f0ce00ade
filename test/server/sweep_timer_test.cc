#include "server/sweep_timer.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <optional>
#include <thread>
#include <vector>

namespace rp::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// The timer never fires here: what it is armed for is asked of the kernel, whose lowest free
// descriptor it got.
class SweepTimerTest : public ::testing::Test {
 protected:
  static int LowestFreeFd() { return UniqueFd(eventfd(0, EFD_CLOEXEC)).get(); }

  // How long from now on; nothing when it is not armed.
  [[nodiscard]] std::optional<Duration> Remaining() const {
    itimerspec left{};
    EXPECT_EQ(timerfd_gettime(timer_fd_, &left), 0);
    const Duration remaining =
        std::chrono::seconds(left.it_value.tv_sec) + Duration(left.it_value.tv_nsec);
    if (remaining == Duration::zero()) return std::nullopt;
    return remaining;
  }

  void ExpectArmedFor(TimePoint deadline) const {
    const TimePoint before = Now();
    const auto remaining = Remaining();
    const TimePoint after = Now();
    ASSERT_TRUE(remaining.has_value());
    EXPECT_GE(after + *remaining, deadline);
    EXPECT_LE(before + *remaining, deadline);
  }

  net::EventLoop loop_;
  const int timer_fd_ = LowestFreeFd();
  net::Timer timer_{&loop_, [] {}};
  SweepTimer sweep_timer_{&timer_};
  const TimePoint now_ = Now();
};

TEST_F(SweepTimerTest, IsNotArmedWhileNothingCanExpire) {
  sweep_timer_.Schedule(kNever, now_);
  EXPECT_FALSE(Remaining().has_value());
}

TEST_F(SweepTimerTest, TheEarliestDeadlineWins) {
  sweep_timer_.Schedule(now_ + hours(2), now_);
  ExpectArmedFor(now_ + hours(2));
  sweep_timer_.Schedule(now_ + hours(1), now_);
  ExpectArmedFor(now_ + hours(1));
  sweep_timer_.Schedule(now_ + hours(3), now_);
  ExpectArmedFor(now_ + hours(1));
  sweep_timer_.Schedule(kNever, now_);
  ExpectArmedFor(now_ + hours(1));
}

TEST_F(SweepTimerTest, SweepsAreTheLeastDistanceApart) {
  const TimePoint later = now_ + hours(1);
  sweep_timer_.Schedule(later - hours(2), later);
  ExpectArmedFor(later + SweepTimer::kApart);
  sweep_timer_.Schedule(later + SweepTimer::kApart - Duration(1), later);
  ExpectArmedFor(later + SweepTimer::kApart);
}

TEST_F(SweepTimerTest, AfterItFiredALaterDeadlineArmsItAgain) {
  sweep_timer_.Schedule(now_ + hours(1), now_);
  sweep_timer_.OnFired();
  sweep_timer_.Schedule(now_ + hours(2), now_);
  ExpectArmedFor(now_ + hours(2));
}

TEST_F(SweepTimerTest, TheEarliestOfAllThreadsWins) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int step = 1000; step > 0; --step)
        sweep_timer_.Schedule(now_ + hours(1) + milliseconds(step * 4 + i), now_);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectArmedFor(now_ + hours(1) + milliseconds(4));
}

}  // namespace
}  // namespace rp::server
