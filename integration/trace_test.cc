// Replays a trace of real requests, one key in each line, and compares the hits and misses with
// those of an exact LRU. TRACE_FILE names the trace, plain or compressed with gzip; without it
// there is nothing to do.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "test/support/lru_model.h"

namespace rp::integration {
namespace {

std::vector<std::string> ReadTrace(const std::string& path) {
  std::vector<std::string> keys;
  const std::string command = "gzip -dcf -- '" + path + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), pclose);
  char line[4096];
  while (pipe != nullptr && std::fgets(line, sizeof(line), pipe.get()) != nullptr) {
    std::string key(line);
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
    if (!key.empty()) keys.push_back(key);
  }
  return keys;
}

TEST(TraceTest, ATraceOfRealRequestsMissesAsAnExactLruDoes) {
  const char* path = std::getenv("TRACE_FILE");
  if (path == nullptr || *path == '\0') GTEST_SKIP() << "TRACE_FILE names no trace";
  const std::vector<std::string> trace = ReadTrace(path);
  ASSERT_FALSE(trace.empty()) << path;
  RedisServer redis;
  std::vector<std::vector<std::string>> commands;
  for (const std::string& key : trace) commands.push_back({"SET", key, "value of " + key});
  ASSERT_TRUE(redis.client().Pipeline(commands));
  for (const size_t capacity : {2U, 1000U}) {
    Proxy proxy({"-redis", redis.address(), "-expire", "0", "-capacity", std::to_string(capacity)});
    HttpClient client(proxy.port());
    LruModel model(capacity);
    size_t misses = 0;
    for (const std::string& key : trace) {
      const HttpResponse response = client.Get(key);
      ASSERT_EQ(response.body, "value of " + key);
      ASSERT_EQ(response.IsHit(), model.Use(key)) << key << " after " << misses << " misses";
      misses += response.IsHit() ? 0 : 1;
    }
    std::printf("capacity %zu: %zu misses of %zu requests\n", capacity, misses, trace.size());
  }
}

}  // namespace
}  // namespace rp::integration
