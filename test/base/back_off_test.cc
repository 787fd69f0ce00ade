#include "base/back_off.h"

#include <gtest/gtest.h>

namespace rp {
namespace {

using std::chrono::milliseconds;

TEST(BackOffTest, TheLimitDoublesWithEachFailureUpToTheLongest) {
  const int expected_ms[] = {20, 40, 80, 160, 320, 500, 500};
  for (unsigned failures = 1; failures <= 7; ++failures) {
    EXPECT_EQ(BackOff::Limit(milliseconds(20), milliseconds(500), failures),
              milliseconds(expected_ms[failures - 1]))
        << failures;
  }
  EXPECT_EQ(BackOff::Limit(milliseconds(20), milliseconds(500), ~0U), milliseconds(500));
}

TEST(BackOffTest, DrawsFromAllOfTheUpperHalfOfTheLimit) {
  BackOff back_off(milliseconds(20), milliseconds(500), 42);
  Duration shortest = Duration::max();
  Duration longest{};
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = back_off.Draw(3);
    shortest = std::min(shortest, wait);
    longest = std::max(longest, wait);
  }
  EXPECT_GE(shortest, milliseconds(40));
  EXPECT_LT(shortest, milliseconds(42));
  EXPECT_GT(longest, milliseconds(78));
  EXPECT_LE(longest, milliseconds(80));
}

TEST(BackOffTest, TwoSeedsDoNotWaitInStep) {
  BackOff one(milliseconds(20), milliseconds(500), 1);
  BackOff two(milliseconds(20), milliseconds(500), 2);
  EXPECT_NE(one.Draw(6), two.Draw(6));
}

}  // namespace
}  // namespace rp
