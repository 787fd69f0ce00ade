// -inline: whether hits take the reactor's short cut or the way through queue and workers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

// How often the workers have gone to sleep while `hits` of one key were answered one by one.
long WorkerSleeps(const std::string& inlined, int hits) {
  RedisServer redis;
  redis.Set("key", "value");
  Proxy proxy({"-redis", redis.address(), "-workers", "1", "-expire", "0", "-inline=" + inlined});
  HttpClient client(proxy.port());
  EXPECT_EQ(client.Get("key").body, "value");
  const long before = proxy.VoluntarySwitches("worker-0");
  for (int i = 0; i < hits; ++i) EXPECT_EQ(client.Get("key").body, "value");
  return proxy.VoluntarySwitches("worker-0") - before;
}

TEST(ShortCutTest, HitsNeedNoWorker) { EXPECT_LE(WorkerSleeps("true", 100), 1); }

TEST(ShortCutTest, WithoutItEveryHitGoesThroughAWorker) {
  EXPECT_GE(WorkerSleeps("false", 100), 50);
}

}  // namespace
}  // namespace rp::integration
