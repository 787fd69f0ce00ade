// Memory as the kernel counts it: what an entry costs beside its key and value, and what many
// connections that do nothing cost. Readers too slow for large values are in
// known_failures_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

TEST(MemoryTest, AnEntryCostsAtMost120BytesOverItsKeyAndValueAtAMillionKeys) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer adds memory of its own";
  constexpr int kKeys = 1'000'000;
  constexpr int kBatch = 100;
  constexpr size_t kValueSize = 100;
  RedisServer redis;
  ASSERT_EQ(redis.Command(
                {"DEBUG", "POPULATE", std::to_string(kKeys), "key", std::to_string(kValueSize)}),
            "OK");
  Proxy proxy({"-redis", redis.address(), "-expire", "10m", "-capacity", "2000000"});
  HttpClient client(proxy.port());
  const auto ask = [&client](const std::string& prefix, int first, int status) {
    std::string requests;
    for (int i = first; i < first + kBatch; ++i) {
      requests += TargetRequest("/" + prefix + std::to_string(i));
    }
    ASSERT_TRUE(client.Send(requests));
    for (int i = 0; i < kBatch; ++i) ASSERT_EQ(client.Read().status, status);
  };
  // Buffers grow to their working size first, with keys that leave nothing in the cache.
  for (int i = 0; i < 2000; i += kBatch) ask("missing:", i, 404);
  const size_t before = proxy.ResidentBytes();
  size_t payload = 0;
  for (int i = 0; i < kKeys; i += kBatch) {
    ask("key:", i, 200);
    if (HasFatalFailure()) return;
  }
  for (int i = 0; i < kKeys; ++i) payload += 4 + std::to_string(i).size() + kValueSize;
  const size_t growth = proxy.ResidentBytes() - before;
  EXPECT_GT(growth, payload);
  EXPECT_LE((growth - payload) / kKeys, 120U);
}

// Values of 4 MB that clients are slow to read stay in memory after the cache has let them go.
TEST(MemoryTest, LargeValuesTakeAtMost1Point3TimesMaxMemoryWithThoseThatAreBeingRead) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer adds memory of its own";
  constexpr size_t kLimit = 64 << 20;
  constexpr size_t kSize = 4 << 20;
  constexpr int kReaders = 9;  // more would be refused
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-redis-connections", "1", "-max-value", "8mb",
               "-max-memory", "64mb"});
  const std::string value = PatternBytes(kSize);
  std::vector<HttpClient> readers;
  for (int i = 0; i < kReaders; ++i) {
    const std::string key = "slow" + std::to_string(i);
    redis.Set(key, value);
    readers.emplace_back(proxy.port(), 64 * 1024);
    ASSERT_TRUE(readers.back().Send(GetRequest(key)));
    ASSERT_TRUE(readers.back().Stirs(Patience(10s)));
  }
  redis.Set("k", value);
  HttpClient client(proxy.port());
  size_t most = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_EQ(redis.Command({"COPY", "k", key}), "1");
    ASSERT_EQ(client.Get(key).body.size(), kSize);
    most = std::max(most, proxy.ResidentBytes());
  }
  EXPECT_LE(most, kLimit * 13 / 10);
  EXPECT_TRUE(client.Get("k19").IsHit());
  EXPECT_TRUE(readers.front().Read().body == value);
}

TEST(MemoryTest, ClientsThatAskForManyLargeValuesAndReadNothingAreRefusedSomeOfThem) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer adds memory of its own";
  constexpr size_t kLimit = 64 << 20;
  constexpr size_t kSize = 2 << 20;
  constexpr int kClients = 4;
  constexpr int kKeys = 20;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-redis-connections", "1", "-max-value", "8mb",
               "-max-memory", "64mb"});
  redis.Set("k", PatternBytes(kSize));
  std::vector<HttpClient> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(proxy.port(), 64 * 1024);
    std::string requests;
    for (int j = 0; j < kKeys; ++j) {
      const std::string key = std::to_string(i) + "." + std::to_string(j);
      ASSERT_EQ(redis.Command({"COPY", "k", key}), "1");
      requests += GetRequest(key);
    }
    ASSERT_TRUE(clients.back().Send(requests));
  }
  ASSERT_TRUE(Eventually([&] { return redis.GetCount() >= kClients * kKeys; }));
  EXPECT_LE(proxy.ResidentBytes(), kLimit * 13 / 10);
  int served = 0;
  int refused = 0;
  for (HttpClient& client : clients) {
    for (int j = 0; j < kKeys; ++j) {
      const HttpResponse response = client.Read();
      served += response.status == 200 && response.body.size() == kSize ? 1 : 0;
      refused += response.status == 503 && response.body == "out of memory\n" ? 1 : 0;
    }
  }
  EXPECT_EQ(served + refused, kClients * kKeys);
  EXPECT_GE(served, 20) << "as much as the limit allows, but for what the cache keeps";
  EXPECT_GT(refused, 0);
  // All of it is forgotten.
  EXPECT_EQ(clients.front().Get("k").body.size(), kSize);
}

TEST(MemoryTest, LongKeysThatAreMissingAreNotRemembered) {
  constexpr size_t kSize = 2 << 20;
  constexpr int kKeys = 20;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-coherent", "-max-value", "8mb",
               "-redis-connections", "1"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange(RespCommand({"GET", "missing"})), "$-1\r\n");
  const std::string long_key(kSize, 'k');
  size_t before = 0;
  for (int i = 0; i < kKeys; ++i) {
    EXPECT_EQ(client.Exchange(RespCommand({"GET", long_key + std::to_string(i)})), "$-1\r\n");
    if (i == 1) before = proxy.ResidentBytes();
  }
  const std::string info = client.Exchange(RespCommand({"INFO", "proxy"}));
  EXPECT_NE(info.find("\r\nproxy_cache_entries:1\r\n"), std::string::npos) << info;
  if (!Sanitized()) {
    EXPECT_LE(proxy.ResidentBytes(), before + kKeys * kSize / 4);
  }
}

TEST(MemoryTest, AnIdleConnectionCostsLittle) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer adds memory of its own";
  constexpr size_t kConnections = 1000;
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address()});
  HttpClient first(proxy.port());
  ASSERT_EQ(first.Get("k").status, 200);
  const size_t before = proxy.ResidentBytes();
  std::vector<HttpClient> clients;
  for (size_t i = 0; i < kConnections; ++i) {
    clients.emplace_back(proxy.port());
    ASSERT_EQ(clients.back().Get("k").status, 200);
  }
  EXPECT_LE((proxy.ResidentBytes() - before) / kConnections, 32U * 1024);
}

}  // namespace
}  // namespace rp::integration
