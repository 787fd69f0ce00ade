#include "base/bounded_counter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace rp {
namespace {

TEST(BoundedCounterTest, AddsUpToTheLimitAndNoFurther) {
  BoundedCounter counter;
  EXPECT_TRUE(counter.TryAdd(3, 5));
  EXPECT_TRUE(counter.TryAdd(2, 5));
  EXPECT_EQ(counter.value(), 5u);
  EXPECT_FALSE(counter.TryAdd(1, 5));
  EXPECT_EQ(counter.value(), 5u);
  counter.Subtract(2);
  EXPECT_FALSE(counter.TryAdd(3, 5));
  EXPECT_TRUE(counter.TryAdd(2, 5));
}

TEST(BoundedCounterTest, TakesALimitThatHasFallenBelowTheCount) {
  BoundedCounter counter;
  EXPECT_TRUE(counter.TryAdd(5, 5));
  EXPECT_FALSE(counter.TryAdd(1, 3));
  EXPECT_FALSE(counter.TryAdd(0, 3));
  EXPECT_EQ(counter.value(), 5u);
}

TEST(BoundedCounterTest, DoesNotWrapAround) {
  BoundedCounter counter;
  EXPECT_FALSE(counter.TryAdd(UINT64_MAX, UINT64_MAX - 1));
  EXPECT_TRUE(counter.TryAdd(UINT64_MAX, UINT64_MAX));
  EXPECT_FALSE(counter.TryAdd(1, UINT64_MAX));
  EXPECT_EQ(counter.value(), UINT64_MAX);
}

TEST(BoundedCounterStressTest, NeverShowsACountAboveTheLimit) {
  constexpr uint64_t kLimit = 3;
  BoundedCounter counter;
  std::atomic<bool> was_above = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20000; ++round) {
        const uint64_t amount = 1 + static_cast<uint64_t>(round % 2);
        if (!counter.TryAdd(amount, kLimit)) continue;
        if (counter.value() > kLimit) was_above = true;
        counter.Subtract(amount);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(was_above);
  EXPECT_EQ(counter.value(), 0u);
}

}  // namespace
}  // namespace rp
