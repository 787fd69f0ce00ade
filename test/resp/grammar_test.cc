#include "resp/grammar.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace rp::resp {
namespace {

TEST(GrammarTest, TakesCanonicalIntegers) {
  for (const int64_t number :
       {int64_t{0}, int64_t{1}, int64_t{9}, int64_t{10}, int64_t{-1}, int64_t{-10},
        std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    int64_t parsed = 42;
    EXPECT_TRUE(ParseCanonicalInteger(std::to_string(number), &parsed));
    EXPECT_EQ(parsed, number);
  }
}

TEST(GrammarTest, TakesNoOtherSpellingAndKeepsTheNumber) {
  for (const char* text : {"", "-", "+1", "01", "00", "-0", "-01", " 1", "1 ", "1a", "a", "0x1",
                           "1.0", "1e3", "--1", "9223372036854775808", "-9223372036854775809"}) {
    int64_t parsed = 42;
    EXPECT_FALSE(ParseCanonicalInteger(text, &parsed)) << text;
    EXPECT_EQ(parsed, 42) << text;
  }
}

TEST(GrammarTest, IgnoresTheCaseOfAsciiLettersOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("GeT", "get"));
  EXPECT_FALSE(EqualsIgnoreCase("GeT", "gets"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_FALSE(EqualsIgnoreCase("[", "{"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc9", "\xe9"));
}

}  // namespace
}  // namespace rp::resp
