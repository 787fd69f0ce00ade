// The cache under many threads: run it under ThreadSanitizer and AddressSanitizer.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/support/cache_flight.h"

namespace rp::cache {
namespace {

// A clock for all threads whose every reading is later than those before.
class TickingClock {
 public:
  TimePoint Now() { return At(ticks_.fetch_add(1) + 1); }

 private:
  std::atomic<int64_t> ticks_ = 0;
};

void InThreads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

class CacheCapacityStressTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(CacheCapacityStressTest, IsNeverAboveCapacityForAnInstant) {
  constexpr int kThreads = 8;
  constexpr int kStoresEach = 5000;
  const uint64_t capacity = GetParam();
  Cache cache({.capacity = capacity, .expire = Duration::zero()});
  TickingClock clock;
  std::atomic<bool> done = false;
  uint64_t most = 0;
  std::thread sampler([&] {
    while (!done) most = std::max(most, cache.stats().entries);
  });
  InThreads(kThreads, [&](int thread) {
    for (int i = 0; i < kStoresEach; ++i)
      Put(&cache, std::to_string(thread) + "/" + std::to_string(i), "v", clock.Now());
  });
  done = true;
  sampler.join();
  EXPECT_LE(most, capacity);
  EXPECT_LE(cache.stats().entries, capacity);
  uint64_t found = 0;
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < kStoresEach; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i);
      found += Get(&cache, key, clock.Now()) ? 1 : 0;
    }
  }
  EXPECT_EQ(found, cache.stats().entries) << "the counter and the tables agree";
  EXPECT_EQ(cache.stats().bytes == 0, capacity == 0);
  // With more room than threads, none is refused, and so the cache ends full.
  if (capacity >= kThreads) {
    EXPECT_EQ(found, capacity);
  }
}

INSTANTIATE_TEST_SUITE_P(AtCapacity, CacheCapacityStressTest, ::testing::Values(0, 1, 2, 1000));

class CacheMemoryStressTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(CacheMemoryStressTest, IsNeverAboveTheMemoryLimitForAnInstant) {
  constexpr size_t kStoresEach = 5000;
  const uint64_t limit_bytes = GetParam();
  Cache cache({.memory_bytes = limit_bytes, .expire = Duration::zero()});
  TickingClock clock;
  std::atomic<bool> done = false;
  uint64_t most = 0;
  std::thread sampler([&] {
    while (!done) most = std::max(most, cache.stats().bytes);
  });
  const auto key_of = [](int thread, size_t i) {
    return std::to_string(thread) + "/" + std::to_string(i);
  };
  InThreads(4, [&](int thread) {
    for (size_t i = 0; i < kStoresEach; ++i)
      Put(&cache, key_of(thread, i), std::string(i % 700, 'v'), clock.Now());
  });
  done = true;
  sampler.join();
  EXPECT_LE(most, limit_bytes);
  EXPECT_GT(most, limit_bytes / 2) << "the sampler saw the limit at work";
  uint64_t entries = 0;
  uint64_t bytes = 0;
  for (int thread = 0; thread < 4; ++thread) {
    for (size_t i = 0; i < kStoresEach; ++i) {
      const EntryRef entry = Get(&cache, key_of(thread, i), clock.Now());
      entries += entry ? 1 : 0;
      bytes += entry ? ChargeBytes(entry->key_bytes, entry->value_bytes) : 0;
    }
  }
  EXPECT_EQ(entries, cache.stats().entries) << "stores without room gave their slots back";
  EXPECT_EQ(bytes, cache.stats().bytes);
}

