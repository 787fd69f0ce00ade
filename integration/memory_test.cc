// Memory as the kernel counts it: what an entry costs beside its key and value, and what many
// connections that do nothing cost. Readers too slow for large values are in
// known_failures_test.cc.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/fake_redis.h"
#include "integration/http_client.h"
#include "integration/proxy_process.h"
#include "integration/redis_server.h"

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
