// What the cache may be trusted for: leases, epochs, invalidations of entries and of fetches under
// way, and what may be served for want of anything better.
#include <gtest/gtest.h>

#include <string>

#include "cache/cache.h"
#include "test/support/cache_flight.h"

namespace rp::cache {
namespace {

constexpr Duration kExpire = Duration(1000);
constexpr Duration kStale = Duration(500);

class CoherentCacheTest : public testing::Test {
 protected:
  void SetUp() override { cache_.BeginEpoch(At(1000)); }

  bool Hits(std::string_view key, int64_t now) {
    return static_cast<bool>(Get(&cache_, key, At(now)));
  }

  // A fetch that starts at `started` and brings `value` at `finished`.
  TimePoint FetchAt(std::string_view key, int64_t started, int64_t finished) {
    TestFlight flight(key);
    Waiter waiter;
    EntryRef hit;
    EXPECT_EQ(cache_.JoinOrStart(&flight, &waiter, At(started), At(started), &hit),
              LookupResult::kStarted);
    return cache_.Finish(&flight, EntryFor(key, "value"), At(finished), At(finished)).deadline;
  }

  Cache cache_{{.capacity = 100, .expire = kExpire, .coherent = true}};
};

TEST(UntrustedCacheTest, StoresAndServesNothingBeforeTheFirstEpoch) {
  Cache cache({.capacity = 10, .expire = Duration(0), .coherent = true});
  Put(&cache, "a", "1", At(1));
  EXPECT_FALSE(cache.Trusted(At(1)));
  EXPECT_EQ(cache.stats().entries, 0u);
  cache.BeginEpoch(kNever);
  EXPECT_FALSE(Get(&cache, "a", At(2)));
}

TEST_F(CoherentCacheTest, HitsUpToTheEndOfTheLeaseAndNotBeyond) {
  Put(&cache_, "a", "1", At(1));
  EXPECT_TRUE(Hits("a", 1000));
  EXPECT_FALSE(Hits("a", 1001));
  cache_.RenewLease(At(1500));
  EXPECT_TRUE(Hits("a", 1500));
  EXPECT_FALSE(Hits("a", 1501));
}

TEST_F(CoherentCacheTest, StoresNothingThatAFlightBringsWhichBeganWithoutALease) {
  FetchAt("a", 1001, 1002);
  cache_.RenewLease(At(2000));
  EXPECT_FALSE(Hits("a", 1003));
}

TEST_F(CoherentCacheTest, AnInvalidationTakesOutTheEntryAndNoOther) {
  Put(&cache_, "a", "1", At(1));
  Put(&cache_, "b", "1", At(2));
  cache_.Invalidate(HashOf("a"), "a");
  EXPECT_FALSE(Hits("a", 3));
  EXPECT_TRUE(Hits("b", 3));
  EXPECT_EQ(cache_.stats().entries, 1u);
}

TEST_F(CoherentCacheTest,
       AnInvalidationDuringAFetchKeepsItsValueOutAndLetsTheNextMissStartAnother) {
  TestFlight first("a");
  TestFlight second("a");
  Waiter early;
  Waiter late;
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&first, &early, At(1), At(1), &hit), LookupResult::kStarted);
  EXPECT_TRUE(cache_.IsCurrent(&first, At(1)));
  cache_.Invalidate(HashOf("a"), "a");
  EXPECT_FALSE(cache_.IsCurrent(&first, At(1)));
  EXPECT_EQ(cache_.JoinOrStart(&second, &late, At(2), At(2), &hit), LookupResult::kStarted);
  EXPECT_EQ(cache_.Finish(&first, EntryFor("a", "old"), At(3), At(3)).waiters.front(), &early);
  EXPECT_FALSE(Hits("a", 3));
  EXPECT_TRUE(cache_.IsCurrent(&second, At(3)));
  EXPECT_EQ(cache_.Finish(&second, EntryFor("a", "new"), At(4), At(4)).waiters.front(), &late);
  EXPECT_EQ(Get(&cache_, "a", At(5))->value(), "new");
}

// Its answer may be newer: Redis may have carried out its GET last.
TEST_F(CoherentCacheTest, TheAnswerOfADetachedFlightTakesOutWhatTheNextOneStored) {
  TestFlight first("a");
  Waiter waiter;
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&first, &waiter, At(1), At(1), &hit), LookupResult::kStarted);
  cache_.Invalidate(HashOf("a"), "a");
  FetchAt("a", 2, 3);
  EXPECT_EQ(cache_.Finish(&first, {}, At(4), At(1)).waiters.front(), &waiter);
  EXPECT_FALSE(Hits("a", 5));
}

