#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace rp {
namespace {

TEST(MutexTest, LetsOneThreadInAtATime) {
  Mutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5000; ++j) {
        MutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 20000);
}

TEST(MutexTest, WaitsOnlyIfTold) {
  Mutex mutex;
  bool while_held = true;
  bool while_free = false;
  const auto try_lock = [&mutex](bool* got) {
    if (mutex.Lock(Blocking::kNo)) {
      *got = true;
      mutex.Unlock();
    } else {
      *got = false;
    }
  };
  mutex.Lock();
  std::thread(try_lock, &while_held).join();
  bool waited = false;
  std::thread waiter([&] {
    if (!mutex.Lock(Blocking::kYes)) return;
    waited = true;
    mutex.Unlock();
  });
  mutex.Unlock();
  waiter.join();
  std::thread(try_lock, &while_free).join();
  EXPECT_FALSE(while_held);
  EXPECT_TRUE(waited);
  EXPECT_TRUE(while_free);
}

TEST(CondVarTest, WakesAWaiterWithOrWithoutADeadline) {
  for (const bool with_deadline : {false, true}) {
    Mutex mutex;
    CondVar condition;
    bool ready = false;
    std::thread waiter([&] {
      MutexLock lock(&mutex);
      while (!ready) {
        if (with_deadline) {
          condition.WaitUntil(&mutex, kNever);
        } else {
          condition.Wait(&mutex);
        }
      }
    });
    {
      MutexLock lock(&mutex);
      ready = true;
    }
    condition.NotifyOne();
    waiter.join();
  }
}

// Hangs when a deadline is ignored.
TEST(CondVarTest, ReturnsAtTheDeadline) {
  Mutex mutex;
  CondVar condition;
  const TimePoint deadline = Now() + std::chrono::milliseconds(5);
  MutexLock lock(&mutex);
  while (Now() < deadline) condition.WaitUntil(&mutex, deadline);
}

}  // namespace
}  // namespace rp
