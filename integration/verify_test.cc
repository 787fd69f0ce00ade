// -verify: a change that Redis does not report is found, counted, logged and healed, and no client
// notices the check.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"
#include "integration/harness/tracking_redis.h"

namespace rp::integration {
namespace {

// Redis reports no SWAPDB.
void ChangeWithoutReport(RedisServer* redis) {
  ASSERT_EQ(redis->Command({"SWAPDB", "0", "1"}), "OK");
}

std::string ProxyFact(int resp_port, const std::string& name) {
  RespClient client(resp_port);
  const std::string info = client.Exchange("INFO proxy\r\n");
  const size_t at = info.find(name + ":");
  return at == std::string::npos ? "" : info.substr(at, info.find('\r', at) - at);
}

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(redis_.Command({"SELECT", "1"}), "OK");
    redis_.Set("k", "new");
    ASSERT_EQ(redis_.Command({"SELECT", "0"}), "OK");
    redis_.Set("k", "old");
  }

  RedisServer redis_;
};

TEST_F(VerifyTest, FindsCountsLogsAndHealsAChangeThatRedisHides) {
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-coherent", "-max-stale",
               "200ms", "-expire", "0", "-verify", "10"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ChangeWithoutReport(&redis_);
  ASSERT_TRUE(Eventually([&] {
    const HttpResponse response = client.Get("k");
    if (response.body == "old") {
      EXPECT_EQ(response.Header("cache-status"), "redis-proxy; hit");
    }
    return response.body == "new";
  }));
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-verify: the key whose FNV-1a hash is "), 1U)
      << proxy.Log();
  EXPECT_EQ(ProxyFact(RespPort(proxy), "proxy_verify_violations"), "proxy_verify_violations:1");
  EXPECT_NE(ProxyFact(RespPort(proxy), "proxy_verified_hits"), "proxy_verified_hits:0");
}

TEST_F(VerifyTest, IsOffByDefault) {
  Proxy proxy({"-redis", redis_.address(), "-coherent", "-max-stale", "50ms", "-expire", "0"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  const int64_t before = redis_.GetCount();
  ChangeWithoutReport(&redis_);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(client.Get("k").IsHit());
  EXPECT_EQ(redis_.GetCount(), before);
}

TEST_F(VerifyTest, AsksRedisForOneHitInSoMany) {
  Proxy proxy({"-redis", redis_.address(), "-coherent", "-expire", "0", "-verify", "100"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  const int64_t before = redis_.GetCount();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(client.Get("k").IsHit());
  EXPECT_TRUE(Eventually([&] { return redis_.GetCount() >= before + 9; }));
  EXPECT_LE(redis_.GetCount(), before + 11) << "the hits that came before count too";
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-verify:"), 0U);
}

TEST(VerifyLimitTest, TheFetchesKeepTheLimitOfOperationsAndHitsDoNotWaitForThem) {
  TrackingRedis redis;
  const auto hold = [&](const std::string& value) {
    redis.Reply("GET", {.bytes = redis::FakeRedis::Bulk(value), .delay = 20ms});
  };
  hold("old");
  Proxy proxy({"-redis", redis.server().address(), "-coherent", "-expire", "0", "-verify", "1",
               "-redis-ops-limit", "1"});
  HttpClient client(proxy.port());
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (const std::string& key : keys) ASSERT_TRUE(BecomesHit(&client, key, "old"));
  const size_t before = redis.server().Count("GET");
  int hits = 0;
  ASSERT_TRUE(Eventually([&] {
    const HttpResponse response = client.Get(keys[static_cast<size_t>(hits) % keys.size()]);
    EXPECT_TRUE(response.IsHit()) << response.Header("cache-status");
    ++hits;
    return redis.server().Count("GET") >= before + 20;
  }));
  EXPECT_GT(hits, 40) << "more than Redis can have answered meanwhile";
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-verify:"), 0U);

  hold("new");  // without a report
  for (const std::string& key : keys) {
    ASSERT_TRUE(Eventually([&] { return client.Get(key).body == "new"; }));
  }
  EXPECT_GE(CountOccurrences(proxy.Log(), "-verify: the key whose FNV-1a hash is "), 1U);
  EXPECT_EQ(redis.server().unanswered_gets_max(), 1);
}

TEST(VerifyFlagTest, IsRefusedWithoutCoherent) {
  const RunResult result = RunProxy({"-http", "127.0.0.1:0", "-verify", "100"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.standard_error.find("-verify: requires -coherent"), std::string::npos)
      << result.standard_error;
}

}  // namespace
}  // namespace rp::integration
