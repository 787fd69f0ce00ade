// -prefix, and a Redis that cannot be followed: what -coherent and -coherent=auto do then.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/fake_redis.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

TEST(PrefixTest, OnlyKeysInsideAPrefixAreCached) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-coherent", "-expire", "0", "-prefix",
               "user:", "-prefix=item:"});
  HttpClient client(proxy.port());
  for (const std::string key : {"user:", "user:1", "item:1"}) {
    redis.Set(key, "1");
    EXPECT_TRUE(BecomesHit(&client, key, "1")) << key;
    redis.Set(key, "2");
    EXPECT_TRUE(BecomesHit(&client, key, "2")) << key;
  }
  EXPECT_TRUE(BecomesHit(&client, "user:missing", 404));
  for (const std::string key : {"other", "user", "User:1", "auser:1"}) {
    for (int i = 0; i < 3; ++i) {
      const std::string value = std::to_string(i);
      redis.Set(key, value);
      const int64_t before = redis.GetCount();
      const HttpResponse response = client.Get(key);
      EXPECT_EQ(response.body, value) << key;
      EXPECT_EQ(response.Header("cache-status"), kNoPrefix) << key;
      EXPECT_EQ(client.Get(key).Header("cache-status"), kNoPrefix) << key;
      EXPECT_EQ(redis.GetCount(), before + 2);
    }
  }
  EXPECT_EQ(client.Get("missing").Header("cache-status"), kNoPrefix);
}

TEST(PrefixTest, RedisReportsNothingElse) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-coherent", "-prefix", "user:"});
  const std::vector<std::string> followers = redis.client().ClientsNamed("redis-proxy-tracking");
  ASSERT_EQ(followers.size(), 1U);
  EXPECT_NE(followers[0].find(" flags=tB "), std::string::npos) << followers[0];
  // Redis counts the prefixes that are tracked.
  EXPECT_NE(redis.Command({"INFO", "clients"}).find("tracking_clients:1"), std::string::npos);
  EXPECT_NE(redis.Command({"INFO", "stats"}).find("tracking_total_prefixes:1"), std::string::npos);
}

TEST(PrefixTest, WithoutCoherentItIsRefusedByName) {
  const RunResult result = RunProxy({"-http", "127.0.0.1:0", "-prefix", "user:"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U) << result.standard_error;
  EXPECT_NE(result.standard_error.find("-prefix"), std::string::npos) << result.standard_error;
  EXPECT_NE(result.standard_error.find("user:"), std::string::npos) << result.standard_error;
}

TEST(CoherenceFlagsTest, WrongValuesAreRefusedByNameAndValue) {
  const std::vector<std::vector<std::string>> wrong = {
      {"-coherent=maybe"},
      {"-coherent", "-max-stale", "0"},
      {"-coherent", "-max-stale", "x"},
      {"-stale-if-error", "-1s"},
      {"-coherent", "-prefix", "ab", "-prefix", "a"},
  };
  for (const auto& flags : wrong) {
    const RunResult result = RunProxy(flags);
    const std::string flag = flags[flags.size() == 1 ? 0 : flags.size() - 2];
    SCOPED_TRACE(result.standard_error);
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U);
    EXPECT_NE(result.standard_error.find(flag.substr(0, flag.find('='))), std::string::npos);
    EXPECT_NE(result.standard_error.find(flags.back().substr(flags.back().find('=') + 1)),
              std::string::npos);
  }
}

TEST(CoherenceFlagsTest, TheLongestLeaseIsAnHour) {
  RedisServer redis;
  {
    Proxy proxy({"-redis", redis.address(), "-coherent", "-max-stale", "1h"});
    EXPECT_NE(proxy.port(), 0);
  }
  const RunResult result = RunProxy(
      {"-http", "127.0.0.1:0", "-redis", redis.address(), "-coherent", "-max-stale", "1h1ns"}, 3s);
  EXPECT_EQ(result.status, 2) << result.standard_error;
  EXPECT_NE(result.standard_error.find("-max-stale"), std::string::npos) << result.standard_error;
}

// Everything but the tracking.
const std::vector<std::string> kForbidTracking = {"ACL", "SETUSER", "default", "-client|tracking"};

// It must have said so in one line, and ended with 1.
void ExpectRefusal(const RunResult& result, const std::vector<std::string>& words) {
  SCOPED_TRACE(result.standard_error);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U);
  EXPECT_NE(result.standard_error.find("-coherent"), std::string::npos);
  for (const std::string& word : words) {
    EXPECT_NE(result.standard_error.find(word), std::string::npos) << word;
  }
}

TEST(UnsupportedTest, WithoutPermissionCoherentRefusesToStartAndNamesWhatToGrant) {
  RedisServer redis;
  ASSERT_EQ(redis.Command(kForbidTracking), "OK");
  ExpectRefusal(RunProxy({"-http", "127.0.0.1:0", "-redis", redis.address(), "-coherent"}),
                {"ACL SETUSER default", "+client|tracking", "+ping", "+info", redis.address()});
}

