// -stale-if-error: an old value in place of an error while Redis is away, and the limits of that.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

constexpr Duration kExpire = 300ms;

bool IsStale(const HttpResponse& response, const std::string& body) {
  return response.status == 200 && response.body == body &&
         response.Header("cache-status") == kStaleHit;
}

std::vector<std::string> Flags(const RedisServer& redis, const std::vector<std::string>& more) {
  std::vector<std::string> flags = {"-redis", redis.address(), "-timeout", "500ms"};
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::vector<std::string> ByTime(const RedisServer& redis, const std::string& stale) {
  return Flags(redis, {"-expire", "300ms", "-stale-if-error", stale});
}

// Asks for "k", which holds "value", until it is a hit, and returns when that hit was asked for.
TimePoint LastUse(HttpClient* client) {
  TimePoint asked;
  EXPECT_TRUE(Eventually([&] {
    asked = Now();
    const HttpResponse response = client->Get("k");
    return response.IsHit() && response.body == "value";
  }));
  return asked;
}

void WaitUntil(TimePoint time) {
  ASSERT_TRUE(Eventually([time] { return Now() >= time; }));
}

TEST(StaleIfErrorTest, AnExpiredValueIsServedWithItsAgeWhileRedisIsGone) {
  RedisServer redis;
  Proxy proxy(ByTime(redis, "1h"));
  HttpClient client(proxy.port());
  redis.Set("k", "value");
  LastUse(&client);
  redis.Kill();
  WaitUntil(Now() + kExpire);
  for (int i = 0; i < 20; ++i) {
    const HttpResponse response = client.Get("k");
    EXPECT_TRUE(IsStale(response, "value")) << response.status << " " << response.start_line;
    const std::string age = response.Header("age");
    EXPECT_TRUE(!age.empty() && std::all_of(age.begin(), age.end(), [](unsigned char c) {
      return std::isdigit(c) != 0;
    })) << age;
  }
  WaitUntil(Now() + 1100ms);
  EXPECT_GE(std::stoi(client.Get("k").Header("age")), 1);
  const int status = client.Get("never seen").status;
  EXPECT_TRUE(status == 502 || status == 503) << status;
}

TEST(StaleIfErrorTest, AnExpiredValueIsServedInPlaceOfATimeOut) {
  RedisServer redis;
  Proxy proxy(ByTime(redis, "1h"));
  HttpClient client(proxy.port());
  redis.Set("k", "value");
  LastUse(&client);
  redis.Freeze();
  WaitUntil(Now() + kExpire);
  const TimePoint asked = Now();
  EXPECT_TRUE(IsStale(client.Get("k"), "value"));
  EXPECT_LE(Now() - asked, 500ms + Patience(200ms));
  EXPECT_EQ(client.Get("never seen").status / 100, 5);
}

TEST(StaleIfErrorTest, UnlessSetAnExpiredValueIsAnError) {
  RedisServer redis;
  Proxy proxy(Flags(redis, {"-expire", "300ms"}));
  HttpClient client(proxy.port());
  redis.Set("k", "value");
  LastUse(&client);
  redis.Kill();
  WaitUntil(Now() + kExpire);
  const int status = client.Get("k").status;
  EXPECT_TRUE(status == 502 || status == 503) << status;
}

TEST(StaleIfErrorTest, WhileRedisAnswersNothingIsStale) {
  RedisServer redis;
  Proxy proxy(ByTime(redis, "1h"));
  HttpClient client(proxy.port());
  redis.Set("k", "value");
  LastUse(&client);
  redis.Set("k", "new");
  WaitUntil(Now() + kExpire);
  const HttpResponse response = client.Get("k");
  EXPECT_EQ(response.body, "new");
  EXPECT_TRUE(response.IsMiss());
  ASSERT_EQ(redis.Command({"DEL", "k"}), "1");
  WaitUntil(Now() + kExpire);
  EXPECT_EQ(client.Get("k").status, 404);
  redis.Kill();
  const int status = client.Get("k").status;
  EXPECT_TRUE(status == 502 || status == 503) << "Redis said that it is gone: " << status;
}

TEST(StaleIfErrorTest, ItEndsWhenItsTimeIsOver) {
  RedisServer redis;
  Proxy proxy(ByTime(redis, "700ms"));
  HttpClient client(proxy.port());
  redis.Set("k", "value");
  LastUse(&client);
  redis.Kill();
  const TimePoint used = LastUse(&client);
  const TimePoint answered = Now();
  WaitUntil(answered + kExpire);
  int served = 0;
  for (;; ++served) {
    const TimePoint asked = Now();
    const HttpResponse response = client.Get("k");
    if (response.status != 200) break;
    ASSERT_TRUE(IsStale(response, "value")) << response.Header("cache-status");
    ASSERT_LE(asked - answered, kExpire + 700ms);
  }
  EXPECT_GE(Now() - used, kExpire + 700ms) << "ended too early";
  EXPECT_GT(served, 0);
}

TEST(StaleIfErrorTest, NothingOutlivesItsKeyInRedis) {
  RedisServer redis;
  Proxy proxy(ByTime(redis, "1h"));
  HttpClient client(proxy.port());
  ASSERT_EQ(redis.Command({"SET", "k", "value", "PX", "1500"}), "OK");
  const TimePoint gone = Now() + 1501ms;
  LastUse(&client);
  redis.Kill();
  WaitUntil(Now() + kExpire);
  ASSERT_TRUE(IsStale(client.Get("k"), "value"));
  for (;;) {
    const TimePoint asked = Now();
    const int status = client.Get("k").status;
    if (asked >= gone) {
      EXPECT_TRUE(status == 502 || status == 503) << status;
      break;
    }
  }
}

class CoherentStaleTest : public ::testing::Test {
 protected:
  // Writes, and waits until the reports of all writes before have been dealt with.
  void Settle() {
    redis_.Set("settled", std::to_string(++settled_));
    ASSERT_TRUE(BecomesHit(&client_, "settled", std::to_string(settled_)));
  }
  void KillRedis() {
    redis_.Kill();
    ASSERT_TRUE(proxy_.WaitForLog("lost track of writes"));
  }
  void ExpectError(const std::string& key) {
    const HttpResponse response = client_.Get(key);
    EXPECT_TRUE(response.status == 502 || response.status == 503)
        << key << ": " << response.status << " " << response.body;
  }

  RedisServer redis_;
  Proxy proxy_{Flags(redis_, {"-coherent", "-expire", "0", "-stale-if-error", "1500ms"})};
  HttpClient client_{proxy_.port()};
  int settled_ = 0;
};

TEST_F(CoherentStaleTest, AfterTheLossOfRedisValuesAreServedForItsTimeAndNotBeyond) {
  redis_.Set("k", "value");
  LastUse(&client_);
  const TimePoint before = Now();
  KillRedis();
  const TimePoint lost = Now();
  int served = 0;
  for (;;) {
    const TimePoint asked = Now();
    const HttpResponse response = client_.Get("k");
    if (response.status != 200) break;
    ASSERT_TRUE(IsStale(response, "value")) << response.Header("cache-status");
    ASSERT_LE(asked - lost, 1500ms);
    ++served;
  }
  EXPECT_GE(Now() - before, 1500ms);
  EXPECT_GT(served, 0);
}

TEST_F(CoherentStaleTest, WhatWasInvalidatedIsNeverServed) {
  redis_.Set("k", "value");
  LastUse(&client_);
  redis_.Set("k", "new");
  Settle();
  KillRedis();
  EXPECT_TRUE(IsStale(client_.Get("settled"), "1"));
  ExpectError("k");
}

TEST_F(CoherentStaleTest, WhatWasFlushedIsNeverServed) {
  redis_.Set("k", "value");
  LastUse(&client_);
  ASSERT_EQ(redis_.Command({"FLUSHALL"}), "OK");
  Settle();
  KillRedis();
  EXPECT_TRUE(IsStale(client_.Get("settled"), "1"));
  ExpectError("k");
}

TEST_F(CoherentStaleTest, WhatIsFromBeforeARestartIsNeverServed) {
  redis_.Set("k", "value");
  LastUse(&client_);
  KillRedis();
  ASSERT_TRUE(IsStale(client_.Get("k"), "value"));
  redis_.Restart();
  Settle();
  redis_.Kill();
  ASSERT_TRUE(
      Eventually([&] { return client_.Get("settled").Header("cache-status") == kStaleHit; }));
  ExpectError("k");
}

TEST_F(CoherentStaleTest, AMissingKeyIsNotServedStale) {
  ASSERT_TRUE(BecomesHit(&client_, "k", 404));
  KillRedis();
  ExpectError("k");
}

}  // namespace
}  // namespace rp::integration
