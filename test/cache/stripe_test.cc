#include "cache/stripe.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/cache_flight.h"

namespace rp::cache {
namespace {

// One stripe with the atomics that Cache would keep for it.
class StripeTest : public ::testing::Test {
 protected:
  StripeTest() { InitStripe({.expire = Duration(100)}); }

  void InitStripe(const StripeOptions& options) {
    stripe_.Init({&oldest_use_, &next_deadline_}, options, &freshness_);
  }

  ~StripeTest() override {
    while (stripe_.EvictTail(kNever)) {
    }
  }

  // Misses and stores the key; returns the entry's deadline. An older entry of it goes to `old`.
  TimePoint Put(std::string_view key, TimePoint now, TimePoint hard_deadline = kNever,
                EntryRef* old = nullptr, std::string_view used_meanwhile = {}) {
    TestFlight flight(key);
    Waiter waiter;
    EntryRef hit;
    EntryRef expired;
    EXPECT_EQ(stripe_.JoinOrStart(&flight, &waiter, now, now, Blocking::kYes, &hit, &expired),
              LookupResult::kStarted);
    EXPECT_TRUE(used_meanwhile.empty() || Get(used_meanwhile, now));
    EntryRef entry = EntryFor(key, key, hard_deadline);
    Stripe::Finished finished = stripe_.Finish(&flight, &entry, now, kNever);
    EXPECT_EQ(finished.waiters.front(), &waiter);
    EXPECT_FALSE(entry) << "it was stored";
    EXPECT_EQ(static_cast<bool>(finished.replaced), old != nullptr);
    if (old != nullptr) *old = std::move(finished.replaced);
    return finished.deadline;
  }

  EntryRef Get(std::string_view key, TimePoint now) {
    EntryRef expired;
    return stripe_.Get(static_cast<uint32_t>(HashOf(key)), key, now, Blocking::kYes, &expired);
  }

  // Returns the keys of entries that Sweep gave, and frees these.
  static std::vector<std::string> KeysOf(IntrusiveList<Entry> entries) {
    std::vector<std::string> keys;
    while (!entries.empty()) keys.emplace_back(EntryRef::Adopt(entries.PopFront())->key());
    return keys;
  }

  std::string EvictedBy(TimePoint stamp) {
    const EntryRef evicted = stripe_.EvictTail(stamp);
    return evicted ? std::string(evicted->key()) : "nothing";
  }

