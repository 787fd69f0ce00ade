// Failures that came to light by attacking the running program, each under the name of what must
// not happen again.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/support.h"

namespace rp::integration {
namespace {

using namespace std::chrono_literals;

TEST(ResilienceTest, AHotMissingKeyOfAHungRedisDoesNotUseUpTheRequests) {
  RedisServer redis;
  redis.Set("cached", "v");
  // 2 x 2 x 64 requests: each time-out below would once have kept its request until Redis was back.
  Proxy proxy({"-redis", redis.address(), "-timeout", "100ms", "-max-clients", "2"});
  HttpClient hits(proxy.port());
  ASSERT_EQ(hits.Get("cached").status, 200);
  redis.Freeze();
  HttpClient misses(proxy.port());
  for (int round = 0; round < 10; ++round) {
    std::string requests;
    for (int i = 0; i < 60; ++i) requests += GetRequest("cold");
    ASSERT_TRUE(misses.Send(requests));
    for (int i = 0; i < 60; ++i) ASSERT_EQ(misses.Read().status, 504) << round;
    ASSERT_TRUE(hits.Get("cached").IsHit()) << round;
  }
  redis.Thaw();
  EXPECT_TRUE(Eventually([&] { return misses.Get("cold").status == 404; }));
}

TEST(ResilienceTest, ARequestThatLiesInTheSocketAtSigtermIsAnswered) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address()});
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("a").status, 200);
  proxy.Freeze();
  ASSERT_TRUE(client.Send(GetRequest("a")));
  proxy.Signal(SIGTERM);
  proxy.Thaw();
  const HttpResponse response = client.Read();
  EXPECT_EQ(response.status, 200) << response.problem;
  EXPECT_EQ(response.Header("connection"), "close");
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(ResilienceTest, AnAnswerIsNotCutOffByARequestThatArrivesDuringTheShutdown) {
  RedisServer redis;
  const std::string value = PatternBytes(3 * 1024 * 1024);
  redis.Set("big", value);
  Proxy proxy({"-redis", redis.address(), "-max-value", "64mb"});
  HttpClient client(proxy.port());
  client.Send(GetRequest("big"));
  ASSERT_TRUE(client.Stirs(Patience(10s)));
  proxy.Signal(SIGTERM);
  ASSERT_TRUE(Eventually([&] { return proxy.Log().find("SIGTERM") != std::string::npos; }));
  client.Send(GetRequest("late"));
  EXPECT_TRUE(client.Read().body == value);
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(ResilienceTest, ClientsDoNotTakeTheDescriptorsThatRedisNeedsToComeBack) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address()}, {.max_open_files = 40});
  HttpClient first(proxy.port());
  ASSERT_EQ(first.Get("a").status, 404);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 60; ++i) clients.emplace_back(proxy.port());
  redis.Kill();
  EXPECT_TRUE(Eventually([&] { return first.Get("b").status >= 500; }));
  redis.Restart();
  EXPECT_TRUE(Eventually([&] { return first.Get("c").status == 404; }));
}

TEST(ResilienceTest, AStallOfTheProxyItselfDoesNotTimeOutHits) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address(), "-timeout", "50ms"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(Eventually([&] { return client.Get("a").status == 200; }));
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += GetRequest("a");
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(client.Send(requests));
    proxy.Freeze();
    std::this_thread::sleep_for(100ms);  // longer than -timeout, which is what is tried here
    proxy.Thaw();
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.Read().IsHit()) << i;
  }
}

TEST(ResilienceTest, ARedisThatComesAndGoesDoesNotFloodTheLog) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "PTTL") return std::nullopt;
    return FakeRedis::Answer{.bytes = ":-1\r\n", .close = true};
  });
  Proxy proxy({"-redis", redis.address(), "-capacity", "0"});
  HttpClient client(proxy.port());
  for (int i = 0; i < 200; ++i) ASSERT_GT(client.Get("k" + std::to_string(i)).status, 0);
  const size_t seconds = static_cast<size_t>(proxy.CpuTime() / 1s) + 30;
  EXPECT_LE(CountOccurrences(proxy.Log(), "\n"), 2 + 3 * seconds);
}

TEST(ResilienceTest, WhatIsWrongWithRedisIsForTheLogAndNotForClients) {
  RedisServer redis;
  redis.Command({"CONFIG", "SET", "requirepass", "secret"});
  Proxy proxy({"-redis", redis.address()});
  const HttpResponse response = Fetch(proxy.port(), "a");
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(response.body, "Redis refused this proxy's credentials\n");
  EXPECT_TRUE(Eventually([&] { return proxy.Log().find("NOAUTH") != std::string::npos; }));
}

TEST(ResilienceTest, AnAclWithoutPttlIsSaidInTheLog) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "PTTL") return std::nullopt;
    return FakeRedis::Answer{
        .bytes = "-NOPERM this user has no permissions to run the 'pttl' command\r\n"};
  });
  Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "a").body, "value of a");
  EXPECT_FALSE(Fetch(proxy.port(), "a").IsHit());
  EXPECT_TRUE(
      Eventually([&] { return proxy.Log().find("Redis refuses PTTL") != std::string::npos; }));
}

// RFC 9110 section 13: without entity tags, If-Match never matches and only "*" is known to be
// there.
TEST(ResilienceTest, PreconditionsAreKeptAsFarAsAValueWithoutTagsCan) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address()});
  HttpClient client(proxy.port());
  const auto status = [&](const std::string& field) {
    client.Send("GET /a HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n");
    return client.Read(/*to_head=*/field == "If-None-Match: *").status;
  };
  EXPECT_EQ(status("If-Match: \"x\""), 412);
  EXPECT_EQ(status("If-Match: *"), 200);
  EXPECT_EQ(status("If-None-Match: \"x\""), 200);
  EXPECT_EQ(status("If-None-Match: *"), 304);
  EXPECT_EQ(status("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"), 200);
}

TEST(ResilienceTest, AFastReaderOfBigValuesDoesNotKeepOthersWaiting) {
  if (Sanitized()) GTEST_SKIP() << "the copying alone takes too long";
  RedisServer redis;
  redis.Set("big", PatternBytes(16 * 1024 * 1024));
  redis.Set("small", "v");
  Proxy proxy({"-redis", redis.address(), "-max-value", "64mb"});
  HttpClient hits(proxy.port());
  ASSERT_EQ(hits.Get("small").status, 200);
  ASSERT_EQ(Fetch(proxy.port(), "big").status, 200);
  HttpClient reader(proxy.port());
  std::string requests;
  for (int i = 0; i < 60; ++i) requests += GetRequest("big");
  ASSERT_TRUE(reader.Send(requests));
  std::jthread drain([&] {
    for (int i = 0; i < 60; ++i) reader.Read();
  });
  // Sixty answers of 16 MB in one piece would take the best part of a second.
  Duration longest{};
  for (int i = 0; i < 50; ++i) {
    const TimePoint start = Now();
    ASSERT_TRUE(hits.Get("small").IsHit());
    longest = std::max(longest, Duration(Now() - start));
  }
  EXPECT_LT(longest, Patience(250ms));
}

}  // namespace
}  // namespace rp::integration
