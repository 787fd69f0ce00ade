// A low limit of open file descriptors (ulimit -n): as many clients are served as there are
// descriptors for, and every other is told so, or refused, at once.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr char kHealthCheck[] = "OPTIONS * HTTP/1.0\r\n\r\n";

// The number behind `name` in the text; -1 without one.
long NumberBehind(const std::string& text, const std::string& name) {
  const size_t at = text.find(name);
  return at == std::string::npos ? -1 : std::atol(text.c_str() + at + name.size());
}

// What the log says of the effective -max-clients.
int MaxClients(const Proxy& proxy) {
  return static_cast<int>(NumberBehind(proxy.Log(), " max-clients="));
}

bool IsHealthy(const Proxy& proxy) {
  HttpClient client(proxy.port());
  client.Send(kHealthCheck);
  return client.Read().status == 204;
}

// This process may have so many more descriptors open, as long as the test runs.
class ManyDescriptors {
 public:
  ManyDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit raised{before_.rlim_max, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &raised), 0);
    EXPECT_GE(before_.rlim_max, 2048u) << "this test opens 1200 connections";
  }
  ~ManyDescriptors() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

TEST(DescriptorsTest, EveryClientOverWhatTheDescriptorsAllowIsToldOrRefusedAtOnce) {
  const ManyDescriptors many;
  for (const rlim_t limit : {rlim_t{64}, rlim_t{128}, rlim_t{1024}}) {
    SCOPED_TRACE(limit);
    FakeRedis redis;
    const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"},
                      {.max_open_files = limit});
    EXPECT_TRUE(IsHealthy(proxy));
    const int most = MaxClients(proxy);
    ASSERT_GT(most, static_cast<int>(limit) / 2);
    ASSERT_LT(most, static_cast<int>(limit));
    std::vector<HttpClient> served;
    for (int i = 0; i < most; ++i) {
      served.emplace_back(proxy.port());
      ASSERT_EQ(served.back().Get("a").status, 200) << i;
    }
    EXPECT_EQ(HttpClient(proxy.port()).Read().status, 503);
    EXPECT_EQ(RespClient(RespPort(proxy)).Read(SIZE_MAX), "-ERR max number of clients reached\r\n");
    // Clients that do not go away when they are told use up the places of those who are told.
    std::vector<HttpClient> others;
    int told = 0;
    for (int i = 0; i < 200; ++i) {
      others.emplace_back(proxy.port());
      const HttpResponse response = others.back().Read();
      told += response.status == 503 ? 1 : 0;
      ASSERT_TRUE(response.status == 503 || response.problem == "closed") << i << response.problem;
    }
    EXPECT_GT(told, 0);
    for (HttpClient& client : served) ASSERT_TRUE(client.Get("a").IsHit());
    served.pop_back();
    EXPECT_TRUE(Eventually([&] { return IsHealthy(proxy); }));
  }
}

TEST(DescriptorsTest, TheLimitThatTakesEffectIsSaidEverywhere) {
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"}, {.max_open_files = 100});
  const std::string most = std::to_string(MaxClients(proxy));
  RespClient client(RespPort(proxy));
  EXPECT_NE(client.Exchange("INFO clients\r\n").find("\r\nmaxclients:" + most + "\r\n"),
            std::string::npos);
  EXPECT_EQ(client.Exchange("CONFIG GET maxclients\r\n"),
            "*2\r\n$10\r\nmaxclients\r\n$" + std::to_string(most.size()) + "\r\n" + most + "\r\n");
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-max-clients 10000 takes"), 1u) << proxy.Log();
  EXPECT_EQ(CountOccurrences(proxy.Log(), "serving " + most + " clients at most"), 1u);
  const Proxy few({"-redis", redis.address(), "-max-clients", "10"}, {.max_open_files = 100});
  EXPECT_EQ(MaxClients(few), 10);
  EXPECT_EQ(few.Log().find(" warn "), std::string::npos) << few.Log();
}

// What the program says when it may have only so many open, which must end it.
std::string RefusalAt(long limit) {
  const RunResult result = RunProxy({"-http", "127.0.0.1:0", "-redis", "127.0.0.1:1"}, 10s,
                                    {.max_open_files = static_cast<rlim_t>(limit)});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1u);
  return result.standard_error;
}

TEST(DescriptorsTest, WithTooFewToServeAnybodyItEndsAndSaysHowManyItTakes) {
  const std::string refusal = RefusalAt(10);
  EXPECT_NE(refusal.find("only 10 file descriptors may be open"), std::string::npos) << refusal;
  const long least = NumberBehind(refusal, "at least ");
  ASSERT_GT(least, 10);
  EXPECT_NE(RefusalAt(least - 1).find("at least " + std::to_string(least)), std::string::npos);
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address()}, {.max_open_files = static_cast<rlim_t>(least)});
  HttpClient client(proxy.port());
  EXPECT_EQ(client.Get("a").status, 200);
  EXPECT_EQ(HttpClient(proxy.port()).Read().status, 503);
  EXPECT_TRUE(client.Get("a").IsHit());
}

TEST(DescriptorsTest, ClientsLeaveRedisAllTheConnectionsItMayHave) {
  RedisServer redis;
  Proxy proxy(
      {"-redis", redis.address(), "-redis-connections", "8", "-coherent", "-resp", "127.0.0.1:0"},
      {.max_open_files = 64});
  const int most = MaxClients(proxy);
  std::vector<HttpClient> clients;
  for (int i = 0; i < most; ++i) {
    clients.emplace_back(proxy.port());
    ASSERT_EQ(clients.back().Get("missing").status, 404);
  }
  std::vector<HttpClient> refused;
  for (int i = 0; i < 100; ++i) refused.emplace_back(proxy.port());
  redis.Kill();
  ASSERT_TRUE(Eventually([&] { return clients[0].Get("a").status >= 500; }));
  redis.Restart();
  redis.Set("a", "value");
  EXPECT_TRUE(Eventually([&] { return clients[0].Get("a").body == "value"; }));
  // Reports of writes are heard again, over a connection of their own.
  EXPECT_TRUE(Eventually([&] { return clients[0].Get("a").IsHit(); }));
  EXPECT_EQ(proxy.Log().find("Too many open files"), std::string::npos) << proxy.Log();
}

}  // namespace
}  // namespace rp::integration
