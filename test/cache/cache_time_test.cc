// The cache and time: when entries end, and what the sweep frees.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "test/support/cache_flight.h"

namespace rp::cache {
namespace {

constexpr TimePoint kFarAway = kNever - Duration(1);

CacheOptions Expire(Duration expire) { return {.expire = expire}; }

// --- Time. ---

TEST(CacheTest, EndsAnEntryExactlyWhenItsTimeOfNonUseIsOver) {
  Cache cache(Expire(Duration(100)));
  EXPECT_EQ(Put(&cache, "a", "1", At(10)), At(110));
  EXPECT_EQ(Put(&cache, "b", "1", At(10)), At(110));
  EXPECT_TRUE(Get(&cache, "a", At(109)));
  EXPECT_FALSE(Get(&cache, "b", At(110)));
}

TEST(CacheTest, AHitProlongsAnEntry) {
  Cache cache(Expire(Duration(100)));
  Put(&cache, "a", "1", At(0));
  EXPECT_TRUE(Get(&cache, "a", At(99)));
  EXPECT_TRUE(Get(&cache, "a", At(198)));
  EXPECT_FALSE(Get(&cache, "a", At(298)));
}

TEST(CacheTest, UseDoesNotProlongAHardDeadline) {
  Cache cache(Expire(Duration(100)));
  EXPECT_EQ(Put(&cache, "a", "1", At(0), At(150)), At(100));
  EXPECT_TRUE(Get(&cache, "a", At(99)));
  EXPECT_TRUE(Get(&cache, "a", At(149)));
  EXPECT_FALSE(Get(&cache, "a", At(150)));
}

TEST(CacheTest, AHardDeadlineMayEndAnEntryBeforeItsTimeOfNonUse) {
  Cache cache(Expire(Duration(100)));
  EXPECT_EQ(Put(&cache, "a", "1", At(0), At(50)), At(50));
  EXPECT_TRUE(Get(&cache, "a", At(49)));
  EXPECT_FALSE(Get(&cache, "a", At(50)));
}

TEST(CacheTest, ExpireZeroNeverEndsAnEntry) {
  Cache cache(Expire(Duration::zero()));
  EXPECT_EQ(Put(&cache, "a", "1", At(0)), kNever);
  EXPECT_EQ(cache.NextDeadline(), kNever);
  EXPECT_EQ(cache.Sweep(kFarAway, 1000), kNever);
  EXPECT_TRUE(Get(&cache, "a", kFarAway));
}

TEST(CacheTest, AnExpiredEntryGivesItsRoomBack) {
  Cache cache(Expire(Duration(100)));
  Put(&cache, "a", "1", At(0));
  EXPECT_EQ(cache.stats().bytes, ChargeBytes(1, 1));
  EXPECT_FALSE(Get(&cache, "a", At(100)));
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(CacheTest, AMissOfAnExpiredEntryStartsAFlight) {
  Cache cache(Expire(Duration(100)));
  Put(&cache, "a", "1", At(0));
  TestFlight flight("a");
  Waiter waiter;
  EntryRef hit;
  EXPECT_EQ(cache.JoinOrStart(&flight, &waiter, At(200), At(99), &hit), LookupResult::kHit);
  EXPECT_EQ(cache.JoinOrStart(&flight, &waiter, At(300), At(199), &hit), LookupResult::kStarted);
  EXPECT_FALSE(hit);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.Finish(&flight, {}, At(200)).waiters.front(), &waiter);
}

// --- Sweep. ---

TEST(CacheTest, SweepReturnsNeverWhenNothingCanExpire) {
  Cache cache(Expire(Duration(100)));
  EXPECT_EQ(cache.NextDeadline(), kNever);
  EXPECT_EQ(cache.Sweep(kFarAway, 1000), kNever);
}

TEST(CacheTest, SweepFreesWhatIsDueInEveryStripeAndSaysWhenToComeAgain) {
  Cache cache(Expire(Duration(1000)));
  for (int i = 0; i < 500; ++i) Put(&cache, std::to_string(i), "v", At(i));
  EXPECT_EQ(cache.NextDeadline(), At(1000));
  EXPECT_EQ(cache.Sweep(At(999), 100'000), At(1000));
  EXPECT_EQ(cache.stats().entries, 500u);
  EXPECT_EQ(cache.Sweep(At(1199), 100'000), At(1200));
  EXPECT_EQ(cache.stats().entries, 300u);
  EXPECT_EQ(cache.stats().bytes, 300 * ChargeBytes(3, 1));
  EXPECT_EQ(cache.stats().expirations, 200u);
  EXPECT_EQ(cache.Sweep(At(1499), 100'000), kNever);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(CacheTest, SweepStopsAtItsBudgetAndAsksToComeAgainAtOnce) {
  Cache cache(Expire(Duration(1000)));
  for (int i = 0; i < 64 * 300; ++i) Put(&cache, std::to_string(i), "v", At(0));
  const uint64_t before = cache.stats().entries;
  EXPECT_EQ(cache.Sweep(At(5000), 256), At(5000));
  EXPECT_EQ(cache.stats().entries, before - 256);
  EXPECT_EQ(cache.Sweep(At(5000), 0), At(5000));
  EXPECT_EQ(cache.stats().entries, before - 256);
  while (cache.Sweep(At(5000), 256) != kNever) {
  }
  EXPECT_EQ(cache.stats().entries, 0u);
}

TEST(CacheTest, SweepFreesTheOldestOfAllStripesFirst) {
  constexpr size_t kKeys = 6400;
  Cache cache(Expire(Duration(10)));
  std::vector<EntryRef> entries;
  for (size_t i = 0; i < kKeys; ++i) {
    Put(&cache, std::to_string(i), "v", At(static_cast<int64_t>(i)));
    entries.push_back(Get(&cache, std::to_string(i), At(static_cast<int64_t>(i))));
  }
  EXPECT_EQ(cache.Sweep(kFarAway, kKeys / 2), kFarAway);
  const auto freed = std::count_if(entries.begin(), entries.begin() + kKeys / 4,
                                   [](const EntryRef& entry) { return entry->references == 1; });
  EXPECT_GE(freed, kKeys / 4 * 95 / 100);
}

TEST(CacheTest, SweepDoesNotFreeWhatWasUsedInBetween) {
  Cache cache(Expire(Duration(100)));
  Put(&cache, "used", "1", At(0));
  Put(&cache, "idle", "1", At(0));
  ASSERT_TRUE(Get(&cache, "used", At(60)));
  EXPECT_EQ(cache.Sweep(At(100), 1000), At(160));
  EXPECT_EQ(cache.stats().entries, 1u);
  EXPECT_TRUE(Get(&cache, "used", At(159)));
}

}  // namespace
}  // namespace rp::cache