TEST_F(CoherentCacheTest, ADetachedFlightThatFailsTakesOutNothing) {
  TestFlight first("a");
  Waiter waiter;
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&first, &waiter, At(1), At(1), &hit), LookupResult::kStarted);
  cache_.Invalidate(HashOf("a"), "a");
  FetchAt("a", 2, 3);
  EXPECT_EQ(cache_.Finish(&first, {}, At(4)).waiters.front(), &waiter);
  EXPECT_TRUE(Hits("a", 5));
}

// Whoever joins the second flight after the first has answered must not get an older value.
TEST_F(CoherentCacheTest, AfterTheAnswerOfADetachedFlightTheNextOneNeedsALaterGet) {
  TestFlight first("a");
  TestFlight second("a");
  Waiter waiters[2];
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&first, &waiters[0], At(1), At(1), &hit), LookupResult::kStarted);
  cache_.Invalidate(HashOf("a"), "a");
  ASSERT_EQ(cache_.JoinOrStart(&second, &waiters[1], At(2), At(2), &hit), LookupResult::kStarted);
  EXPECT_FALSE(cache_.Finish(&first, {}, At(10), At(1)).is_too_old);
  cache_.Invalidate(HashOf("a"), "a");  // detached or not
  const Cache::Finished early = cache_.Finish(&second, EntryFor("a", "old"), At(11), At(9));
  EXPECT_TRUE(early.is_too_old);
  EXPECT_TRUE(early.waiters.empty()) << "it goes on";
  EXPECT_EQ(cache_.stats().entries, 0u);
  const Cache::Finished late = cache_.Finish(&second, EntryFor("a", "new"), At(13), At(10));
  EXPECT_FALSE(late.is_too_old);
  EXPECT_EQ(late.waiters.front(), &waiters[1]);
}

TEST_F(CoherentCacheTest, AFlushDuringAFetchKeepsItsValueOut) {
  TestFlight flight("a");
  Waiter waiter;
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&flight, &waiter, At(1), At(1), &hit), LookupResult::kStarted);
  cache_.Flush();
  static_cast<void>(cache_.Finish(&flight, EntryFor("a", "old"), At(2), At(2)));
  EXPECT_FALSE(Hits("a", 3));
}

TEST_F(CoherentCacheTest, WhoAsksAfterAFlushOrALossDoesNotJoinAFetchFromBefore) {
  TestFlight first("a");
  TestFlight second("a");
  TestFlight third("a");
  Waiter waiters[3];
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&first, &waiters[0], At(1), At(1), &hit), LookupResult::kStarted);
  cache_.Flush();
  EXPECT_EQ(cache_.JoinOrStart(&second, &waiters[1], At(2), At(2), &hit), LookupResult::kStarted);
  cache_.EndEpoch(At(3));
  cache_.BeginEpoch(At(1000));
  EXPECT_EQ(cache_.JoinOrStart(&third, &waiters[2], At(4), At(4), &hit), LookupResult::kStarted);
  EXPECT_EQ(cache_.Finish(&first, EntryFor("a", "1"), At(5), At(5)).waiters.front(), &waiters[0]);
  EXPECT_EQ(cache_.Finish(&second, EntryFor("a", "2"), At(6), At(6)).waiters.front(), &waiters[1]);
  EXPECT_FALSE(Hits("a", 7));
  EXPECT_EQ(cache_.Finish(&third, EntryFor("a", "3"), At(8), At(8)).waiters.front(), &waiters[2]);
  EXPECT_EQ(Get(&cache_, "a", At(9))->value(), "3");
}

TEST_F(CoherentCacheTest, AWaiterThatLeavesIsNotAnsweredAndTheOthersAre) {
  TestFlight flight("a");
  TestFlight candidate("a");
  Waiter waiters[3];
  EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&flight, &waiters[0], At(1), At(1), &hit), LookupResult::kStarted);
  ASSERT_EQ(cache_.JoinOrStart(&candidate, &waiters[1], At(1), At(1), &hit), LookupResult::kJoined);
  ASSERT_EQ(cache_.JoinOrStart(&candidate, &waiters[2], At(1), At(1), &hit), LookupResult::kJoined);
  EXPECT_TRUE(cache_.Leave(HashOf("a"), &waiters[1]));
  EXPECT_FALSE(cache_.Leave(HashOf("a"), &waiters[1]));
  WaiterList rest = cache_.Finish(&flight, EntryFor("a", "1"), At(2), At(2)).waiters;
  ASSERT_EQ(rest.PopFront(), &waiters[2]);
  EXPECT_EQ(rest.PopFront(), &waiters[0]);
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(cache_.Leave(HashOf("a"), &waiters[0])) << "its answer is on the way";
}

