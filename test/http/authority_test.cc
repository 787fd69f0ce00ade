#include "http/authority.h"

#include <gtest/gtest.h>

namespace rp::http {
namespace {

TEST(AuthorityTest, TakesAHostWithAndWithoutAPort) {
  for (const char* text : {"example.com", "example.com:8080", "example.com:", "a", "127.0.0.1:80",
                           "[::1]", "[::1]:443", "[v1.a:b]", "a%20b", "a_b~!$&'()*+,;="}) {
    EXPECT_TRUE(IsAuthority(text)) << text;
  }
}

TEST(AuthorityTest, RefusesWhatIsNoHostOrNoPort) {
  for (const char* text : {"",      ":80",     "user@host", "a b",    "a/b",      "a%2",   "a%2g",
                           "a:b",   "a:80:80", "::1",       "[::1",   "[::1]80",  "[]",    "[1:2]",
                           "[v.a]", "[v1.]",   "[v1]",      "[vg.a]", "[v1.a/b]", "[::1]]"}) {
    EXPECT_FALSE(IsAuthority(text)) << text;
  }
}

TEST(AuthorityTest, ConnectNeedsAPort) {
  EXPECT_TRUE(IsAuthorityWithPort("example.com:443"));
  EXPECT_TRUE(IsAuthorityWithPort("[::1]:443"));
  EXPECT_FALSE(IsAuthorityWithPort("example.com"));
  EXPECT_FALSE(IsAuthorityWithPort("example.com:"));
  EXPECT_FALSE(IsAuthorityWithPort("10.0.0.1"));
  EXPECT_FALSE(IsAuthorityWithPort("[::1]"));
  EXPECT_FALSE(IsAuthorityWithPort("user@example.com:443"));
}

}  // namespace
}  // namespace rp::http
