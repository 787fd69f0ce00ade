// The main promises once more against a Redis that this program did not start, such as the one
// beside it in docker-compose. REDIS_PROXY_TEST_REDIS=host:port names it. Every key has a prefix of
// its own, and ends by itself soon after.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

class ExternalRedisTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("REDIS_PROXY_TEST_REDIS");
    if (address == nullptr || *address == '\0') {
      GTEST_SKIP() << "REDIS_PROXY_TEST_REDIS names no Redis";
    }
    address_ = address;
    redis_ = std::make_unique<RedisClient>(address_);
    ASSERT_EQ(redis_->Command({"PING"}), "PONG") << address_;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    prefix_ =
        std::string("redis-proxy-test:") + std::to_string(getpid()) + ":" + test->name() + ":";
  }

  [[nodiscard]] std::string Key(const std::string& name) const { return prefix_ + name; }

  void Set(const std::string& name, const std::string& value) {
    ASSERT_EQ(redis_->Command({"SET", Key(name), value, "EX", "600"}), "OK");
  }

  std::string address_;
  std::string prefix_;
  std::unique_ptr<RedisClient> redis_;
};

TEST_F(ExternalRedisTest, ReadsAValueFromRedisAndThenFromTheCache) {
  Proxy proxy({"-redis", address_});
  HttpClient client(proxy.port());
  const std::string value = PatternBytes(10'000);
  Set("k", value);
  EXPECT_EQ(client.Get(Key("k")).body, value);
  const HttpResponse hit = client.Get(Key("k"));
  EXPECT_TRUE(hit.IsHit());
  EXPECT_EQ(hit.body, value);
  EXPECT_EQ(client.Get(Key("missing")).status, 404);
}

TEST_F(ExternalRedisTest, AnEntryExpiresWhenUnused) {
  Proxy proxy({"-redis", address_, "-expire", "200ms"});
  HttpClient client(proxy.port());
  Set("k", "old");
  ASSERT_EQ(client.Get(Key("k")).body, "old");
  Set("k", "new");
  std::this_thread::sleep_for(202ms);
  EXPECT_EQ(client.Get(Key("k")).body, "new");
}

TEST_F(ExternalRedisTest, NoEntryOutlivesItsKey) {
  Proxy proxy({"-redis", address_, "-expire", "0"});
  HttpClient client(proxy.port());
  ASSERT_EQ(redis_->Command({"SET", Key("k"), "v", "PX", "500"}), "OK");
  bool gone = false;
  while (!gone) {
    gone = redis_->Command({"EXISTS", Key("k")}) == "0";
    const HttpResponse response = client.Get(Key("k"));
    EXPECT_TRUE(!gone || response.status == 404) << response.status;
  }
}

TEST_F(ExternalRedisTest, TheCapacityIsExactAndTheLeastRecentlyUsedGoes) {
  Proxy proxy({"-redis", address_, "-expire", "0", "-capacity", "2"});
  HttpClient client(proxy.port());
  for (const char* name : {"a", "b", "c"}) Set(name, name);
  for (const char* name : {"a", "b", "a", "c"}) ASSERT_EQ(client.Get(Key(name)).body, name);
  EXPECT_TRUE(client.Get(Key("a")).IsHit());
  EXPECT_TRUE(client.Get(Key("c")).IsHit());
  EXPECT_TRUE(client.Get(Key("b")).IsMiss());
}

}  // namespace
}  // namespace rp::integration
