#include "http/target.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "test/support/guard_page.h"

namespace rp::http {
namespace {

using std::string_literals::operator""s;

// The key, or what DecodeKey says instead.
std::string KeyOf(std::string_view target) {
  GuardPage page(target.size() + 1);
  std::string key = "before ";
  switch (DecodeKey(page.Hold(target), &key)) {
    case KeyStatus::kOk:
      EXPECT_TRUE(key.starts_with("before "));
      return key.substr(7);
    case KeyStatus::kBadEscape:
      EXPECT_EQ(key, "before ");
      return "(bad escape)";
  }
  return "(no status)";
}

TEST(DecodeKeyTest, TakesThePathBehindItsFirstSlash) {
  EXPECT_EQ(KeyOf("/key"), "key");
  EXPECT_EQ(KeyOf("/a/b//c/"), "a/b//c/");
  EXPECT_EQ(KeyOf("//"), "/");
  EXPECT_EQ(KeyOf("/./../a"), "./../a");
}

TEST(DecodeKeyTest, StopsAtTheQuery) {
  EXPECT_EQ(KeyOf("/key?"), "key");
  EXPECT_EQ(KeyOf("/key?a=%zz&b?c"), "key");
  EXPECT_EQ(KeyOf("/a%3Fb?c"), "a?b");
}

TEST(DecodeKeyTest, TakesTheRootForTheKeyOfZeroBytes) {
  EXPECT_EQ(KeyOf("/"), "");
  EXPECT_EQ(KeyOf("/?"), "");
  EXPECT_EQ(KeyOf("/?key"), "");
}

TEST(DecodeKeyTest, DecodesOnce) {
  EXPECT_EQ(KeyOf("/%41%6a%6A"), "Ajj");
  EXPECT_EQ(KeyOf("/%2541"), "%41");
  EXPECT_EQ(KeyOf("/a%2Fb%00c%0d%0A%20d%23"), "a/b\0c\r\n d#"s);
  EXPECT_EQ(KeyOf("/%c3%A4%ff"), "\xc3\xa4\xff");
}

TEST(DecodeKeyTest, LeavesAPlusAlone) { EXPECT_EQ(KeyOf("/a+b%2B"), "a+b+"); }

TEST(DecodeKeyTest, DecodesEveryOctet) {
  constexpr std::string_view kLower = "0123456789abcdef";
  constexpr std::string_view kUpper = "0123456789ABCDEF";
  for (unsigned octet = 0; octet < 256; ++octet) {
    const std::string expected(1, static_cast<char>(octet));
    EXPECT_EQ(KeyOf({"/%"s + kLower[octet / 16] + kLower[octet % 16]}), expected);
    EXPECT_EQ(KeyOf({"/%"s + kUpper[octet / 16] + kUpper[octet % 16]}), expected);
  }
}

TEST(DecodeKeyTest, RefusesBadEscapes) {
  for (const char* target : {"/%", "/%4", "/a%", "/a%4", "/%g0", "/%0g", "/%%41", "/% 1", "/%-1",
                             "/%4?1", "/%41%4", "/%u0041", "/%:0", "/%@0", "/%`0"}) {
    EXPECT_EQ(KeyOf(target), "(bad escape)") << target;
  }
}

TEST(DecodeKeyTest, ReusesTheRoomOfTheString) {
  std::string key;
  key.reserve(100);
  const char* room = key.data();
  ASSERT_EQ(DecodeKey("/" + std::string(50, 'a'), &key), KeyStatus::kOk);
  key.clear();
  ASSERT_EQ(DecodeKey("/%41" + std::string(60, 'b'), &key), KeyStatus::kOk);
  EXPECT_EQ(key.data(), room);
}

}  // namespace
}  // namespace rp::http
