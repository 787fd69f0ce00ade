#include "config/secrets.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "test/config/parsed_options.h"

namespace rp::config {
namespace {

TEST(SecretsTest, ComeFromTheEnvironmentAlone) {
  Options options = ParseOk({});
  const auto load = [&options](const std::function<const char*(const char*)>& get_env) {
    EXPECT_TRUE(LoadSecrets(&options, get_env).ok());
  };
  load([](const char* name) -> const char* {
    return std::string_view(name) == "REDIS_USERNAME" ? "alice" : nullptr;
  });
  EXPECT_EQ(options.redis_username, "alice");
  EXPECT_EQ(options.redis_password, "");
  load([](const char* name) -> const char* {
    return std::string_view(name) == "REDIS_PASSWORD" ? "s3cret" : nullptr;
  });
  EXPECT_EQ(options.redis_username, "");
  EXPECT_EQ(options.redis_password, "s3cret");
  load([](const char* name) -> const char* {
    return std::string_view(name) == "REDIS_PROXY_AUTH" ? "a:b" : nullptr;
  });
  EXPECT_EQ(options.redis_password, "");
  EXPECT_TRUE(options.proxy_auth.Match("a", "b"));
}

TEST(SecretsTest, AreNamedAndNotShownWhenTheyAreMalformed) {
  Options options = ParseOk({});
  const auto loaded = LoadSecrets(&options, [](const char*) { return "alice:one,hunter2"; });
  ASSERT_FALSE(loaded.ok());
  EXPECT_TRUE(loaded.error().message.starts_with("REDIS_PROXY_AUTH: ")) << loaded.error().message;
  EXPECT_EQ(loaded.error().message.find("hunter2"), std::string::npos);
}

TEST(SecretsTest, HttpAuthNeedsOne) {
  Options options = ParseOk({"-http-auth"});
  const auto without = LoadSecrets(&options, [](const char*) -> const char* { return nullptr; });
  ASSERT_FALSE(without.ok());
  EXPECT_EQ(without.error().message, "-http-auth: requires REDIS_PROXY_AUTH in the environment");
  EXPECT_TRUE(LoadSecrets(&options, [](const char*) { return "secret"; }).ok());
}

}  // namespace
}  // namespace rp::config
