#include "config/version.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/read_file.h"

namespace rp::config {
namespace {

TEST(VersionTest, IsTheNumberInVERSIONAndTheCommit) {
  const std::string version = Version();
  const std::string number = ReadVersion();
  EXPECT_TRUE(version == number || version.starts_with(number + "-g")) << version;
}

}  // namespace
}  // namespace rp::config
