#include "base/credentials.h"

#include <gtest/gtest.h>

namespace rp {
namespace {

Credentials ParseOk(std::string_view text) {
  const auto credentials = Credentials::Parse(text);
  EXPECT_TRUE(credentials.ok());
  return credentials.ok() ? *credentials : Credentials();
}

TEST(CredentialsTest, AreNotRequiredWhenEmpty) {
  EXPECT_FALSE(ParseOk("").required());
  EXPECT_FALSE(ParseOk("\n").required());
  EXPECT_FALSE(ParseOk("").Match("default", ""));
}

TEST(CredentialsTest, APasswordAloneIsTheDefaultUsers) {
  const Credentials credentials = ParseOk("secret,with comma\n");
  EXPECT_TRUE(credentials.required());
  EXPECT_TRUE(credentials.Match("default", "secret,with comma"));
  EXPECT_FALSE(credentials.Match("other", "secret,with comma"));
}

TEST(CredentialsTest, ListUsersWithCommasOrNewlines) {
  const Credentials credentials = ParseOk("a:1,b:2:3\nc:4,");
  EXPECT_TRUE(credentials.Match("a", "1"));
  EXPECT_TRUE(credentials.Match("b", "2:3"));
  EXPECT_TRUE(credentials.Match("c", "4"));
  EXPECT_FALSE(credentials.Match("a", "4"));
}

TEST(CredentialsTest, MatchOnlyWhole) {
  const Credentials credentials = ParseOk("user:abab");
  for (const char* wrong : {"", "ab", "aba", "ababa", "abababab", "abax"}) {
    EXPECT_FALSE(credentials.Match("user", wrong)) << wrong;
  }
  EXPECT_FALSE(credentials.Match("", "abab"));
  EXPECT_FALSE(credentials.Match("use", "abab"));
}

TEST(CredentialsTest, RefuseAPairThatLacksAHalfWithoutRepeatingIt) {
  for (const char* wrong : {"a:1,hunter2", ":hunter2", "hunter2:", "a:1,hunter2:"}) {
    const auto credentials = Credentials::Parse(wrong);
    ASSERT_FALSE(credentials.ok()) << wrong;
    EXPECT_EQ(credentials.error().message.find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace rp