TEST(UnsupportedTest, WhatItSaysToGrantIsEnough) {
  RedisServer redis;
  ASSERT_EQ(redis.Command({"ACL", "SETUSER", "alice", "on", ">secret", "~*", "+get", "+pttl"}),
            "OK");
  const std::vector<std::string> flags = {"-redis", redis.address(), "-coherent=auto"};
  const ProxyOptions as_alice{.environment = {"REDIS_USERNAME=alice", "REDIS_PASSWORD=secret"}};
  std::vector<std::string> grant;
  {
    Proxy proxy(flags, as_alice);
    const std::string log = proxy.Log();
    const size_t start = log.find("ACL SETUSER alice");
    ASSERT_NE(start, std::string::npos) << log;
    std::string line = log.substr(start, log.find_first_of(";\n", start) - start);
    for (size_t space = 0; space != std::string::npos; line.erase(0, space + 1)) {
      space = line.find(' ');
      grant.push_back(line.substr(0, space));
      if (space == std::string::npos) break;
    }
  }
  ASSERT_EQ(redis.Command(grant), "OK");
  Proxy proxy(flags, as_alice);
  HttpClient client(proxy.port());
  redis.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  redis.Set("k", "new");
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
  EXPECT_EQ(proxy.Log().find("-coherent=auto"), std::string::npos);
}

TEST(UnsupportedTest, WithoutPermissionAutoCachesByTimeSaysSoOnceAndTriesOn) {
  RedisServer redis;
  ASSERT_EQ(redis.Command(kForbidTracking), "OK");
  Proxy proxy({"-redis", redis.address(), "-coherent=auto", "-expire", "0"});
  HttpClient client(proxy.port());
  redis.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  redis.Set("k", "new");
  const TimePoint end = Now() + 300ms;
  while (Now() < end) ASSERT_EQ(client.Get("k").body, "old");
  EXPECT_TRUE(client.Get("missing").IsMiss());
  EXPECT_TRUE(client.Get("missing").IsMiss()) << "nobody would report that it was created";
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-coherent=auto:"), 1U);
  ASSERT_EQ(redis.Command({"ACL", "SETUSER", "default", "+client|tracking"}), "OK");
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-coherent=auto:"), 1U);
}

TEST(UnsupportedTest, AWrongPasswordIsToldAsSuch) {
  RedisServer redis({.password = "secret"});
  ExpectRefusal(RunProxy({"-http", "127.0.0.1:0", "-redis", redis.address(), "-coherent"}),
                {"password"});
}

// A Redis from before client-side caching, or a service that leaves it out.
std::optional<FakeRedis::Answer> WithoutTracking(const FakeRedis::Command& command) {
  if (command.name() == "HELLO" && command.key() == "3") {
    return FakeRedis::Answer{.bytes = "%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"};
  }
  if (command.name() != "CLIENT") return std::nullopt;
  return FakeRedis::Answer{.bytes = "-ERR unknown subcommand 'tracking'. Try CLIENT HELP.\r\n"};
}

TEST(UnsupportedTest, ARedisThatDoesNotKnowTrackingIsRefusedByCoherent) {
  FakeRedis redis(WithoutTracking);
  ExpectRefusal(RunProxy({"-http", "127.0.0.1:0", "-redis", redis.address(), "-coherent"}),
                {"unknown subcommand 'tracking'", "6.0.6"});
}

TEST(UnsupportedTest, ARedisThatDoesNotKnowTrackingIsCachedByTimeWithAuto) {
  FakeRedis redis(WithoutTracking);
  Proxy proxy({"-redis", redis.address(), "-coherent=auto"});
  HttpClient client(proxy.port());
  EXPECT_TRUE(BecomesHit(&client, "k", "value of k"));
  EXPECT_EQ(redis.Count("GET"), 1u);
  EXPECT_EQ(CountOccurrences(proxy.Log(), "-coherent=auto:"), 1U);
}

TEST(UnsupportedTest, ARedisThatHangsDelaysTheStartByASecondWhateverTheTimeout) {
  int port = 0;
  const UniqueFd silent = ListenOnLoopback(&port);
  Proxy proxy({"-redis", "127.0.0.1:" + std::to_string(port), "-coherent", "-timeout", "1h"});
  HttpClient client(proxy.port());
  client.Send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.Read().status, 204);
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(UnsupportedTest, ARedisThatComesLateAndCannotBeFollowedIsServedUncachedByCoherent) {
  RedisServer redis;
  ASSERT_EQ(redis.Command(kForbidTracking), "OK");
  redis.Set("k", "value");
  redis.Freeze();
  Proxy proxy({"-redis", redis.address(), "-coherent", "-timeout", "500ms"});
  redis.Thaw();
  ASSERT_TRUE(proxy.WaitForLog("ACL SETUSER default"));
  ASSERT_TRUE(Eventually([&] { return Fetch(proxy.port(), "k").status == 200; }));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Fetch(proxy.port(), "k").Header("cache-status"), kNoLease);
  }
  EXPECT_EQ(CountOccurrences(proxy.Log(), "ACL SETUSER"), 1U);
}

}  // namespace
}  // namespace rp::integration
