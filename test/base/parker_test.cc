#include "base/parker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/mpmc_queue.h"

namespace rp {
namespace {

// A test that hangs here has found a lost wake-up.

TEST(ParkerTest, DoesNotSleepWhenTheWakeUpCameBetweenPrepareAndPark) {
  Parker parker;
  uint32_t ticket = parker.Prepare();
  parker.WakeOne();
  parker.Park(ticket);
  ticket = parker.Prepare();
  parker.WakeAll();
  parker.Park(ticket);
}

TEST(ParkerTest, ForgetsWakeUpsFromBeforePrepare) {
  Parker parker;
  parker.WakeOne();
  const uint32_t first = parker.Prepare();
  parker.Cancel();
  parker.WakeOne();
  parker.WakeAll();
  EXPECT_EQ(parker.Prepare(), first) << "nobody slept, so nothing was to be done";
  parker.Cancel();
}

TEST(ParkerTest, SleepsUntilItIsWoken) {
  Parker parker;
  std::atomic<bool> prepared{false};
  std::atomic<bool> woken{false};
  std::thread sleeper([&] {
    const uint32_t ticket = parker.Prepare();
    prepared = true;
    parker.Park(ticket);
    EXPECT_TRUE(woken);
  });
  while (!prepared) std::this_thread::yield();
  woken = true;
  parker.WakeOne();
  sleeper.join();
}

TEST(ParkerTest, WakesEveryThreadAtOnce) {
  Parker parker;
  std::atomic<int> prepared{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] {
      const uint32_t ticket = parker.Prepare();
      ++prepared;
      parker.Park(ticket);
    });
  }
  while (prepared != 4) std::this_thread::yield();
  parker.WakeAll();
  for (std::thread& sleeper : sleepers) sleeper.join();
}

// The protocol of parker.h. Returns false when `stop` and nothing is left.
bool PopOrPark(MpmcQueue<uint64_t>* queue, Parker* parker, const std::atomic<bool>& stop,
               uint64_t* item) {
  for (;;) {
    if (queue->TryPop(item)) return true;
    const uint32_t ticket = parker->Prepare();
    if (queue->TryPop(item)) {
      parker->Cancel();
      return true;
    }
    if (stop) {
      parker->Cancel();
      return false;
    }
    parker->Park(ticket);
  }
}

TEST(ParkerStressTest, LosesNoWakeUpInAGameOfPingPong) {
  // Each item is sent only when the one before is answered, so a single lost wake-up hangs.
  constexpr uint64_t kRounds = 20000;
  MpmcQueue<uint64_t> requests(1);
  MpmcQueue<uint64_t> replies(1);
  Parker server_parker;
  Parker client_parker;
  const std::atomic<bool> stop{false};
  std::thread server([&] {
    for (uint64_t i = 0; i < kRounds; ++i) {
      uint64_t item = 0;
      PopOrPark(&requests, &server_parker, stop, &item);
      while (!replies.TryPush(item + 1)) std::this_thread::yield();
      client_parker.WakeOne();
    }
  });
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    while (!requests.TryPush(i)) std::this_thread::yield();
    server_parker.WakeOne();
    uint64_t reply = 0;
    PopOrPark(&replies, &client_parker, stop, &reply);
    wrong += reply != i + 1;
  }
  server.join();
  EXPECT_EQ(wrong, 0u);
}

// Both sides of the protocol at once, round after round, without sleeping in between: the sleeper
// must find the item, or the producer must have seen the sleeper. A publication that is not
// sequentially consistent fails here on hardware that lets a load overtake a store.
TEST(ParkerStressTest, FindsTheItemOrSeesTheSleeperInEveryRound) {
  constexpr uint64_t kRounds = 50000;
  MpmcQueue<uint64_t> queue(1);
  Parker parker;
  std::atomic<uint64_t> arrived{0};
  const auto meet = [&arrived](uint64_t meeting) {
    ++arrived;
    for (int spins = 0; arrived < 2 * meeting; ++spins) {
      if (spins > 1000) std::this_thread::yield();
    }
  };
  uint64_t not_pushed = 0;
  std::thread producer([&] {
    for (uint64_t round = 0; round < kRounds; ++round) {
      meet(2 * round + 1);
      not_pushed += !queue.TryPush(round);
      parker.WakeOne();
      meet(2 * round + 2);
    }
  });
  uint64_t lost = 0;
  uint64_t missing = 0;
  uint64_t item = 0;
  for (uint64_t round = 0; round < kRounds; ++round) {
    meet(2 * round + 1);
    const uint32_t ticket = parker.Prepare();
    const bool found = queue.TryPop(&item);
    meet(2 * round + 2);
    const bool woken = parker.Prepare() != ticket;
    parker.Cancel();
    parker.Cancel();
    lost += !found && !woken;
    if (!found && !queue.TryPop(&item)) ++missing;
  }
  producer.join();
  EXPECT_EQ(lost, 0u);
  EXPECT_EQ(not_pushed, 0u);
  EXPECT_EQ(missing, 0u);
}

TEST(ParkerStressTest, LosesNoWakeUpBetweenManyProducersAndManyConsumers) {
  // The producers wait for their item's consumption in every round, so nothing that comes later
  // can cover up for a lost wake-up.
  constexpr uint64_t kProducers = 2;
  constexpr uint64_t kRounds = 10000;
  MpmcQueue<uint64_t> queue(4);
  Parker parker;
  std::atomic<bool> stop{false};
  std::vector<std::atomic<uint64_t>> consumed(kProducers);

  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] {
      uint64_t producer = 0;
      while (PopOrPark(&queue, &parker, stop, &producer)) {
        ++consumed[producer];
        consumed[producer].notify_one();
      }
    });
  }
  std::vector<std::thread> producers;
  for (uint64_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      for (uint64_t round = 0; round < kRounds; ++round) {
        while (!queue.TryPush(producer)) std::this_thread::yield();
        parker.WakeOne();
        consumed[producer].wait(round);
      }
    });
  }
  for (std::thread& thread : producers) thread.join();
  stop = true;
  parker.WakeAll();
  for (std::thread& thread : consumers) thread.join();
  EXPECT_EQ(consumed[0] + consumed[1], kProducers * kRounds);
}

}  // namespace
}  // namespace rp
