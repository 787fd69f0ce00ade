#include "cache/entry.h"

#include <gtest/gtest.h>

#include <string>

namespace rp::cache {
namespace {

TimePoint At(Duration since_start) { return TimePoint(since_start); }

TEST(EntryTest, KeepsAnyBytesOfKeyAndValue) {
  const std::string key("k\0\r\n\xff", 5);
  const std::string value("\0value\0", 7);
  const EntryRef entry = MakeEntry(0x123456789abcdef0, key, value, At({}), kNever);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), value);
  EXPECT_EQ(entry->tag, 0x9abcdef0u);
  EXPECT_EQ(entry->heap_index, kNotInHeap);
}

TEST(EntryTest, TakesAnEmptyKeyAndAnEmptyValue) {
  const EntryRef entry = MakeEntry(0, "", std::string_view(), At({}), kNever);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->key(), "");
  EXPECT_EQ(entry->value(), "");
}

TEST(EntryTest, CopiesTheBytes) {
  std::string key = "key";
  std::string value = "value";
  const EntryRef entry = MakeEntry(0, key, value, At({}), kNever);
  key = "xxx";
  value = "xxxxx";
  EXPECT_EQ(entry->key(), "key");
  EXPECT_EQ(entry->value(), "value");
}

TEST(EntryTest, CountsItsAgeInWholeSecondsAndNeverBelowZero) {
  const EntryRef entry = MakeEntry(0, "k", "v", At(std::chrono::seconds(100)), kNever);
  EXPECT_EQ(entry->AgeSeconds(At(std::chrono::seconds(100))), 0);
  EXPECT_EQ(entry->AgeSeconds(At(std::chrono::seconds(101)) - Duration(1)), 0);
  EXPECT_EQ(entry->AgeSeconds(At(std::chrono::seconds(101))), 1);
  EXPECT_EQ(entry->AgeSeconds(At(std::chrono::seconds(99))), 0) << "an older clock reading";
}

TEST(EntryTest, NeverCountsASecondThatHasNotPassed) {
  for (const int64_t fraction_ns : {1, 400'000'000, 999'999'999}) {
    const TimePoint fetched_at = At(std::chrono::seconds(100)) + Duration(fraction_ns);
    const EntryRef entry = MakeEntry(0, "k", "v", fetched_at, kNever);
    EXPECT_EQ(entry->AgeSeconds(fetched_at + std::chrono::seconds(1) - Duration(1)), 0);
    EXPECT_EQ(entry->AgeSeconds(fetched_at + std::chrono::milliseconds(1063)), 1);
  }
}

TEST(EntryTest, ChargesMoreThanKeyAndValueByTheSameAmount) {
  const uint64_t overhead_bytes = ChargeBytes(0, 0);
  EXPECT_GE(overhead_bytes, sizeof(Entry) - sizeof(Entry::bytes));
  EXPECT_LE(overhead_bytes, 120u);
  EXPECT_EQ(ChargeBytes(20, 100), overhead_bytes + 120);
  EXPECT_EQ(ChargeBytes(1, uint64_t{1} << 33), overhead_bytes + 1 + (uint64_t{1} << 33));
}

TEST(EntryRefTest, CountsCopiesAndMovesNothing) {
  EntryRef first = MakeEntry(0, "k", "v", At({}), kNever);
  Entry* const entry = first.get();
  EXPECT_EQ(entry->references, 1u);
  {
    const EntryRef copy = first;
    EXPECT_EQ(entry->references, 2u);
    const EntryRef shared = EntryRef::Share(entry);
    EXPECT_EQ(entry->references, 3u);
  }
  EXPECT_EQ(entry->references, 1u);
  EntryRef moved = std::move(first);
  EXPECT_EQ(entry->references, 1u);
  EXPECT_EQ(moved.get(), entry);
  EntryRef assigned;
  EXPECT_FALSE(assigned);
  assigned = moved;
  EXPECT_EQ(entry->references, 2u);
  assigned = {};
  EXPECT_EQ(entry->references, 1u);
}

// Under AddressSanitizer a second free or a leak fails this test.
TEST(EntryRefTest, ReleaseAndAdoptHandOneReferenceOn) {
  EntryRef first = MakeEntry(0, "k", "v", At({}), kNever);
  Entry* const entry = first.Release();
  EXPECT_FALSE(first);
  const EntryRef second = EntryRef::Adopt(entry);
  EXPECT_EQ(entry->references, 1u);
  EXPECT_EQ(second->value(), "v");
}

}  // namespace
}  // namespace rp::cache
