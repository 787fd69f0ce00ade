#include "server/heap_trimmer.h"

#include <gtest/gtest.h>

namespace rp::server {
namespace {

constexpr uint64_t kLeast = HeapTrimmer::kMinBytes;
constexpr uint64_t kMuch = HeapTrimmer::kMinPart * kLeast;

// What there is to free is all gained unless a test says otherwise.
class HeapTrimmerTest : public ::testing::Test {
 protected:
  int trims_ = 0;
  uint64_t gained_bytes_ = UINT64_MAX;
  HeapTrimmer trimmer_{[this] {
    ++trims_;
    return gained_bytes_;
  }};
};

TEST_F(HeapTrimmerTest, TrimsOnceTheCacheHasLostEnough) {
  trimmer_.Visit(kMuch);
  trimmer_.Visit(kMuch - kLeast + 1);
  EXPECT_EQ(trims_, 0);
  trimmer_.Visit(kMuch - kLeast);
  EXPECT_EQ(trims_, 1);
  trimmer_.Visit(kMuch - kLeast);
  EXPECT_EQ(trims_, 1) << "what was gained counts no more";
}

TEST_F(HeapTrimmerTest, ALargeCacheLosesItsPartBeforeItIsTrimmed) {
  constexpr uint64_t kBytes = 16 * kMuch;
  trimmer_.Visit(kBytes);
  // 1/16 of what is left is 1/17 of what there was.
  trimmer_.Visit(kBytes - kBytes / 17 + 1000);
  EXPECT_EQ(trims_, 0);
  trimmer_.Visit(kBytes - kBytes / 17 - 1000);
  EXPECT_EQ(trims_, 1);
}

TEST_F(HeapTrimmerTest, ACacheThatGrowsAndTurnsOverIsNotTrimmed) {
  for (uint64_t bytes = 0; bytes < kMuch; bytes += kLeast / 2) {
    trimmer_.Visit(bytes);
    trimmer_.Visit(bytes - bytes / 32);
  }
  EXPECT_EQ(trims_, 0);
}

TEST_F(HeapTrimmerTest, WhatOthersFreeCountsAsWell) {
  EXPECT_FALSE(trimmer_.OnFreed(kLeast - 1));
  trimmer_.Visit(0);
  EXPECT_EQ(trims_, 0);
  EXPECT_TRUE(trimmer_.OnFreed(1));
  trimmer_.Visit(0);
  EXPECT_EQ(trims_, 1);
  EXPECT_FALSE(trimmer_.OnFreed(1));
}

TEST_F(HeapTrimmerTest, AfterLittleGainTwiceAsMuchIsWantedUntilATrimGains) {
  trimmer_.Visit(8 * kMuch);
  gained_bytes_ = 0;
  uint64_t bytes = 7 * kMuch;
  trimmer_.Visit(bytes);
  EXPECT_EQ(trims_, 1);
  trimmer_.Visit(bytes - 2 * kMuch + 1);
  EXPECT_EQ(trims_, 1);
  gained_bytes_ = UINT64_MAX;
  bytes -= 2 * kMuch;
  trimmer_.Visit(bytes);
  EXPECT_EQ(trims_, 2);
  trimmer_.Visit(bytes - kMuch / 2);
  EXPECT_EQ(trims_, 3);
}

TEST_F(HeapTrimmerTest, WhenLittleIsLeftAnEarlierTrimThatGainedLittleDoesNotMatter) {
  trimmer_.Visit(8 * kMuch);
  gained_bytes_ = 0;
  trimmer_.Visit(2 * kMuch);
  EXPECT_EQ(trims_, 1);
  trimmer_.Visit(kMuch / 2);
  EXPECT_EQ(trims_, 1);
  trimmer_.Visit(kMuch / 4);
  EXPECT_EQ(trims_, 2);
}

}  // namespace
}  // namespace rp::server