// In the first there is room for one large entry, so that stores in several threads collide.
INSTANTIATE_TEST_SUITE_P(AtBytes, CacheMemoryStressTest, ::testing::Values(1000, 20'000));

// Counts how often it came back.
struct CountedWaiter : Waiter {
  std::atomic<int> returns = 0;
};

void CountReturns(WaiterList waiters) {
  // From the count on the waiter may be gone.
  while (!waiters.empty()) ++static_cast<CountedWaiter*>(waiters.PopFront())->returns;
}

// What one thread does: every operation of the cache, at random, on keys that all threads share.
class Client {
 public:
  Client(Cache* cache, TickingClock* clock, uint32_t seed)
      : cache_(cache), clock_(clock), random_(seed) {}

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) Step();
    while (!flights_.empty()) Land();
  }

  // After all clients have run.
  void Check() const {
    for (const CountedWaiter& waiter : waiters_) ASSERT_EQ(waiter.returns, 1);
    EXPECT_GT(waiters_.size(), 100u);
  }

 private:
  void Step() {
    const std::string key = std::to_string(random_() % 200);
    switch (random_() % 16) {
      case 0:
        cache_->Invalidate(HashOf(key), key);
        return;
      case 1:
        static_cast<void>(cache_->Sweep(clock_->Now(), 16));
        return;
      case 2:
      case 3:
        pinned_ = Get(cache_, key, clock_->Now());
        return Verify(pinned_, pinned_ ? pinned_->key() : "");
      case 4:
      case 5:
        return Land();
      default:
        return Request(key);
    }
  }

  void Request(const std::string& key) {
    const TimePoint now = clock_->Now();
    EntryRef hit = Get(cache_, key, now);
    if (hit) return Verify(hit, key);
    const TimePoint deadline = now + Duration(random_() % 100);
    auto flight = std::make_unique<TestFlight>(key, deadline);
    CountedWaiter& waiter = waiters_.emplace_back();
    const bool waits = random_() % 2 == 0;
    const LookupResult result = cache_->JoinOrStart(flight.get(), &waiter, deadline, now, &hit,
                                                    waits ? Blocking::kYes : Blocking::kNo);
    switch (result) {
      case LookupResult::kBusy:
        EXPECT_FALSE(waits);
        waiters_.pop_back();
        return;
      case LookupResult::kHit:
        waiters_.pop_back();
        return Verify(hit, key);
      case LookupResult::kJoined:
        return;
      case LookupResult::kStarted:
        flights_.push_back(std::move(flight));
    }
  }

  // Ends the oldest of this client's flights, as its fetch would.
  void Land() {
    if (flights_.empty()) return;
    const std::unique_ptr<TestFlight> flight = std::move(flights_.front());
    flights_.pop_front();
    const TimePoint now = clock_->Now();
    WaiterList waiters;
    if (random_() % 4 != 0 || !cache_->TryAbandon(flight.get(), now, &waiters)) {
      const std::string value(1 + random_() % 300, static_cast<char>('a' + flight->hash % 26));
      const TimePoint hard_deadline = random_() % 2 == 0 ? kNever : now + Duration(500);
      EntryRef entry;
      if (random_() % 8 != 0) entry = EntryFor(flight->key(), value, hard_deadline);
      WaiterList finished = cache_->Finish(flight.get(), std::move(entry), now).waiters;
      waiters.Append(&finished);
    }
    EXPECT_FALSE(waiters.empty());
    CountReturns(std::move(waiters));
  }

  // Each value tells which key it belongs to.
  static void Verify(const EntryRef& entry, std::string_view key) {
    if (!entry) return;
    ASSERT_EQ(entry->key(), key);
    const char letter = static_cast<char>('a' + HashOf(key) % 26);
    for (char c : entry->value()) ASSERT_EQ(c, letter);
  }

  Cache* const cache_;
  TickingClock* const clock_;
  std::mt19937 random_;
  std::deque<CountedWaiter> waiters_;
  std::deque<std::unique_ptr<TestFlight>> flights_;
  EntryRef pinned_;
};

TEST(CacheStressTest, SurvivesEveryOperationAtOnceAndGivesEachWaiterBackOnce) {
  constexpr uint32_t kClients = 4;
  Cache cache({.capacity = 50,
               .memory_bytes = 50 * ChargeBytes(3, 150),
               .value_bytes = 290,
               .expire = Duration(2000)});
  TickingClock clock;
  std::deque<Client> clients;
  for (uint32_t i = 0; i < kClients; ++i) clients.emplace_back(&cache, &clock, i + 1);
  InThreads(kClients, [&](int i) { clients[static_cast<size_t>(i)].Run(20'000); });
  for (const Client& client : clients) ASSERT_NO_FATAL_FAILURE(client.Check());

  const CacheStats stats = cache.stats();
  EXPECT_LE(stats.entries, 50u);
  EXPECT_GT(stats.hits, 0u);
  EXPECT_GT(stats.evictions, 0u);
  EXPECT_GT(stats.expirations, 0u);
  const TimePoint end = At(1'000'000'000);
  EXPECT_EQ(cache.Sweep(end, 1 << 20), kNever);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

}  // namespace
}  // namespace rp::cache
