#include "resp_front/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace rp::resp_front {
namespace {

TEST(GlobTest, WordsMatchThemselvesInEitherCase) {
  EXPECT_TRUE(MatchesGlobIgnoringCase("save", "save"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("SaVe", "sAvE"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("", ""));
  EXPECT_FALSE(MatchesGlobIgnoringCase("", "a"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("a", ""));
  EXPECT_FALSE(MatchesGlobIgnoringCase("save", "saves"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("saves", "save"));
}

TEST(GlobTest, AStarMatchesAnyNumberOfBytes) {
  EXPECT_TRUE(MatchesGlobIgnoringCase("*", ""));
  EXPECT_TRUE(MatchesGlobIgnoringCase("*", "abc"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("max*", "max"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("max*", "maxclients"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("max*", "ma"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("*ab", "aab"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("*ab*ab", "abab"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("**a**", "a"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("*ab*ab", "aab"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("*a", "ab"));
}

TEST(GlobTest, AQuestionMarkMatchesOneByte) {
  EXPECT_TRUE(MatchesGlobIgnoringCase("s?ve", "save"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("s?ve", "sve"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("?", ""));
}

TEST(GlobTest, AClassMatchesOneByteOfIt) {
  EXPECT_TRUE(MatchesGlobIgnoringCase("[rs]ave", "save"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("[a-z]ave", "save"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("[Z-A]ave", "save"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("[a-r]ave", "save"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("[^a-r]ave", "save"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("[^s]ave", "save"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("[\\]]x", "]x"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("[]x", "x"));
}

// In Redis, too, the end of the pattern closes a class.
TEST(GlobTest, AnOpenClassEndsWithThePattern) {
  EXPECT_TRUE(MatchesGlobIgnoringCase("sav[e", "save"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("sav[", "save"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("[", ""));
}

TEST(GlobTest, ABackslashTakesAwayTheMeaning) {
  EXPECT_TRUE(MatchesGlobIgnoringCase("\\*", "*"));
  EXPECT_FALSE(MatchesGlobIgnoringCase("\\*", "a"));
  EXPECT_TRUE(MatchesGlobIgnoringCase("a\\", "a\\"));
}

TEST(GlobTest, NoPatternTakesLong) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesGlobIgnoringCase(pattern + "*b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace rp::resp_front
