#include "core/client_count.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace rp::core {
namespace {

using Place = ClientCount::Place;

TEST(ClientCountTest, ServesAsManyAsTheLimitAndRefusesOneMore) {
  ClientCount clients(3);
  for (size_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(clients.Enter(), Place::kServed);
    EXPECT_EQ(clients.served(), i);
  }
  EXPECT_EQ(clients.Enter(), Place::kRefused);
  EXPECT_EQ(clients.served(), 3u);
}

TEST(ClientCountTest, RefusesOnlySoManyAtATime) {
  ClientCount clients(1);
  EXPECT_EQ(clients.Enter(), Place::kServed);
  for (size_t i = 0; i < ClientCount::kMaxRefused; ++i) EXPECT_EQ(clients.Enter(), Place::kRefused);
  EXPECT_EQ(clients.Enter(), Place::kNone);
  clients.Leave(Place::kRefused);
  EXPECT_EQ(clients.Enter(), Place::kRefused);
  EXPECT_EQ(clients.Enter(), Place::kNone);
}

TEST(ClientCountTest, RefusesFewerWhereThereIsRoomForFewer) {
  ClientCount clients(1, 2);
  EXPECT_EQ(clients.Enter(), Place::kServed);
  EXPECT_EQ(clients.Enter(), Place::kRefused);
  EXPECT_EQ(clients.Enter(), Place::kRefused);
  EXPECT_EQ(clients.Enter(), Place::kNone);
}

TEST(ClientCountTest, APlaceGivenBackIsFree) {
  ClientCount clients(1);
  EXPECT_EQ(clients.Enter(), Place::kServed);
  EXPECT_EQ(clients.Enter(), Place::kRefused);
  clients.Leave(Place::kServed);
  EXPECT_EQ(clients.served(), 0u);
  EXPECT_EQ(clients.Enter(), Place::kServed);
}

TEST(ClientCountTest, CountsWhoHasNoPlaceAsReceivedToo) {
  ClientCount clients(1);
  EXPECT_EQ(clients.NextNumber(), 1u);
  EXPECT_EQ(clients.NextNumber(), 2u);
  EXPECT_EQ(clients.received(), 2u);
  EXPECT_EQ(clients.served(), 0u);
}

TEST(ClientCountTest, ThreadsTogetherNeverPassTheLimit) {
  constexpr size_t kLimit = 2;
  constexpr size_t kThreads = 4;
  constexpr int kRounds = 20'000;
  ClientCount clients(kLimit);
  std::atomic<size_t> inside = 0;
  std::atomic<size_t> most_inside = 0;
  std::vector<std::vector<uint64_t>> numbers(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        numbers[t].push_back(clients.NextNumber());
        const Place place = clients.Enter();
        if (place == Place::kServed) {
          const size_t now_inside = ++inside;
          size_t most = most_inside;
          while (most < now_inside && !most_inside.compare_exchange_weak(most, now_inside)) {
          }
          std::this_thread::yield();
          --inside;
        }
        clients.Leave(place);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most_inside, kLimit);
  EXPECT_EQ(clients.served(), 0u);
  std::set<uint64_t> all;
  for (const auto& some : numbers) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), kThreads * kRounds) << "a number was given twice";
}

}  // namespace
}  // namespace rp::core
