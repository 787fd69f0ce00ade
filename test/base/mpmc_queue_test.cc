#include "base/mpmc_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace rp {
namespace {

TEST(MpmcQueueTest, RoundsItsCapacityUpToAPowerOfTwo) {
  EXPECT_EQ(MpmcQueue<int>(0).capacity(), 1u);
  EXPECT_EQ(MpmcQueue<int>(1).capacity(), 1u);
  EXPECT_EQ(MpmcQueue<int>(3).capacity(), 4u);
  EXPECT_EQ(MpmcQueue<int>(4).capacity(), 4u);
  EXPECT_EQ(MpmcQueue<int>(5).capacity(), 8u);
}

TEST(MpmcQueueTest, GivesItemsBackInTheOrderTheyCame) {
  MpmcQueue<int> queue(4);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue.TryPush(i));
  for (int i = 0; i < 4; ++i) {
    int item = -1;
    ASSERT_TRUE(queue.TryPop(&item));
    EXPECT_EQ(item, i);
  }
}

TEST(MpmcQueueTest, TakesAsManyAsItsCapacityAndRefusesOneMore) {
  for (const size_t capacity : {size_t{1}, size_t{2}, size_t{8}}) {
    MpmcQueue<size_t> queue(capacity);
    for (size_t i = 0; i < capacity; ++i) EXPECT_TRUE(queue.TryPush(i)) << capacity;
    EXPECT_FALSE(queue.TryPush(capacity)) << capacity;
    size_t item = 99;
    ASSERT_TRUE(queue.TryPop(&item));
    EXPECT_EQ(item, 0u);
    EXPECT_TRUE(queue.TryPush(capacity)) << "one was taken";
    EXPECT_FALSE(queue.TryPush(capacity)) << capacity;
  }
}

TEST(MpmcQueueTest, LeavesTheItemAloneWhenItIsEmpty) {
  MpmcQueue<int> queue(2);
  int item = 7;
  EXPECT_FALSE(queue.TryPop(&item));
  EXPECT_EQ(item, 7);
}

TEST(MpmcQueueTest, KeepsTheOrderThroughManyLaps) {
  for (const size_t capacity : {size_t{1}, size_t{4}}) {
    MpmcQueue<size_t> queue(capacity);
    size_t pushed = 0;
    for (size_t popped = 0; popped < 1000; ++popped) {
      while (queue.TryPush(pushed)) ++pushed;
      ASSERT_EQ(pushed - popped, capacity);
      size_t item = 0;
      ASSERT_TRUE(queue.TryPop(&item));
      ASSERT_EQ(item, popped);
    }
  }
}

struct Item {
  uint64_t producer;
  uint64_t number;
};

// Several producers and consumers at once. Every consumer checks that what it sees of one producer
// comes in that producer's order, and the counts show that each item came exactly once.
void Exchange(size_t capacity, size_t producers, size_t consumers, uint64_t items) {
  MpmcQueue<Item> queue(capacity);
  std::vector<std::vector<std::atomic<int>>> seen(producers);
  for (auto& counts : seen) counts = std::vector<std::atomic<int>>(items);
  std::atomic<uint64_t> left{producers * items};
  std::atomic<uint64_t> out_of_order{0};

  std::vector<std::thread> threads;
  for (uint64_t producer = 0; producer < producers; ++producer) {
    threads.emplace_back([&, producer] {
      for (uint64_t number = 0; number < items; ++number) {
        while (!queue.TryPush({producer, number})) std::this_thread::yield();
      }
    });
  }
  for (size_t consumer = 0; consumer < consumers; ++consumer) {
    threads.emplace_back([&] {
      std::vector<uint64_t> next(producers, 0);
      while (left.load() != 0) {
        Item item{};
        if (!queue.TryPop(&item)) {
          std::this_thread::yield();
          continue;
        }
        out_of_order += item.number < next[item.producer];
        next[item.producer] = item.number + 1;
        ++seen[item.producer][item.number];
        --left;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(out_of_order, 0u);
  size_t exactly_once = 0;
  for (const auto& counts : seen) {
    for (const auto& count : counts) exactly_once += count == 1;
  }
  EXPECT_EQ(exactly_once, producers * items);
  Item item{};
  EXPECT_FALSE(queue.TryPop(&item));
}

TEST(MpmcQueueTest, PassesEachItemOnceAndInProducerOrderBetweenManyThreads) {
  Exchange(64, 3, 3, 20000);
}

TEST(MpmcQueueTest, PassesEachItemOnceWhenItIsAlmostAlwaysFull) { Exchange(1, 2, 2, 5000); }

TEST(MpmcQueueTest, PassesEachItemOnceFromOneProducerToMany) { Exchange(8, 1, 4, 20000); }

}  // namespace
}  // namespace rp
