#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rp::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// An eventfd that calls back and stays readable until it is read.
class Probe final : public EventHandler {
 public:
  explicit Probe(std::function<void(uint32_t)> on_events)
      : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), on_events_(std::move(on_events)) {}

  void OnEvents(uint32_t events) override { on_events_(events); }
  void Raise() { EXPECT_EQ(eventfd_write(fd_.get(), 1), 0); }
  void Clear() {
    eventfd_t count = 0;
    EXPECT_EQ(eventfd_read(fd_.get(), &count), 0);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  const std::function<void(uint32_t)> on_events_;
};

void Turn(EventLoop* loop, TimePoint deadline = kNever) {
  loop->Wait(Now(), deadline);
  loop->Dispatch();
}

// --- EventLoop. ---

TEST(EventLoopTest, CallsAHandlerAgainWhileSomethingIsLeft) {
  EventLoop loop;
  int calls = 0;
  Probe probe([&](uint32_t events) {
    EXPECT_EQ(events, uint32_t{EPOLLIN});
    ++calls;
  });
  ASSERT_TRUE(loop.Add(probe.fd(), EPOLLIN, &probe));
  probe.Raise();
  Turn(&loop);
  Turn(&loop);
  EXPECT_EQ(calls, 2);
  probe.Clear();
  Turn(&loop, Now());
  EXPECT_EQ(calls, 2);
}

// A test that hangs here has waited without a limit.
TEST(EventLoopTest, DoesNotWaitForADeadlineThatHasPassed) {
  EventLoop loop;
  const TimePoint now = Now();
  loop.Wait(now, now);
  loop.Wait(now, now - hours(1));
  loop.Dispatch();
}

TEST(EventLoopTest, DoesNotReturnBeforeItsDeadlineWithoutAnEvent) {
  EventLoop loop;
  // Less than the millisecond in which epoll counts.
  const TimePoint deadline = Now() + std::chrono::microseconds(1500);
  loop.Wait(Now(), deadline);
  EXPECT_GE(Now(), deadline);
}

TEST(EventLoopTest, HandsEachEventOutOnce) {
  EventLoop loop;
  int calls = 0;
  Probe probe([&](uint32_t) { ++calls; });
  ASSERT_TRUE(loop.Add(probe.fd(), EPOLLIN, &probe));
  probe.Raise();
  Turn(&loop);
  probe.Clear();
  Turn(&loop, Now());
  EXPECT_EQ(calls, 1);
}

TEST(EventLoopTest, ModifyChangesWhatIsListenedFor) {
  EventLoop loop;
  uint32_t seen = 0;
  Probe probe([&](uint32_t events) { seen = events; });
  ASSERT_TRUE(loop.Add(probe.fd(), 0, &probe));
  probe.Raise();
  Turn(&loop, Now());
  EXPECT_EQ(seen, 0u);
  loop.Modify(probe.fd(), EPOLLIN | EPOLLOUT, &probe);
  Turn(&loop);
  EXPECT_EQ(seen, uint32_t{EPOLLIN | EPOLLOUT});
}

TEST(EventLoopTest, AHandlerMayRemoveItself) {
  EventLoop loop;
  int calls = 0;
  Probe* self = nullptr;
  Probe probe([&](uint32_t) {
    ++calls;
    loop.Remove(self->fd());
  });
  self = &probe;
  ASSERT_TRUE(loop.Add(probe.fd(), EPOLLIN, &probe));
  probe.Raise();
  Turn(&loop);
  Turn(&loop, Now());
  EXPECT_EQ(calls, 1);
}

TEST(EventLoopTest, AddingTwiceFails) {
  EventLoop loop;
  Probe probe([](uint32_t) {});
  ASSERT_TRUE(loop.Add(probe.fd(), EPOLLIN, &probe));
  EXPECT_FALSE(loop.Add(probe.fd(), EPOLLIN, &probe));
}

TEST(EventLoopTest, ServesMoreReadyDescriptorsThanFitIntoOneBatch) {
  EventLoop loop;
  int calls = 0;
  std::deque<Probe> probes;
  for (int i = 0; i < 257; ++i) {
    Probe& probe = probes.emplace_back([&calls, &probes, i](uint32_t) {
      ++calls;
      probes[static_cast<size_t>(i)].Clear();
    });
    ASSERT_TRUE(loop.Add(probe.fd(), EPOLLIN, &probe));
    probe.Raise();
  }
  Turn(&loop);
  EXPECT_EQ(calls, 256);
  Turn(&loop);
  EXPECT_EQ(calls, 257);
}

// --- Waker. ---

// The waker's own eventfd: the kernel gives out the lowest free number.
struct WatchedWaker {
  explicit WatchedWaker(EventLoop* loop) : fd(LowestFreeFd()), waker(loop) {}

  static int LowestFreeFd() { return UniqueFd(eventfd(0, EFD_CLOEXEC)).get(); }

  // How many wake-ups were written since the last call.
  eventfd_t TakeWritten() const {
    eventfd_t count = 0;
    return eventfd_read(fd, &count) == 0 ? count : 0;
  }

  const int fd;
  Waker waker;
};

TEST(WakerTest, WritesNothingWhileTheLoopIsAwake) {
  EventLoop loop;
  WatchedWaker watched(&loop);
  watched.waker.Wake();
  EXPECT_EQ(watched.TakeWritten(), 0u);
  watched.waker.BeginSleep();
  watched.waker.EndSleep();
  watched.waker.Wake();
  EXPECT_EQ(watched.TakeWritten(), 0u);
}

