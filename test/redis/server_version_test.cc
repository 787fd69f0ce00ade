#include "redis/server_version.h"

#include <gtest/gtest.h>

namespace rp::redis {
namespace {

TEST(ServerVersionTest, IsEmptyUntilRedisHasSaid) {
  ServerVersion version;
  EXPECT_EQ(version.ToString(), "");
  version.Set("6.2.14");
  EXPECT_EQ(version.ToString(), "6.2.14");
}

TEST(ServerVersionTest, IsTheLastThatRedisHasSaid) {
  ServerVersion version;
  for (const char* text : {"7.0.15", "0.0.0", "255.255.255", "65535.65535.65535", "8.0.2"}) {
    version.Set(text);
    EXPECT_EQ(version.ToString(), text);
  }
  version.Set("");
  EXPECT_EQ(version.ToString(), "") << "this one does not say";
}

TEST(ServerVersionTest, IsThreeNumbers) {
  ServerVersion version;
  for (const char* text : {"7.2.5-rc1", "7.2.5.1"}) {
    version.Set(text);
    EXPECT_EQ(version.ToString(), "7.2.5") << text;
  }
  for (const char* text :
       {"7", "7.", "7.2", "7.2.", "x.2.5", "7.-2.5", "7.2.65536", "7. 2.5", ".7.2", "7,2,5"}) {
    version.Set("1.2.3");
    version.Set(text);
    EXPECT_EQ(version.ToString(), "") << text;
  }
}

}  // namespace
}  // namespace rp::redis
