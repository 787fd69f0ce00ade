#include "cache/entry.h"

#include <gtest/gtest.h>

#include <string>

#include "base/memory.h"

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

TEST(EntryTest, ChargesKeyAndValueAlikeAndAtMost125BytesMore) {
  for (const uint64_t bytes : {0U, 1U, 20U, 100U, 120U, 5000U, 100'000U}) {
    EXPECT_GE(ChargeBytes(0, bytes), bytes + sizeof(Entry) - sizeof(Entry::bytes));
    EXPECT_LE(ChargeBytes(0, bytes), bytes + 125) << bytes;
    EXPECT_EQ(ChargeBytes(bytes, 0), ChargeBytes(0, bytes));
  }
  EXPECT_EQ(ChargeBytes(20, 100), ChargeBytes(0, 120));
  // A large block is whole pages.
  EXPECT_EQ(ChargeBytes(0, 1 << 20), ChargeBytes(0, 0) - BlockBytes(60) + (1 << 20) + 4096);
}

TEST(EntryTest, AllChargedBytesCountsAnEntryAsLongAsAnybodyHasIt) {
  const uint64_t before = AllChargedBytes();
  EntryRef entry = MakeEntry(0, "key", "value", At({}), kNever);
  EXPECT_EQ(AllChargedBytes(), before + ChargeBytes(3, 5));
  EntryRef other = entry;
  entry = {};
  EXPECT_EQ(AllChargedBytes(), before + ChargeBytes(3, 5));
  other = {};
  EXPECT_EQ(AllChargedBytes(), before);
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
