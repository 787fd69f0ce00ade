// What the cache does when there is no memory: what finds no place is not stored, and nothing else
// changes.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "test/support/cache_flight.h"
#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::cache {
namespace {

class ScarceMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  }
};

TEST_F(ScarceMemoryTest, AZeroedBlockHoldsNothing) {
  {
    const ScarceMemory scarce;
    EXPECT_EQ(ZeroedBlock(1 << 20).data(), nullptr);
    EXPECT_TRUE(MemoryIsShort());
  }
  EXPECT_NE(ZeroedBlock(1 << 20).data(), nullptr);
}

TEST_F(ScarceMemoryTest, AFlatTableTakesNothingMoreAndKeepsWhatItHas) {
  FlatTable<Entry> table;
  std::vector<EntryRef> entries;
  for (int i = 0; i < 5000; ++i) entries.push_back(EntryFor(std::to_string(i), ""));
  size_t inside = 0;
  while (inside < 1000) ASSERT_TRUE(table.Insert(entries[inside++].get()));
  {
    const ScarceMemory scarce;
    while (inside < entries.size() && table.Insert(entries[inside].get())) ++inside;
  }
  ASSERT_LT(inside, entries.size()) << "it did not have to grow";
  EXPECT_EQ(table.size(), inside);
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry* const found = table.Find(entries[i]->tag, entries[i]->key());
    ASSERT_EQ(found, i < inside ? entries[i].get() : nullptr) << i;
  }
  while (inside < entries.size()) ASSERT_TRUE(table.Insert(entries[inside++].get()));
  // It cannot shrink either, and erases all the same.
  const ScarceMemory scarce;
  for (const EntryRef& entry : entries) ASSERT_TRUE(table.Erase(entry.get()));
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(ScarceMemoryTest, AnExpiryHeapTakesNothingMore) {
  ExpiryHeap heap;
  std::vector<EntryRef> entries;
  for (int i = 0; i < 4097; ++i) entries.push_back(EntryFor(std::to_string(i), ""));
  for (int i = 0; i < 4096; ++i)
    ASSERT_TRUE(heap.Push(entries[static_cast<size_t>(i)].get(), At(i)));
  {
    const ScarceMemory scarce;
    EXPECT_FALSE(heap.Push(entries.back().get(), At(0)));
    EXPECT_EQ(entries.back()->heap_index, kNotInHeap);
    EXPECT_EQ(heap.size(), 4096u);
  }
  EXPECT_TRUE(heap.Push(entries.back().get(), At(0)));
}

TEST_F(ScarceMemoryTest, AnEntryWithoutAPlaceInTheHeapIsNotStored) {
  Cache cache({.expire = Duration(100)});
  TestFlight flight("a");
  Waiter waiter;
  EntryRef hit;
  ASSERT_EQ(cache.JoinOrStart(&flight, &waiter, At(1), At(1), &hit), LookupResult::kStarted);
  EntryRef entry = EntryFor("a", "1");
  {
    const ScarceMemory scarce;
    const Cache::Finished finished = cache.Finish(&flight, std::move(entry), At(1));
    EXPECT_EQ(finished.waiters.front(), &waiter);
    EXPECT_EQ(finished.deadline, kNever);
  }
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
  EXPECT_FALSE(Get(&cache, "a", At(2)));
  Put(&cache, "a", "1", At(3));
  EXPECT_TRUE(Get(&cache, "a", At(4)));
}

TEST_F(ScarceMemoryTest, AFlightWithoutAPlaceIsJoinedByNobodyAndAnswersWhoStartedIt) {
  std::atomic<TimePoint> oldest_use = TimePoint();
  std::atomic<TimePoint> next_deadline = TimePoint();
  Freshness freshness;
  Stripe stripe;
  stripe.Init({&oldest_use, &next_deadline}, {}, &freshness);
  std::vector<std::unique_ptr<TestFlight>> flights;
  std::vector<Waiter> waiters(5000);
  for (int i = 0; i < 5000; ++i) flights.push_back(std::make_unique<TestFlight>(std::to_string(i)));
  TestFlight again("0");
  EntryRef none;
  size_t started = 0;
  Waiter other;
  LookupResult result = LookupResult::kJoined;
  const auto start = [&](TestFlight* flight, Waiter* waiter) {
    return stripe.JoinOrStart(flight, waiter, At(1), At(1), Blocking::kYes, &none, &none);
  };
  const auto start_next = [&] {
    static_cast<void>(start(flights[started].get(), &waiters[started]));
    ++started;
  };
  while (started < 1000) start_next();
  {
    const ScarceMemory scarce;
    while (started < 5000) start_next();
    again.key_bytes = flights.back()->key_bytes;
    again.hash = flights.back()->hash;
    again.tag = flights.back()->tag;
    result = start(&again, &other);
  }
  EXPECT_EQ(result, LookupResult::kStarted) << "the last one had a place after all";
  EntryRef entry = EntryFor(again.key_bytes, "value");
  EXPECT_EQ(stripe.Finish(&again, &entry, At(2), kNever).waiters.front(), &other);
  EXPECT_TRUE(entry) << "it was not stored";
  for (size_t i = 0; i < flights.size(); ++i) {
    EntryRef nothing;
    ASSERT_EQ(stripe.Finish(flights[i].get(), &nothing, At(2), kNever).waiters.front(),
              &waiters[i]);
  }
}

TEST(CacheShrinkTest, EvictsAnEighthOfTheLeastRecentlyUsed) {
  Cache cache({.expire = Duration::zero()});
  cache.Shrink();
  for (int i = 0; i < 80; ++i) Put(&cache, std::to_string(i + 10), "v", At(i));
  cache.Shrink();
  EXPECT_EQ(cache.stats().entries, 70u);
  EXPECT_FALSE(Get(&cache, "19", At(100)));
  EXPECT_TRUE(Get(&cache, "20", At(100)));
}

}  // namespace
}  // namespace rp::cache
