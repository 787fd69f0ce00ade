// Redis away: at the start, killed, frozen, restarted or closing connections. Hits go on, misses
// fail in time with the right status, and service comes back by itself. What single replies of
// Redis lead to is in redis_errors_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

constexpr Duration kTimeout = 500ms;
const char kTimeoutFlag[] = "500ms";

// A miss may take the whole -timeout and a little more.
Duration MissLimit() { return kTimeout + Patience(200ms); }

// Asks for `key`, which must fail within the limit, with 502 (lost) or 503 (not even tried).
void ExpectUnavailable(HttpClient* client, const std::string& key) {
  const TimePoint start = Now();
  const HttpResponse response = client->Get(key);
  EXPECT_LE(Now() - start, MissLimit());
  EXPECT_TRUE(response.status == 502 || response.status == 503)
      << response.status << " " << response.problem;
  EXPECT_EQ(response.Header("retry-after"), response.status == 503 ? "1" : "");
}

// How long it takes until a key is answered that was never asked for before.
[[nodiscard]] Duration TimeUntilServed(int port, RedisServer* redis) {
  redis->Set("fresh", "value");
  const TimePoint start = Now();
  EXPECT_TRUE(Eventually([port] { return Fetch(port, "fresh").body == "value"; }));
  return Now() - start;
}

TEST(OutageTest, ServesWithoutRedisFromTheStartAndSaysSoOnce) {
  RedisServer redis;
  redis.Kill();
  Proxy proxy({"-redis", redis.address(), "-timeout", kTimeoutFlag});
  HttpClient client(proxy.port());
  const TimePoint start = Now();
  while (Now() - start < 1s) ExpectUnavailable(&client, "k");
  EXPECT_TRUE(proxy.WaitForLog("redis:"));
  EXPECT_LE(CountOccurrences(proxy.Log(), "redis:"), 2U) << "a line per event, not per attempt";
  redis.Restart();
  EXPECT_LE(TimeUntilServed(proxy.port(), &redis), 1s + Patience(500ms));
}

TEST(OutageTest, HitsGoOnAndMissesFailInTimeWhenRedisIsKilled) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0", "-timeout", kTimeoutFlag});
  redis.Set("hot", "value");
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("hot").status, 200);
  redis.Kill();
  for (int i = 0; i < 20; ++i) {
    ExpectUnavailable(&client, "cold" + std::to_string(i));
    EXPECT_TRUE(client.Get("hot").IsHit());
  }
  EXPECT_TRUE(proxy.WaitForLog("lost"));
  redis.Restart();
  EXPECT_LE(TimeUntilServed(proxy.port(), &redis), 1s + Patience(500ms));
  EXPECT_TRUE(proxy.WaitForLog("is back"));
  EXPECT_TRUE(client.Get("hot").IsHit());
}

TEST(OutageTest, MissesFailAtOnceWithRetryAfterWhileRedisStaysAway) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-timeout", kTimeoutFlag});
  redis.Kill();
  HttpClient client(proxy.port());
  EXPECT_EQ(client.Get("first").status, 502);
  EXPECT_TRUE(Eventually([&] {
    const TimePoint start = Now();
    const HttpResponse response = client.Get("k");
    return response.status == 503 && response.Header("retry-after") == "1" &&
           response.body == "Redis is unavailable, try again soon\n" &&
           Now() - start < kTimeout / 2;
  }));
}

TEST(OutageTest, HitsGoOnAndMissesTimeOutWhileRedisIsFrozen) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0", "-timeout", kTimeoutFlag});
  redis.Set("hot", "value");
  HttpClient hits(proxy.port());
  ASSERT_EQ(hits.Get("hot").status, 200);
  redis.Freeze();
  const TimePoint frozen_until = Now() + 2s;
  Duration slowest_hit{0};
  // A client per moment, so that misses wait while hits are served.
  std::vector<HttpClient> misses;
  std::vector<TimePoint> starts;
  size_t answered = 0;
  while (Now() < frozen_until || answered < misses.size()) {
    if (Now() < frozen_until) {
      starts.push_back(Now());
      misses.emplace_back(proxy.port());
      ASSERT_TRUE(misses.back().Send(GetRequest("cold" + std::to_string(misses.size()))));
    }
    for (int i = 0; i < 20; ++i) {
      const TimePoint start = Now();
      ASSERT_TRUE(hits.Get("hot").IsHit());
      slowest_hit = std::max<Duration>(slowest_hit, Now() - start);
    }
    std::this_thread::sleep_for(20ms);
    for (; answered < misses.size() && misses[answered].Stirs(0ms); ++answered) {
      EXPECT_LE(Now() - starts[answered], MissLimit() + Patience(50ms));
      const int status = misses[answered].Read().status;
      EXPECT_TRUE(status == 504 || (status == 503 && answered > 0)) << status;
    }
    ASSERT_LT(Now(), frozen_until + Patience(5s)) << "misses are left hanging";
  }
  EXPECT_LT(slowest_hit, Patience(200ms));
  redis.Thaw();
  EXPECT_LE(TimeUntilServed(proxy.port(), &redis), 1s + Patience(500ms));
  for (int i = 1; i < 20; ++i) {
    const std::string key = "cold" + std::to_string(i);
    redis.Set(key, "value of " + key);
    EXPECT_EQ(Fetch(proxy.port(), key).body, "value of " + key);
  }
}