  std::atomic<TimePoint> oldest_use_ = TimePoint();
  std::atomic<TimePoint> next_deadline_ = TimePoint();
  Freshness freshness_;
  Stripe stripe_;
};

TEST_F(StripeTest, PublishesNeverWhileEmpty) {
  EXPECT_EQ(oldest_use_.load(), kNever);
  EXPECT_EQ(next_deadline_.load(), kNever);
  EXPECT_FALSE(stripe_.EvictTail(kNever));
  EXPECT_TRUE(stripe_.Sweep(kNever - Duration(1), 10).empty());
}

TEST_F(StripeTest, PublishesTheStampOfTheTailAndTheEarliestBound) {
  Put("a", At(10));
  EXPECT_EQ(oldest_use_.load(), At(10));
  EXPECT_EQ(next_deadline_.load(), At(110));
  Put("b", At(20), At(50));
  EXPECT_EQ(oldest_use_.load(), At(10));
  EXPECT_EQ(next_deadline_.load(), At(50));
  ASSERT_TRUE(Get("a", At(30)));
  EXPECT_EQ(oldest_use_.load(), At(20)) << "b is the tail now";
  ASSERT_TRUE(Get("b", At(40)));
  EXPECT_EQ(oldest_use_.load(), At(30));
  EXPECT_EQ(EvictedBy(kNever), "a");
  EXPECT_EQ(oldest_use_.load(), At(40));
  EXPECT_EQ(EvictedBy(kNever), "b");
  EXPECT_EQ(oldest_use_.load(), kNever);
  EXPECT_EQ(next_deadline_.load(), kNever);
}

TEST_F(StripeTest, PublishesTheStampOfAnOnlyEntryAtEachUse) {
  Put("a", At(10));
  ASSERT_TRUE(Get("a", At(30)));
  EXPECT_EQ(oldest_use_.load(), At(30));
}

TEST_F(StripeTest, EvictsTheTailOnlyUpToTheStampThatWasSeen) {
  Put("a", At(10));
  EXPECT_EQ(EvictedBy(At(9)), "nothing");
  EXPECT_EQ(EvictedBy(At(10)), "a");
}

TEST_F(StripeTest, EvictsInTheOrderOfUse) {
  for (const char* key : {"a", "b", "c", "d"}) Put(key, At(10));
  ASSERT_TRUE(Get("b", At(20)));  // from the middle
  ASSERT_TRUE(Get("a", At(30)));  // from the tail
  ASSERT_TRUE(Get("a", At(40)));  // the head itself
  for (const char* key : {"c", "d", "b", "a", "nothing"}) EXPECT_EQ(EvictedBy(kNever), key);
}

// The move of a hit's entry to the head is left to whatever comes next.
TEST_F(StripeTest, AHitCountsBeforeAnyChangeThatFollowsIt) {
  const auto fill_and_hit_b = [&] {
    for (const char* key : {"a", "b", "c"}) Put(key, At(10));
    ASSERT_TRUE(Get("b", At(20)));
  };
  const auto erase = [&](std::string_view key) {
    ASSERT_TRUE(stripe_.Erase(static_cast<uint32_t>(HashOf(key)), key));
  };
  fill_and_hit_b();
  Put("d", At(30), kNever, nullptr, "c");
  for (const char* key : {"a", "b", "c", "d", "nothing"}) EXPECT_EQ(EvictedBy(kNever), key);
  fill_and_hit_b();
  erase("a");
  for (const char* key : {"c", "b", "nothing"}) EXPECT_EQ(EvictedBy(kNever), key);
  fill_and_hit_b();
  erase("b");
  ASSERT_TRUE(Get("a", At(30)));
  for (const char* key : {"c", "a", "nothing"}) EXPECT_EQ(EvictedBy(kNever), key);
  fill_and_hit_b();
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(110), 10)), (std::vector<std::string>{"c", "a"}));
  EXPECT_EQ(EvictedBy(kNever), "b");
  EXPECT_EQ(EvictedBy(kNever), "nothing");
}

TEST_F(StripeTest, KeepsTheListSortedWhenAStoreCarriesAnOlderClockReading) {
  Put("a", At(60));
  Put("b", At(50));
  EXPECT_EQ(oldest_use_.load(), At(60));
  EXPECT_EQ(EvictedBy(At(59)), "nothing");
  EXPECT_EQ(EvictedBy(At(60)), "a");
  EXPECT_EQ(oldest_use_.load(), At(60)) << "b was stored after a, whatever the clock said";
  EXPECT_EQ(EvictedBy(At(59)), "nothing");
  EXPECT_EQ(EvictedBy(At(60)), "b");
}

TEST_F(StripeTest, KeepsTheListSortedWhenAUseCarriesAnOlderClockReading) {
  Put("a", At(10));
  Put("b", At(60));
  ASSERT_TRUE(Get("a", At(30)));
  EXPECT_EQ(EvictedBy(kNever), "b");
  EXPECT_EQ(oldest_use_.load(), At(60));
}

TEST_F(StripeTest, NeverMovesTheOwnStampOfTheHeadBack) {
  Put("a", At(60));
  ASSERT_TRUE(Get("a", At(30)));
  EXPECT_EQ(oldest_use_.load(), At(60));
  EXPECT_TRUE(Get("a", At(159))) << "it lives for 100 from 60 on";
}

TEST_F(StripeTest, HandsOutWhatARreadFoundExpired) {
  Put("a", At(0));
  EntryRef expired;
  EXPECT_FALSE(
      stripe_.Get(static_cast<uint32_t>(HashOf("a")), "a", At(100), Blocking::kYes, &expired));
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->key(), "a");
  EXPECT_EQ(expired->references, 1u);
  EXPECT_EQ(expired->heap_index, kNotInHeap);
  EXPECT_EQ(oldest_use_.load(), kNever);
  EXPECT_EQ(next_deadline_.load(), kNever);
}

