#include "cache/cache.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/support/cache_flight.h"
#include "test/support/lru_model.h"
#include "test/support/sanitized.h"

namespace rp::cache {
namespace {

CacheOptions Capacity(uint64_t capacity) {
  return {.capacity = capacity, .expire = Duration::zero()};
}

// --- Capacity and order. ---

TEST(CacheTest, CapacityZeroCachesNothingAndStillAnswersTheWaiters) {
  Cache cache(Capacity(0));
  Put(&cache, "a", "1", At(1));
  EXPECT_FALSE(Get(&cache, "a", At(2)));
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(CacheTest, CapacityOneKeepsTheLastKey) {
  Cache cache(Capacity(1));
  Put(&cache, "a", "1", At(1));
  EXPECT_TRUE(Get(&cache, "a", At(2)));
  Put(&cache, "b", "2", At(3));
  EXPECT_TRUE(Get(&cache, "b", At(4)));
  EXPECT_FALSE(Get(&cache, "a", At(5)));
  EXPECT_EQ(cache.stats().entries, 1u);
}

TEST(CacheTest, GetWithoutWaitingFindsAndUsesTheSame) {
  Cache cache({.capacity = 2, .expire = std::chrono::nanoseconds(100)});
  Put(&cache, "a", "1", At(1));
  Put(&cache, "b", "2", At(2));
  const EntryRef found = cache.Get(HashOf("a"), "a", At(3), Blocking::kNo);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value(), "1");
  EXPECT_EQ(cache.stats().hits, 1u);
  EXPECT_FALSE(cache.Get(HashOf("c"), "c", At(4), Blocking::kNo));
  EXPECT_EQ(cache.stats().misses, 2u) << "only who asks Redis has missed";
  Put(&cache, "c", "3", At(5));
  EXPECT_FALSE(cache.Get(HashOf("b"), "b", At(6), Blocking::kNo)) << "a was used later";
  EXPECT_TRUE(cache.Get(HashOf("a"), "a", At(102), Blocking::kNo));
  EXPECT_FALSE(cache.Get(HashOf("a"), "a", At(202), Blocking::kNo)) << "its time is over";
}

TEST(CacheTest, JoinOrStartWithoutWaitingDoesTheSame) {
  Cache cache(Capacity(2));
  TestFlight flight("a");
  TestFlight other("a");
  std::array<Waiter, 2> waiters;
  EntryRef hit;
  EXPECT_EQ(cache.JoinOrStart(&flight, &waiters[0], At(9), At(1), &hit, Blocking::kNo),
            LookupResult::kStarted);
  EXPECT_EQ(cache.JoinOrStart(&other, &waiters[1], At(10), At(2), &hit, Blocking::kNo),
            LookupResult::kJoined);
  EXPECT_EQ(flight.fetch_deadline.load(), At(10));
  EXPECT_EQ(cache.stats().misses, 2u);
  auto finished = cache.Finish(&flight, EntryFor("a", "1"), At(3));
  EXPECT_EQ(finished.waiters.PopFront(), &waiters[1]);
  EXPECT_EQ(finished.waiters.PopFront(), &waiters[0]);
  Waiter late;
  EXPECT_EQ(cache.JoinOrStart(&other, &late, At(10), At(4), &hit, Blocking::kNo),
            LookupResult::kHit);
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->value(), "1");
}

TEST(CacheTest, HoldsExactlyAThousandKeysAtCapacityAThousand) {
  Cache cache(Capacity(1000));
  for (int i = 0; i < 1000; ++i) Put(&cache, std::to_string(i), "v", At(i));
  EXPECT_EQ(cache.stats().entries, 1000u);
  EXPECT_EQ(cache.stats().evictions, 0u) << "not one too early";
  Put(&cache, "1000", "v", At(1000));
  EXPECT_EQ(cache.stats().entries, 1000u);
  EXPECT_EQ(cache.stats().evictions, 1u);
  EXPECT_FALSE(Get(&cache, "0", At(1001)));
  for (int i = 1; i <= 1000; ++i) EXPECT_TRUE(Get(&cache, std::to_string(i), At(1001 + i))) << i;
}

TEST(CacheTest, EvictsLeastRecentlyUsedAcrossStripes) {
  // Each pair of keys falls into the stripes in another way.
  for (int i = 0; i < 200; ++i) {
    const std::string suffix = std::to_string(i);
    Cache cache(Capacity(2));
    Put(&cache, "a" + suffix, "1", At(1));
    Put(&cache, "b" + suffix, "2", At(2));
    ASSERT_TRUE(Get(&cache, "a" + suffix, At(3)));
    Put(&cache, "c" + suffix, "3", At(4));
    ASSERT_FALSE(Get(&cache, "b" + suffix, At(5))) << i;
    ASSERT_TRUE(Get(&cache, "a" + suffix, At(6))) << i;
    ASSERT_TRUE(Get(&cache, "c" + suffix, At(7))) << i;
  }
}

class CacheLruTest : public ::testing::TestWithParam<size_t> {};

TEST_P(CacheLruTest, MissesWhereAReferenceLruMissesAndNowhereElse) {
  Cache cache(Capacity(GetParam()));
  LruModel reference(GetParam());
  int64_t clock_ns = 0;
  uint64_t misses = 0;
  for (const std::string& key : ZipfTrace(50'000, 5'000, 7)) {
    const TimePoint now = At(++clock_ns);
    const bool hit = static_cast<bool>(Get(&cache, key, now));
    ASSERT_EQ(hit, reference.Use(key)) << "request " << clock_ns;
    if (!hit) Put(&cache, key, key, now);
    misses += hit ? 0 : 1;
    ASSERT_LE(cache.stats().entries, GetParam());
  }
  EXPECT_EQ(cache.stats().misses, misses);
  EXPECT_EQ(cache.stats().hits, 50'000 - misses);
  EXPECT_EQ(cache.stats().evictions, misses - GetParam());
}

INSTANTIATE_TEST_SUITE_P(AtCapacity, CacheLruTest, ::testing::Values(1, 2, 10, 64, 100, 1000));

// --- Bytes. ---

TEST(CacheTest, HoldsEntriesUpToExactlyTheMemoryLimit) {
  const uint64_t charge_bytes = ChargeBytes(1, 100);
  const std::string value(100, 'v');
  for (const bool fits : {true, false}) {
    Cache cache({.memory_bytes = 2 * charge_bytes - (fits ? 0 : 1), .expire = Duration::zero()});
    Put(&cache, "a", value, At(1));
    Put(&cache, "b", value, At(2));
    EXPECT_EQ(static_cast<bool>(Get(&cache, "a", At(3))), fits);
    EXPECT_TRUE(Get(&cache, "b", At(4)));
    EXPECT_EQ(cache.stats().bytes, (fits ? 2 : 1) * charge_bytes);
  }
}

TEST(CacheTest, EvictsAsManyOfTheLeastRecentlyUsedAsALargeValueNeeds) {
  Cache cache({.memory_bytes = 4 * ChargeBytes(1, 100), .expire = Duration::zero()});
  const char* const keys[] = {"a", "b", "c", "d"};
  for (int i = 0; i < 4; ++i) Put(&cache, keys[i], std::string(100, 'v'), At(i));
  ASSERT_TRUE(Get(&cache, "a", At(10)));
  Put(&cache, "e", std::string(150, 'v'), At(11));
  EXPECT_FALSE(Get(&cache, "b", At(12)));
  EXPECT_FALSE(Get(&cache, "c", At(13)));
  EXPECT_TRUE(Get(&cache, "d", At(14)));
  EXPECT_EQ(cache.stats().evictions, 2u);
  Put(&cache, "f", std::string(50, 'v'), At(15));
  EXPECT_TRUE(Get(&cache, "a", At(16))) << "there was room for one more";
  Put(&cache, "g", "", At(17));
  EXPECT_FALSE(Get(&cache, "e", At(18)));
  EXPECT_EQ(cache.stats().evictions, 3u);
  EXPECT_LE(cache.stats().bytes, 4 * ChargeBytes(1, 100));
}

TEST(CacheTest, AValueThatNeverFitsLeavesTheCacheAlone) {
  const uint64_t limit_bytes = 3 * ChargeBytes(1, 100);
  uint64_t most_bytes = limit_bytes;
  while (ChargeBytes(1, most_bytes) > limit_bytes) --most_bytes;
  Cache cache({.memory_bytes = limit_bytes, .expire = Duration::zero()});
  const char* const keys[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) Put(&cache, keys[i], std::string(100, 'v'), At(i));
  Put(&cache, "x", std::string(most_bytes + 1, 'v'), At(10));
  EXPECT_EQ(cache.stats().entries, 3u);
  EXPECT_EQ(cache.stats().evictions, 0u);
  Put(&cache, "x", std::string(most_bytes, 'v'), At(11));
  EXPECT_TRUE(Get(&cache, "x", At(12)));
  EXPECT_EQ(cache.stats().entries, 1u);
  EXPECT_EQ(cache.stats().bytes, ChargeBytes(1, most_bytes));
}

TEST(CacheTest, MakesRoomForEntriesThatLeftTheCacheAndAreStillBeingRead) {
  const std::string value(1000, 'v');
  const uint64_t charge_bytes = ChargeBytes(1, value.size());
  Cache cache({.memory_bytes = 8 * charge_bytes, .expire = Duration::zero()});
  std::vector<EntryRef> readers;
  for (int i = 0; i < 8; ++i) {
    const std::string key(1, static_cast<char>('a' + i));
    Put(&cache, key, value, At(i));
    if (i < 3) readers.push_back(Get(&cache, key, At(i)));
  }
  EXPECT_EQ(cache.stats().entries, 8u);
  // Evicting what is being read frees nothing, so that others have to go as well.
  Put(&cache, "x", value, At(10));
  EXPECT_EQ(cache.stats().entries, 5u);
  EXPECT_LE(AllChargedBytes(), 8 * charge_bytes);
  readers.clear();
  for (int i = 0; i < 8; ++i) Put(&cache, std::to_string(i), value, At(20 + i));
  EXPECT_EQ(cache.stats().entries, 8u);
}

TEST(CacheTest, KeepsAQuarterOfTheMemoryLimitWhateverIsBeingRead) {
  const std::string value(1000, 'v');
  const uint64_t charge_bytes = ChargeBytes(1, value.size());
  Cache cache({.memory_bytes = 8 * charge_bytes, .expire = Duration::zero()});
  std::vector<EntryRef> readers;
  for (int i = 0; i < 20; ++i) readers.push_back(EntryFor("r", value));
  for (int i = 0; i < 8; ++i) Put(&cache, std::string(1, static_cast<char>('a' + i)), value, At(i));
  EXPECT_EQ(cache.stats().entries, 2u);
  EXPECT_TRUE(Get(&cache, "h", At(10)));
}

TEST(CacheTest, LetsEntriesOutsideItHaveThreeQuartersOfTheMemoryLimit) {
  constexpr uint64_t kLimit = 32 << 20;
  constexpr uint64_t kMost = kLimit / 4 * 3;
  const std::string value(4 << 20, 'v');
  const uint64_t charge_bytes = ChargeBytes(1, value.size());
  Cache cache({.memory_bytes = kLimit, .expire = Duration::zero()});
  Put(&cache, "inside", "does not count", At(0));
  std::vector<EntryRef> readers;
  while ((readers.size() + 1) * charge_bytes <= kMost) {
    EXPECT_TRUE(cache.MayMake(charge_bytes)) << readers.size();
    readers.push_back(EntryFor("r", value));
  }
  const uint64_t left = kMost - readers.size() * charge_bytes;
  EXPECT_TRUE(cache.MayMake(left));
  EXPECT_FALSE(cache.MayMake(left + 1));
  readers.clear();
  EXPECT_TRUE(cache.MayMake(10 * kLimit)) << "one alone is served whatever its size";
}

TEST(CacheTest, LetsEntriesOutsideItHaveALittleWhereTheLimitIsSmaller) {
  const EntryRef reader = EntryFor("r", "value");
  const uint64_t left = Cache::kMinOutsideBytes - ChargeBytes(1, 5);
  const Cache small({.memory_bytes = 1000});
  EXPECT_TRUE(small.MayMake(left));
  EXPECT_FALSE(small.MayMake(left + 1));
  const Cache unlimited({.memory_bytes = 0});
  EXPECT_TRUE(unlimited.MayMake(UINT64_MAX));
}

TEST(CacheTest, CachesValuesUpToTheLargestSize) {
  Cache cache({.value_bytes = 10, .expire = Duration::zero()});
  Put(&cache, "n", std::string(10, 'v'), At(1));
  Put(&cache, "n+1", std::string(11, 'v'), At(2));
  EXPECT_TRUE(Get(&cache, "n", At(3)));
  EXPECT_FALSE(Get(&cache, "n+1", At(4)));
  EXPECT_EQ(cache.stats().bytes, ChargeBytes(1, 10));
}

TEST(CacheTest, AdmitsKeysUpToTheirLimitsWhichAreShorterForThoseWithoutValues) {
  const Cache cache({.value_bytes = 10});
  EXPECT_TRUE(cache.Admits(Kind::kValue, 64 * 1024, 10));
  EXPECT_FALSE(cache.Admits(Kind::kValue, 64 * 1024 + 1, 10));
  EXPECT_FALSE(cache.Admits(Kind::kValue, 1, 11));
  for (const Kind kind : {Kind::kMissing, Kind::kWrongType}) {
    EXPECT_TRUE(cache.Admits(kind, 1024, 0));
    EXPECT_FALSE(cache.Admits(kind, 1025, 0));
  }
}

TEST(CacheTest, TakesAtMost120BytesPerEntryOverKeyAndValue) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's allocator pads every block";
  constexpr int kKeys = 1'000'000;
  const auto resident_bytes = [] {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return pages * ZeroedBlock::kPageBytes;
  };
  malloc_trim(0);  // or the cache would take what other tests left
  // What they left to the reclaimer is gone once nothing changes any more.
  size_t before = 0;
  for (int calm = 0; calm < 5; ++calm) {
    if (std::exchange(before, resident_bytes()) != resident_bytes()) calm = 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  before = resident_bytes();
  Cache cache({.capacity = kKeys, .expire = Duration(1'000'000'000)});
  char key[21];
  for (int i = 0; i < kKeys; ++i) {
    std::snprintf(key, sizeof(key), "key:%016d", i);
    Put(&cache, key, std::string(100, 'v'), At(i));
  }
  ASSERT_EQ(cache.stats().entries, uint64_t{kKeys});
  const double each = static_cast<double>(resident_bytes() - before) / kKeys - 20 - 100;
  RecordProperty("bytes_per_entry", std::to_string(each));
  EXPECT_LE(each, 120);
  EXPECT_NEAR(each, static_cast<double>(ChargeBytes(20, 100) - 120), 16)
      << "not what -max-memory counts";
}

// --- Flights. ---

TEST(CacheFlightTest, OneMissStartsTheFlightAndOthersJoin) {
  Cache cache(Capacity(10));
  TestFlight flight("a");
  Waiter waiters[3];
  EntryRef hit;
  EXPECT_EQ(cache.JoinOrStart(&flight, &waiters[0], At(10), At(1), &hit), LookupResult::kStarted);
  TestFlight other("a");
  EXPECT_EQ(cache.JoinOrStart(&other, &waiters[1], At(11), At(2), &hit), LookupResult::kJoined);
  EXPECT_EQ(cache.JoinOrStart(&other, &waiters[2], At(12), At(3), &hit), LookupResult::kJoined);
  EXPECT_EQ(cache.stats().misses, 3u);
  TestFlight unrelated("b");
  Waiter waiter;
  EXPECT_EQ(cache.JoinOrStart(&unrelated, &waiter, At(10), At(4), &hit), LookupResult::kStarted);

  std::vector<Waiter*> returned;
  WaiterList finished = cache.Finish(&flight, EntryFor("a", "1"), At(5)).waiters;
  while (!finished.empty()) returned.push_back(finished.PopFront());
  EXPECT_EQ(returned.size(), 3u);
  for (Waiter& each : waiters) EXPECT_EQ(std::count(returned.begin(), returned.end(), &each), 1);
  EXPECT_EQ(cache.Finish(&unrelated, {}, At(6)).waiters.front(), &waiter);
}

TEST(CacheFlightTest, AfterAStoreAMissIsAHitAndWithoutOneTheNextMissStartsAnew) {
  Cache cache(Capacity(10));
  TestFlight flight("a");
  Waiter waiter;
  EntryRef hit;
  EXPECT_EQ(cache.JoinOrStart(&flight, &waiter, At(10), At(1), &hit), LookupResult::kStarted);
  static_cast<void>(cache.Finish(&flight, {}, At(2)));
  TestFlight second("a");
  Waiter second_waiter;
  EXPECT_EQ(cache.JoinOrStart(&second, &second_waiter, At(10), At(3), &hit),
            LookupResult::kStarted);
  EXPECT_EQ(cache.Finish(&second, EntryFor("a", "1"), At(4)).waiters.front(), &second_waiter);
  TestFlight third("a");
  EXPECT_EQ(cache.JoinOrStart(&third, &waiter, At(10), At(5), &hit), LookupResult::kHit);
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->value(), "1");
}

TEST(CacheFlightTest, KeepsTheLatestDeadlineOfItsWaiters) {
  Cache cache(Capacity(10));
  TestFlight flight("a", At(10));
  Waiter waiters[3];
  EntryRef hit;
  static_cast<void>(cache.JoinOrStart(&flight, &waiters[0], At(10), At(1), &hit));
  EXPECT_EQ(flight.fetch_deadline.load(), At(10));
  TestFlight other("a");
  static_cast<void>(cache.JoinOrStart(&other, &waiters[1], At(20), At(2), &hit));
  EXPECT_EQ(flight.fetch_deadline.load(), At(20));
  static_cast<void>(cache.JoinOrStart(&other, &waiters[2], At(15), At(3), &hit));
  EXPECT_EQ(flight.fetch_deadline.load(), At(20));
  static_cast<void>(cache.Finish(&flight, {}, At(4)));
}

TEST(CacheFlightTest, IsNotAbandonedWhenALaterWaiterStillHasTime) {
  Cache cache(Capacity(10));
  TestFlight flight("a", At(10));
  Waiter waiters[2];
  EntryRef hit;
  static_cast<void>(cache.JoinOrStart(&flight, &waiters[0], At(10), At(1), &hit));
  TestFlight other("a");
  static_cast<void>(cache.JoinOrStart(&other, &waiters[1], At(20), At(9), &hit));
  WaiterList returned;
  EXPECT_FALSE(cache.TryAbandon(&flight, At(19), &returned));
  EXPECT_TRUE(returned.empty());
  Waiter late;
  EXPECT_EQ(cache.JoinOrStart(&other, &late, At(20), At(19), &hit), LookupResult::kJoined);
  EXPECT_TRUE(cache.TryAbandon(&flight, At(20), &returned));
  int count = 0;
  for (; !returned.empty(); returned.PopFront()) ++count;
  EXPECT_EQ(count, 3);
  EXPECT_EQ(cache.JoinOrStart(&other, &late, At(40), At(30), &hit), LookupResult::kStarted);
  static_cast<void>(cache.Finish(&other, {}, At(31)));
}

// --- Pins and invalidation. ---

// AddressSanitizer sees a read of what was freed too early, and what is never freed.
TEST(CacheTest, APinnedEntryOutlivesItsEvictionAndTheCache) {
  EntryRef evicted;
  EntryRef inside;
  {
    Cache cache(Capacity(1));
    Put(&cache, "a", "value of a", At(1));
    evicted = Get(&cache, "a", At(2));
    Put(&cache, "b", "value of b", At(3));
    EXPECT_FALSE(Get(&cache, "a", At(4)));
    EXPECT_EQ(cache.stats().entries, 1u) << "a pinned entry takes no room any more";
    inside = Get(&cache, "b", At(5));
    EXPECT_EQ(inside->references, 2u);
  }
  EXPECT_EQ(evicted->references, 1u);
  EXPECT_EQ(evicted->value(), "value of a");
  EXPECT_EQ(inside->references, 1u);
  EXPECT_EQ(inside->value(), "value of b");
}

TEST(CacheTest, InvalidateTakesOutOneKeyAndItsRoom) {
  Cache cache(Capacity(10));
  Put(&cache, "a", "1", At(1));
  Put(&cache, "b", "2", At(2));
  cache.Invalidate(HashOf("a"), "a");
  cache.Invalidate(HashOf("none"), "none");
  EXPECT_FALSE(Get(&cache, "a", At(3)));
  EXPECT_TRUE(Get(&cache, "b", At(4)));
  EXPECT_EQ(cache.stats().entries, 1u);
  EXPECT_EQ(cache.stats().bytes, ChargeBytes(1, 1));
}

}  // namespace
}  // namespace rp::cache
