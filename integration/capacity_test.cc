// How much the cache holds: exactly -capacity keys, the most recently used ones; at most
// -max-memory bytes; and no value over -max-value. Misses are counted from Cache-Status.
#include <gtest/gtest.h>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "test/support/lru_model.h"

namespace rp::integration {
namespace {

TEST(CapacityTest, ACapacityOfZeroCachesNothing) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-capacity", "0"});
  redis.Set("k", "v");
  HttpClient client(proxy.port());
  for (int i = 0; i < 3; ++i) {
    const HttpResponse response = client.Get("k");
    EXPECT_EQ(response.body, "v");
    EXPECT_TRUE(response.IsMiss());
  }
  EXPECT_EQ(redis.GetCount(), 3);
}

TEST(CapacityTest, ACapacityOfOneHoldsTheLastKey) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-capacity", "1"});
  redis.Set("a", "1");
  redis.Set("b", "2");
  HttpClient client(proxy.port());
  EXPECT_TRUE(client.Get("a").IsMiss());
  EXPECT_TRUE(client.Get("a").IsHit());
  EXPECT_TRUE(client.Get("b").IsMiss());
  EXPECT_TRUE(client.Get("b").IsHit());
  EXPECT_TRUE(client.Get("a").IsMiss());
}

TEST(CapacityTest, AsManyKeysAsTheCapacityStayAndOneMoreDoesNot) {
  constexpr int kCapacity = 100;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-capacity", std::to_string(kCapacity)});
  for (int i = 0; i <= kCapacity; ++i) redis.Set("k" + std::to_string(i), "v");
  HttpClient client(proxy.port());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kCapacity; ++i) {
      EXPECT_EQ(client.Get("k" + std::to_string(i)).IsHit(), round > 0) << i;
    }
  }
  // The key too many takes the place of the least recently used one, and of no other.
  EXPECT_TRUE(client.Get("k" + std::to_string(kCapacity)).IsMiss());
  for (int i = 1; i < kCapacity; ++i) EXPECT_TRUE(client.Get("k" + std::to_string(i)).IsHit()) << i;
  EXPECT_TRUE(client.Get("k0").IsMiss());
}

TEST(CapacityTest, AMissingKeyEvictsNothing) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-capacity", "1"});
  redis.Set("a", "1");
  HttpClient client(proxy.port());
  EXPECT_EQ(client.Get("a").status, 200);
  EXPECT_EQ(client.Get("missing").status, 404);
  EXPECT_TRUE(client.Get("a").IsHit());
}

TEST(CapacityTest, MissesOfAZipfTraceAreThoseOfAnExactLru) {
  constexpr size_t kKeys = 3000;
  RedisServer redis;
  std::vector<std::vector<std::string>> commands;
  for (size_t i = 0; i < kKeys; ++i) {
    const std::string key = "key:" + std::to_string(i);
    commands.push_back({"SET", key, "value of " + key});
  }
  ASSERT_TRUE(redis.client().Pipeline(commands));
  for (const size_t capacity : {1U, 2U, 10U, 64U, 100U, 1000U}) {
    SCOPED_TRACE(capacity);
    Proxy proxy({"-redis", redis.address(), "-expire", "0", "-capacity", std::to_string(capacity)});
    HttpClient client(proxy.port());
    LruModel model(capacity);
    size_t position = 0;
    for (const std::string& key : ZipfTrace(Sanitized() ? 500 : 2500, kKeys, 7)) {
      const HttpResponse response = client.Get(key);
      ASSERT_EQ(response.body, "value of " + key);
      ASSERT_EQ(response.IsHit(), model.Use(key)) << key << " at " << position;
      ++position;
    }
  }
}

// The number of keys k0 ... that are held. Redis must be away, so that asking changes nothing.
size_t CountHeld(Proxy* proxy, size_t keys) {
  HttpClient client(proxy->port());
  size_t held = 0;
  for (size_t i = 0; i < keys; ++i) held += client.Get("k" + std::to_string(i)).IsHit() ? 1 : 0;
  return held;
}

TEST(CapacityTest, MaxMemoryBoundsKeysAndValuesTogether) {
  constexpr size_t kSize = 10'000;
  constexpr size_t kKeys = 300;
  constexpr size_t kMemory = 1024 * 1024;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0", "-max-memory", "1mb", "-timeout", "1s"});
  HttpClient client(proxy.port());
  for (size_t i = 0; i < kKeys; ++i) {
    redis.Set("k" + std::to_string(i), PatternBytes(kSize));
    ASSERT_EQ(client.Get("k" + std::to_string(i)).status, 200);
  }
  redis.Kill();
  const size_t held = CountHeld(&proxy, kKeys);
  EXPECT_LE(held * kSize, kMemory);
  EXPECT_GE(held * kSize, kMemory * 8 / 10) << "the memory allowed is used";
}

TEST(CapacityTest, MaxMemoryEvictsTheLeastRecentlyUsed) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0", "-max-memory", "100kb"});
  for (const char* key : {"a", "b", "c"}) redis.Set(key, PatternBytes(40'000));
  HttpClient client(proxy.port());
  for (const char* key : {"a", "b", "a", "c"}) ASSERT_EQ(client.Get(key).status, 200);
  EXPECT_TRUE(client.Get("a").IsHit());
  EXPECT_TRUE(client.Get("c").IsHit());
  EXPECT_TRUE(client.Get("b").IsMiss());
}

TEST(CapacityTest, AValueOverMaxValueIsServedAndNotCached) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-max-value", "1000"});
  redis.Set("n", std::string(1000, 'n'));
  redis.Set("n+1", std::string(1001, 'm'));
  HttpClient client(proxy.port());
  EXPECT_TRUE(client.Get("n").IsMiss());
  EXPECT_TRUE(client.Get("n").IsHit());
  for (int i = 0; i < 2; ++i) {
    const HttpResponse response = client.Get("n+1");
    EXPECT_TRUE(response.IsMiss());
    EXPECT_EQ(response.body, std::string(1001, 'm'));
  }
}

TEST(CapacityTest, AValueOverMaxValueEvictsNothing) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-max-value", "10", "-capacity", "1"});
  redis.Set("small", "v");
  redis.Set("large", std::string(11, 'v'));
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("small").status, 200);
  ASSERT_EQ(client.Get("large").status, 200);
  EXPECT_TRUE(client.Get("small").IsHit());
}

}  // namespace
}  // namespace rp::integration