TEST_F(CoherentCacheTest, AFlushEndsEveryEntryAtOnceAndTheSweepFreesThem) {
  for (int i = 0; i < 50; ++i) Put(&cache_, "k" + std::to_string(i), "v", At(1 + i));
  cache_.Flush();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(Hits("k" + std::to_string(i), 60));
  Put(&cache_, "new", "v", At(61));
  static_cast<void>(cache_.Sweep(At(62), 1 << 20));
  EXPECT_EQ(cache_.stats().entries, 1u);
  EXPECT_TRUE(Hits("new", 63));
}

TEST_F(CoherentCacheTest, ASweepWhoseBudgetEndsWhilePurgingComesAgain) {
  Cache cache({.capacity = 100'000, .expire = Duration(0), .coherent = true});
  cache.BeginEpoch(kNever);
  for (int i = 0; i < 2000; ++i) Put(&cache, "k" + std::to_string(i), "v", At(1 + i));
  cache.Flush();
  EXPECT_EQ(cache.Sweep(At(5000), 1), At(5000));
  EXPECT_GT(cache.stats().entries, 0u);
  while (cache.Sweep(At(5000), 1) != kNever) {
  }
  EXPECT_EQ(cache.stats().entries, 0u);
}

// Entries that were made together lie together: their memory can go back only if they go together.
TEST_F(CoherentCacheTest, TheSweepAfterAFlushFreesTheOldestOfAllStripesFirst) {
  constexpr size_t kKeys = 6400;
  Cache cache({.capacity = kKeys, .expire = Duration(0), .coherent = true});
  cache.BeginEpoch(kNever);
  std::vector<EntryRef> entries;
  for (size_t i = 0; i < kKeys; ++i) {
    Put(&cache, std::to_string(i), "v", At(static_cast<int64_t>(i)));
    entries.push_back(Get(&cache, std::to_string(i), At(static_cast<int64_t>(i))));
  }
  cache.Flush();
  EXPECT_EQ(cache.Sweep(At(kKeys), kKeys / 2), At(kKeys));
  const auto freed = std::count_if(entries.begin(), entries.begin() + kKeys / 4,
                                   [](const EntryRef& entry) { return entry->references == 1; });
  EXPECT_GE(freed, kKeys / 4 * 95 / 100);
}

TEST_F(CoherentCacheTest, LosingTheReportsEndsHitsAndAnewEpochBringsNoneBack) {
  Put(&cache_, "a", "1", At(1));
  cache_.EndEpoch(At(2));
  EXPECT_FALSE(Hits("a", 2));
  cache_.BeginEpoch(At(1000));
  EXPECT_FALSE(Hits("a", 3));
  FetchAt("a", 4, 5);
  EXPECT_TRUE(Hits("a", 6));
}

TEST_F(CoherentCacheTest, AnEntryLeftOverAtCapacityMakesRoomForItsOwnKey) {
  Cache cache({.capacity = 2, .expire = Duration(0), .coherent = true});
  cache.BeginEpoch(kNever);
  Put(&cache, "a", "1", At(1));
  cache.EndEpoch(At(2));
  cache.BeginEpoch(kNever);
  Put(&cache, "b", "1", At(3));
  TestFlight flight("a");
  Waiter waiter;
  EntryRef hit;
  ASSERT_EQ(cache.JoinOrStart(&flight, &waiter, At(4), At(4), &hit), LookupResult::kStarted);
  static_cast<void>(cache.Finish(&flight, EntryFor("a", "2"), At(5), At(5)));
  EXPECT_TRUE(Get(&cache, "b", At(6)));
  EXPECT_EQ(Get(&cache, "a", At(7))->value(), "2");
}

class StaleTest : public testing::Test {
 protected:
  bool MayServe(Cache* cache, std::string_view key, int64_t now) {
    return static_cast<bool>(cache->GetStale(HashOf(key), key, At(now)));
  }

  Cache by_time_{{.capacity = 100, .expire = kExpire, .stale = kStale}};
  Cache coherent_{{.capacity = 100, .expire = kExpire, .stale = kStale, .coherent = true}};
};

TEST_F(StaleTest, KeepsAnEntrySoLongBeyondNonUseAndNoLonger) {
  Put(&by_time_, "a", "1", At(0));
  EXPECT_TRUE(Get(&by_time_, "a", At(0)));
  EXPECT_FALSE(Get(&by_time_, "a", At(1000)));
  EXPECT_TRUE(MayServe(&by_time_, "a", 1000));
  static_cast<void>(by_time_.Sweep(At(1499), 1 << 20));
  EXPECT_TRUE(MayServe(&by_time_, "a", 1499));
  EXPECT_FALSE(MayServe(&by_time_, "a", 1500));
}

TEST_F(StaleTest, KeepsNothingWhereItIsOff) {
  Cache off({.capacity = 100, .expire = kExpire});
  Put(&off, "a", "1", At(0));
  EXPECT_FALSE(MayServe(&off, "a", 1));
}

TEST_F(StaleTest, IsNoUseAndProlongsNothing) {
  Put(&by_time_, "a", "1", At(0));
  EXPECT_TRUE(MayServe(&by_time_, "a", 1400));
  EXPECT_FALSE(Get(&by_time_, "a", At(1401)));
  EXPECT_FALSE(MayServe(&by_time_, "a", 1500));
}

TEST_F(StaleTest, NeverGoesBeyondTheKeysOwnEnd) {
  Put(&by_time_, "a", "1", At(0), At(1200));
  EXPECT_TRUE(MayServe(&by_time_, "a", 1199));
  EXPECT_FALSE(MayServe(&by_time_, "a", 1200));
}

TEST_F(StaleTest, EndsWhenRedisAnswersThatTheKeyIsGone) {
  Put(&by_time_, "a", "1", At(0));
  TestFlight flight("a");
  Waiter waiter;
  EntryRef hit;
  ASSERT_EQ(by_time_.JoinOrStart(&flight, &waiter, At(1001), At(1001), &hit),
            LookupResult::kStarted);
  static_cast<void>(by_time_.Finish(&flight, {}, At(1002), At(1002)));
  EXPECT_FALSE(MayServe(&by_time_, "a", 1003));
  EXPECT_EQ(by_time_.stats().entries, 0u);
}

TEST_F(StaleTest, ServesWhatALossEndedForSoLongAfterTheLoss) {
  coherent_.BeginEpoch(At(900));
  Put(&coherent_, "a", "1", At(0));
  coherent_.EndEpoch(At(300));
  EXPECT_FALSE(Get(&coherent_, "a", At(301)));
  EXPECT_TRUE(MayServe(&coherent_, "a", 799));
  EXPECT_FALSE(MayServe(&coherent_, "a", 800));
}

TEST_F(StaleTest, ServesFromTheEndOfALeaseOnBeforeTheLossIsKnown) {
  coherent_.BeginEpoch(At(300));
  Put(&coherent_, "a", "1", At(0));
  EXPECT_TRUE(MayServe(&coherent_, "a", 301));
  EXPECT_TRUE(MayServe(&coherent_, "a", 799));
  EXPECT_FALSE(MayServe(&coherent_, "a", 800));
}

TEST_F(StaleTest, NeverServesWhatWasInvalidatedOrFlushed) {
  coherent_.BeginEpoch(At(900));
  Put(&coherent_, "a", "1", At(0));
  Put(&coherent_, "b", "1", At(1));
  coherent_.Invalidate(HashOf("a"), "a");
  coherent_.EndEpoch(At(300));
  EXPECT_FALSE(MayServe(&coherent_, "a", 301));
  EXPECT_TRUE(MayServe(&coherent_, "b", 301));
  coherent_.BeginEpoch(At(900));
  Put(&coherent_, "c", "1", At(302));
  coherent_.Flush();
  coherent_.EndEpoch(At(303));
  EXPECT_FALSE(MayServe(&coherent_, "c", 304));
}

TEST_F(StaleTest, NeverServesWhatIsOlderThanTheLastEpochThatBegan) {
  coherent_.BeginEpoch(At(900));
  Put(&coherent_, "a", "1", At(0));
  coherent_.EndEpoch(At(100));
  coherent_.BeginEpoch(At(900));
  coherent_.EndEpoch(At(200));
  EXPECT_FALSE(MayServe(&coherent_, "a", 201));
}

}  // namespace
}  // namespace rp::cache