TEST_F(StripeTest, HandsOutAnOlderEntryOfTheKeyThatItStores) {
  // The older one is kept beyond its end, for want of anything better.
  InitStripe({.expire = Duration(100), .stale = Duration(1000)});
  EXPECT_EQ(Put("a", At(0)), At(1100));
  const Entry* const first = stripe_.GetStale(static_cast<uint32_t>(HashOf("a")), "a", At(0)).get();
  ASSERT_NE(first, nullptr);
  EntryRef old;
  EXPECT_EQ(Put("a", At(100), kNever, &old), At(1200));
  EXPECT_EQ(old.get(), first);
  EXPECT_EQ(old->references, 1u);
  const EntryRef entry = Get("a", At(199));
  ASSERT_TRUE(entry);
  EXPECT_NE(entry.get(), first);
}

TEST_F(StripeTest, SweepsUpToItsBudgetAndPublishesWhatIsLeft) {
  for (int i = 0; i < 5; ++i) Put(std::to_string(i), At(i));
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(1000), 2)).size(), 2u);
  EXPECT_EQ(next_deadline_.load(), At(102));
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(1000), 3)).size(), 3u);
  EXPECT_EQ(next_deadline_.load(), kNever);
}

TEST_F(StripeTest, SweepsWhatIsDueAndNothingElse) {
  Put("a", At(0));
  Put("b", At(1));
  EXPECT_TRUE(stripe_.Sweep(At(99), 10).empty());
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(100), 10)), std::vector<std::string>{"a"});
  EXPECT_EQ(oldest_use_.load(), At(1));
  EXPECT_EQ(next_deadline_.load(), At(101));
}

TEST_F(StripeTest, SweepPostponesWhatWasUsedInBetween) {
  Put("a", At(0));
  ASSERT_TRUE(Get("a", At(60)));
  EXPECT_EQ(next_deadline_.load(), At(100)) << "a use leaves the bound alone";
  EXPECT_TRUE(stripe_.Sweep(At(100), 10).empty());
  EXPECT_EQ(next_deadline_.load(), At(160));
  EXPECT_TRUE(stripe_.Sweep(At(159), 10).empty());
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(160), 10)), std::vector<std::string>{"a"});
}

TEST_F(StripeTest, PostponingCountsAgainstTheBudget) {
  Put("a", At(0));
  Put("b", At(1));
  ASSERT_TRUE(Get("a", At(50)));
  EXPECT_TRUE(stripe_.Sweep(At(120), 1).empty()) << "the one look was for a";
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(120), 1)), std::vector<std::string>{"b"});
}

TEST_F(StripeTest, WithoutExpireOnlyHardDeadlinesAreSwept) {
  InitStripe({});
  EXPECT_EQ(Put("a", At(0)), kNever);
  EXPECT_EQ(next_deadline_.load(), kNever);
  EXPECT_EQ(Put("b", At(0), At(5)), At(5));
  EXPECT_EQ(KeysOf(stripe_.Sweep(kNever - Duration(1), 10)), std::vector<std::string>{"b"});
  EXPECT_TRUE(Get("a", kNever - Duration(1)));
}

TEST_F(StripeTest, CountsHitsMissesEvictionsAndExpirations) {
  Put("a", At(0));
  Put("b", At(0));
  Put("c", At(0));
  ASSERT_TRUE(Get("a", At(1)));
  const uint64_t misses_before = stripe_.stats().misses;
  ASSERT_FALSE(Get("x", At(1)));
  EXPECT_EQ(stripe_.stats().misses, misses_before)
      << "a miss counts when it joins or starts a flight";
  TestFlight flight("x");
  Waiter waiter;
  EntryRef hit;
  EntryRef expired;
  EXPECT_EQ(stripe_.JoinOrStart(&flight, &waiter, At(2), At(1), Blocking::kYes, &hit, &expired),
            LookupResult::kStarted);
  EXPECT_EQ(EvictedBy(kNever), "b");
  EXPECT_FALSE(Get("c", At(100)));
  EXPECT_EQ(KeysOf(stripe_.Sweep(At(101), 10)), std::vector<std::string>{"a"});
  const StripeStats stats = stripe_.stats();
  EXPECT_EQ(stats.hits, 1u);
  EXPECT_EQ(stats.misses, misses_before + 1);
  EXPECT_EQ(stats.evictions, 1u);
  EXPECT_EQ(stats.expirations, 2u);
}

}  // namespace
}  // namespace rp::cache
