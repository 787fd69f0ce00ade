#include "base/event_count.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/mpmc_queue.h"

namespace rp {
namespace {

// A test that hangs here has found a lost wake-up.

TEST(EventCountTest, DoesNotSleepWhenTheWakeUpCameBetweenPrepareAndWait) {
  EventCount event_count;
  uint32_t ticket = event_count.PrepareWait();
  event_count.WakeOne();
  event_count.Wait(ticket);
  ticket = event_count.PrepareWait();
  event_count.WakeAll();
  event_count.Wait(ticket);
}

TEST(EventCountTest, ForgetsWakeUpsFromBeforePrepare) {
  EventCount event_count;
  event_count.WakeOne();
  const uint32_t first = event_count.PrepareWait();
  event_count.CancelWait();
  event_count.WakeOne();
  event_count.WakeAll();
  EXPECT_EQ(event_count.PrepareWait(), first) << "nobody slept, so nothing was to be done";
  event_count.CancelWait();
}

TEST(EventCountTest, SleepsUntilItIsWoken) {
  EventCount event_count;
  std::atomic<bool> prepared{false};
  std::atomic<bool> woken{false};
  std::thread sleeper([&] {
    const uint32_t ticket = event_count.PrepareWait();
    prepared = true;
    event_count.Wait(ticket);
    EXPECT_TRUE(woken);
  });
  while (!prepared) std::this_thread::yield();
  woken = true;
  event_count.WakeOne();
  sleeper.join();
}

TEST(EventCountTest, WakesEveryThreadAtOnce) {
  EventCount event_count;
  std::atomic<int> prepared{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] {
      const uint32_t ticket = event_count.PrepareWait();
      ++prepared;
      event_count.Wait(ticket);
    });
  }
  while (prepared != 4) std::this_thread::yield();
  event_count.WakeAll();
  for (std::thread& sleeper : sleepers) sleeper.join();
}

// The protocol of event_count.h. Returns false when `stop` and nothing is left.
bool PopOrWait(MpmcQueue<uint64_t>* queue, EventCount* event_count, const std::atomic<bool>& stop,
               uint64_t* item) {
  for (;;) {
    if (queue->TryPop(item)) return true;
    const uint32_t ticket = event_count->PrepareWait();
    if (queue->TryPop(item)) {
      event_count->CancelWait();
      return true;
    }
    if (stop) {
      event_count->CancelWait();
      return false;
    }
    event_count->Wait(ticket);
  }
}

TEST(EventCountStressTest, LosesNoWakeUpInAGameOfPingPong) {
  // Each item is sent only when the one before is answered, so a single lost wake-up hangs.
  constexpr uint64_t kRounds = 20000;
  MpmcQueue<uint64_t> requests(1);
  MpmcQueue<uint64_t> replies(1);
  EventCount server_event_count;
  EventCount client_event_count;
  const std::atomic<bool> stop{false};
  std::thread server([&] {
    for (uint64_t i = 0; i < kRounds; ++i) {
      uint64_t item = 0;
      PopOrWait(&requests, &server_event_count, stop, &item);
      while (!replies.TryPush(item + 1)) std::this_thread::yield();
      client_event_count.WakeOne();
    }
  });
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    while (!requests.TryPush(i)) std::this_thread::yield();
    server_event_count.WakeOne();
    uint64_t reply = 0;
    PopOrWait(&replies, &client_event_count, stop, &reply);
    wrong += reply != i + 1;
  }
  server.join();
  EXPECT_EQ(wrong, 0u);
}

// Both sides of the protocol at once, round after round, without sleeping in between: the sleeper
// must find the item, or the producer must have seen the sleeper. A publication that is not
// sequentially consistent fails here on hardware that lets a load overtake a store.
TEST(EventCountStressTest, FindsTheItemOrSeesTheSleeperInEveryRound) {
  constexpr uint64_t kRounds = 50000;
  MpmcQueue<uint64_t> queue(1);
  EventCount event_count;
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
      event_count.WakeOne();
      meet(2 * round + 2);
    }
  });
  uint64_t lost = 0;
  uint64_t missing = 0;
  uint64_t item = 0;
  for (uint64_t round = 0; round < kRounds; ++round) {
    meet(2 * round + 1);
    const uint32_t ticket = event_count.PrepareWait();
    const bool found = queue.TryPop(&item);
    meet(2 * round + 2);
    const bool woken = event_count.PrepareWait() != ticket;
    event_count.CancelWait();
    event_count.CancelWait();
    lost += !found && !woken;
    if (!found && !queue.TryPop(&item)) ++missing;
  }
  producer.join();
  EXPECT_EQ(lost, 0u);
  EXPECT_EQ(not_pushed, 0u);
  EXPECT_EQ(missing, 0u);
}

TEST(EventCountStressTest, LosesNoWakeUpBetweenManyProducersAndManyConsumers) {
  // The producers wait for their item's consumption in every round, so nothing that comes later
  // can cover up for a lost wake-up.
  constexpr uint64_t kProducers = 2;
  constexpr uint64_t kRounds = 10000;
  MpmcQueue<uint64_t> queue(4);
  EventCount event_count;
  std::atomic<bool> stop{false};
  std::vector<std::atomic<uint64_t>> consumed(kProducers);

  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] {
      uint64_t producer = 0;
      while (PopOrWait(&queue, &event_count, stop, &producer)) {
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
        event_count.WakeOne();
        consumed[producer].wait(round);
      }
    });
  }
  for (std::thread& thread : producers) thread.join();
  stop = true;
  event_count.WakeAll();
  for (std::thread& thread : consumers) thread.join();
  EXPECT_EQ(consumed[0] + consumed[1], kProducers * kRounds);
}

}  // namespace
}  // namespace rp