TEST(OutageTest, ARedisThatIsFrozenAtTheStartIsServedLater) {
  RedisServer redis;
  redis.Freeze();
  Proxy proxy({"-redis", redis.address(), "-timeout", kTimeoutFlag});
  const TimePoint start = Now();
  EXPECT_EQ(Fetch(proxy.port(), "k").status, 504);
  EXPECT_LE(Now() - start, MissLimit());
  redis.Thaw();
  EXPECT_LE(TimeUntilServed(proxy.port(), &redis), 1s + Patience(500ms));
}

TEST(OutageTest, ConnectionsClosedWhileIdleCostNoRequestAnError) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0"});
  HttpClient client(proxy.port());
  for (int round = 0; round < 3; ++round) {
    const std::string key = "k" + std::to_string(round);
    redis.Set(key, key);
    EXPECT_EQ(client.Get(key).body, key);
    ASSERT_TRUE(redis.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}) != "");
  }
  EXPECT_EQ(client.Get("missing").status, 404);
}

TEST(OutageTest, TheIdleTimeoutOfRedisCostsNoRequestAnError) {
  RedisServer redis({.arguments = {"--timeout", "1"}});
  Proxy proxy({"-redis", redis.address(), "-expire", "0"});
  HttpClient client(proxy.port());
  redis.Set("a", "1");
  redis.Set("b", "2");
  EXPECT_EQ(client.Get("a").body, "1");
  ASSERT_TRUE(Eventually([&] { return redis.client().ConnectedClients() == 1; }));
  EXPECT_EQ(client.Get("b").body, "2");
  EXPECT_EQ(CountOccurrences(proxy.Log(), "lost"), 0U) << "nothing worth a line has happened";
}

TEST(OutageTest, ARedisThatClosesAtOnceSeesNoStormOfConnections) {
  FakeRedis redis;
  redis.CloseEachAtOnce(true);
  Proxy proxy({"-redis", redis.address(), "-timeout", kTimeoutFlag});
  std::vector<HttpClient> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(proxy.port());
  const TimePoint start = Now();
  int requests = 0;
  while (Now() - start < 2s) {
    for (HttpClient& client : clients) client.Send(GetRequest("k" + std::to_string(++requests)));
    for (HttpClient& client : clients) {
      const int status = client.Read().status;
      ASSERT_TRUE(status == 502 || status == 503) << status;
    }
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GE(redis.connections_accepted(), 1);
  EXPECT_LE(redis.connections_accepted(), 60) << "for " << requests << " requests";
}

TEST(OutageTest, TooManyClientsIsBusyAndPassesByItself) {
  RedisServer redis;
  ASSERT_EQ(redis.Command({"CONFIG", "SET", "maxclients", "1"}), "OK");
  redis.Set("k", "value");
  Proxy proxy({"-redis", redis.address(), "-timeout", kTimeoutFlag});
  const HttpResponse response = Fetch(proxy.port(), "k");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.Header("retry-after"), "1");
  EXPECT_EQ(response.body, "Redis has too many clients\n");
  EXPECT_TRUE(proxy.WaitForLog("max number of clients"));
  ASSERT_EQ(redis.Command({"CONFIG", "SET", "maxclients", "100"}), "OK");
  EXPECT_LE(TimeUntilServed(proxy.port(), &redis), 1s + Patience(500ms));
}

TEST(OutageTest, ManyClientsAreAllAnsweredWhenRedisDiesUnderThem) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-timeout", kTimeoutFlag});
  redis.Freeze();
  std::vector<HttpClient> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back(proxy.port());
    clients.back().Send(GetRequest("k" + std::to_string(i)));
  }
  const TimePoint start = Now();
  redis.Kill();
  for (HttpClient& client : clients) {
    const int status = client.Read().status;
    EXPECT_TRUE(status == 502 || status == 503 || status == 504) << status;
  }
  EXPECT_LE(Now() - start, MissLimit());
}

}  // namespace
}  // namespace rp::integration