TEST(WakerTest, WritesOnceHoweverManyWakeOneSleep) {
  EventLoop loop;
  WatchedWaker watched(&loop);
  watched.waker.BeginSleep();
  watched.waker.Wake();
  watched.waker.Wake();
  EXPECT_EQ(watched.TakeWritten(), 1u);
  watched.waker.EndSleep();
  watched.waker.BeginSleep();
  watched.waker.Wake();
  EXPECT_EQ(watched.TakeWritten(), 1u) << "the next sleep is woken anew";
}

TEST(WakerTest, EachWakeUpEndsOneWait) {
  EventLoop loop;
  Waker waker(&loop);
  for (int round = 0; round < 3; ++round) {
    waker.BeginSleep();
    waker.Wake();
    loop.Wait(Now(), kNever);
    waker.EndSleep();
    loop.Dispatch();
    const TimePoint start = Now();
    loop.Wait(start, start + std::chrono::milliseconds(5));
    EXPECT_GE(Now() - start, std::chrono::milliseconds(5)) << "woken twice";
  }
}

// A test that hangs here has found a lost wake-up.
TEST(WakerTest, LosesNoWakeUpOfWorkThatWasPublishedBefore) {
  constexpr int kRounds = 20'000;
  EventLoop loop;
  Waker waker(&loop);
  std::atomic<int> published = 0;
  std::atomic<int> taken = 0;
  std::thread producer([&] {
    for (int i = 1; i <= kRounds; ++i) {
      published = i;
      waker.Wake();
      while (taken != i) std::this_thread::yield();
    }
  });
  while (taken != kRounds) {
    waker.BeginSleep();
    const TimePoint now = Now();
    loop.Wait(now, published == taken ? kNever : now);
    waker.EndSleep();
    loop.Dispatch();
    taken = published.load();
  }
  producer.join();
}

// --- Timer. ---

TEST(TimerTest, FiresOnceAndNotBeforeItsDeadline) {
  EventLoop loop;
  std::vector<TimePoint> fired;
  Timer timer(&loop, [&] { fired.push_back(Now()); });
  const TimePoint deadline = Now() + milliseconds(5);
  timer.Arm(deadline);
  Turn(&loop);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_GE(fired[0], deadline);
  Turn(&loop, Now() + milliseconds(1));
  EXPECT_EQ(fired.size(), 1u);
}

// How many timers of this process the kernel runs on that clock (proc(5), fdinfo).
size_t TimersOn(clockid_t clock) {
  const std::string wanted = "clockid: " + std::to_string(clock) + "\n";
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    count += text.find(wanted) != std::string::npos ? 1 : 0;
  }
  return count;
}

TEST(TimerTest, GoesOnWhileTheMachineIsSuspended) {
  const size_t before = TimersOn(CLOCK_BOOTTIME);
  EventLoop loop;
  const Timer timer(&loop, [] {});
  EXPECT_EQ(TimersOn(CLOCK_BOOTTIME), before + 1);
}

TEST(TimerTest, FiresForADeadlineThatHasPassed) {
  EventLoop loop;
  int fired = 0;
  Timer timer(&loop, [&] { ++fired; });
  timer.Arm(Now() - hours(1));
  Turn(&loop);
  EXPECT_EQ(fired, 1);
  timer.Arm(TimePoint());
  Turn(&loop);
  EXPECT_EQ(fired, 2);
}

TEST(TimerTest, AnEarlierDeadlineTakesThePlaceOfALaterOne) {
  EventLoop loop;
  int fired = 0;
  Timer timer(&loop, [&] { ++fired; });
  timer.Arm(Now() + hours(1));
  timer.Arm(Now() + milliseconds(1));
  Turn(&loop);
  EXPECT_EQ(fired, 1);
}

TEST(TimerTest, ALaterDeadlineTakesThePlaceOfAnEarlierOne) {
  EventLoop loop;
  int fired = 0;
  Timer timer(&loop, [&] { ++fired; });
  timer.Arm(Now() - hours(1));
  timer.Arm(Now() + hours(1));
  Turn(&loop, Now());
  EXPECT_EQ(fired, 0);
}

TEST(TimerTest, DoesNotFireWhenItIsArmedAnewBehindItsEvent) {
  EventLoop loop;
  int fired = 0;
  Timer timer(&loop, [&] { ++fired; });
  timer.Arm(Now() - hours(1));
  loop.Wait(Now(), kNever);
  timer.Arm(Now() + hours(1));
  loop.Dispatch();
  EXPECT_EQ(fired, 0);
}

TEST(TimerTest, MayBeArmedByItsOwnCallback) {
  EventLoop loop;
  int fired = 0;
  Timer* self = nullptr;
  Timer timer(&loop, [&] {
    if (++fired < 3) self->Arm(Now());
  });
  self = &timer;
  timer.Arm(Now());
  while (fired < 3) Turn(&loop);
}

// --- Signals. ---

TEST(SignalsTest, TurnsSigtermAndSigintIntoCalls) {
  const sigset_t mask = Signals::Mask();
  sigset_t before;
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &mask, &before), 0);
  {
    EventLoop loop;
    std::vector<int> seen;
    Signals signals(&loop, [&](int signal) { seen.push_back(signal); });
    // To this thread alone: others of the test program have not blocked it.
    ASSERT_EQ(pthread_kill(pthread_self(), SIGTERM), 0);
    Turn(&loop);
    ASSERT_EQ(pthread_kill(pthread_self(), SIGINT), 0);
    Turn(&loop);
    EXPECT_EQ(seen, (std::vector<int>{SIGTERM, SIGINT}));
  }
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
}

}  // namespace
}  // namespace rp::net
