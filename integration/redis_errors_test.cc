// What Redis may say instead of a value, and the HTTP status that each leads to: errors, passwords,
// permissions and nonsense.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

// Answers the GET of a key "say X" with the raw line X, everything else as usual.
std::optional<FakeRedis::Answer> SayAsAsked(const FakeRedis::Command& command) {
  if (command.name() != "GET" || !command.key().starts_with("say ")) return std::nullopt;
  return FakeRedis::Answer{.bytes = command.key().substr(4) + "\r\n"};
}

TEST(RedisErrorsTest, EachErrorHasItsStatus) {
  const std::vector<std::pair<std::string, int>> table = {
      {"-WRONGTYPE Operation against a key holding the wrong kind of value", 409},
      {"-NOPERM this user has no permissions to access one of the keys", 403},
      {"-LOADING Redis is loading the dataset in memory", 503},
      {"-MASTERDOWN Link with MASTER is down", 503},
      {"-BUSY Redis is busy running a script", 503},
      {"-CLUSTERDOWN The cluster is down", 503},
      {"-MOVED 3999 127.0.0.1:6381", 502},
      {"-ASK 3999 127.0.0.1:6381", 502},
      {"-ERR something else", 502},
      {"-", 502},
      {":1", 502},
      {"*1\r\n$1\r\na", 502},
      {"-NOAUTH Authentication required.", 502},
      {"?nonsense", 502},
      {"$x", 502},
  };
  FakeRedis redis(SayAsAsked);
  Proxy proxy({"-redis", redis.address(), "-timeout", "1s"});
  HttpClient client(proxy.port());
  for (const auto& [reply, status] : table) {
    SCOPED_TRACE(reply);
    const HttpResponse response = client.Get("say " + reply);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.Header("retry-after"), status == 503 ? "1" : "");
    EXPECT_EQ(CountOccurrences(response.body, "\n"), 1U) << response.body;
    // The failure passes with the request that met it.
    const std::string other = "other" + reply;
    EXPECT_TRUE(Eventually([&] { return client.Get(other).status == 200; }, 3s));
  }
}

// What is wrong with Redis is for the operator, once of each kind; the client is told what kind it
// is, and no addresses.
TEST(RedisErrorsTest, EachKindHasAReasonOfItsOwnAndALineInTheLog) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"LOADING Redis is loading the dataset in memory", "Redis is loading its data"},
      {"MASTERDOWN Link with MASTER is down", "Redis is a replica that has lost its master"},
      {"BUSY Redis is busy running a script", "Redis is busy running a script"},
      {"CLUSTERDOWN The cluster is down", "the Redis cluster is down"},
      {"TRYAGAIN Multiple keys request during rehashing", "the Redis cluster is moving keys"},
      {"MOVED 3999 10.0.0.9:6381", "Redis is a cluster, and another node has this key"},
  };
  FakeRedis redis(SayAsAsked);
  Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"});
  HttpClient client(proxy.port());
  RespClient resp_client(RespPort(proxy));
  for (const auto& [text, reason] : table) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Get("say -" + text).body, reason + "\n");
    EXPECT_TRUE(proxy.WaitForLog(text)) << text;
    const std::string reply = resp_client.Exchange(RespCommand({"GET", "say -" + text}));
    EXPECT_EQ(reply.find("10.0.0.9"), std::string::npos) << reply;
  }
  for (const auto& row : table) EXPECT_EQ(CountOccurrences(proxy.Log(), row.first), 1U);
}

// Over the Redis protocol they arrive as Redis sent them, unless they are about this proxy's own
// credentials, name another node of a cluster, or are no reply at all.
TEST(RedisErrorsTest, RedisClientsGetTheErrorsAsTheyAre) {
  FakeRedis redis(SayAsAsked);
  Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-timeout", "1s"});
  for (const std::string error :
       {"-WRONGTYPE Operation against a key holding the wrong kind of value",
        "-NOPERM this user has no permissions to access one of the keys",
        "-LOADING Redis is loading the dataset in memory", "-MASTERDOWN Link with MASTER is down",
        "-BUSY Redis is busy running a script", "-CLUSTERDOWN The cluster is down",
        "-ERR something else"}) {
    RespClient client(RespPort(proxy));
    EXPECT_EQ(client.Exchange(RespCommand({"GET", "say " + error})), error + "\r\n");
  }
  for (const std::string nonsense :
       {"-NOAUTH Authentication required.", "-MOVED 3999 127.0.0.1:6381",
        "-ASK 3999 127.0.0.1:6381", ":1", "?nonsense"}) {
    RespClient client(RespPort(proxy));
    const std::string reply = client.Exchange(RespCommand({"GET", "say " + nonsense}));
    EXPECT_TRUE(reply.starts_with("-ERR ")) << nonsense << ": " << reply;
    EXPECT_EQ(reply.find("127.0.0.1"), std::string::npos) << reply;
  }
}

TEST(RedisErrorsTest, AnErrorIsNotCached) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = "-ERR not now\r\n"};
  });
  Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "k").status, 502);
  redis.SetScript({});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
}

TEST(RedisErrorsTest, ARedisThatIsLoadingIsBusyAndServedLater) {
  FakeRedis redis([](const FakeRedis::Command&) -> std::optional<FakeRedis::Answer> {
    return FakeRedis::Answer{.bytes = "-LOADING Redis is loading the dataset in memory\r\n"};
  });
  Proxy proxy({"-redis", redis.address(), "-timeout", "500ms"});
  const TimePoint start = Now();
  const HttpResponse response = Fetch(proxy.port(), "k");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.Header("retry-after"), "1");
  EXPECT_EQ(response.body, "Redis is loading its data\n");
  EXPECT_TRUE(proxy.WaitForLog("LOADING"));
  EXPECT_LE(Now() - start, 500ms + Patience(200ms));
  redis.SetScript({});
  const TimePoint loaded = Now();
  EXPECT_TRUE(Eventually([&] { return Fetch(proxy.port(), "k").status == 200; }));
  EXPECT_LE(Now() - loaded, 1s + Patience(500ms));
}

// Redis says at length how its operator may change that.
TEST(RedisErrorsTest, WhyRedisRefusesTheConnectionIsForTheLogAlone) {
  const std::string text = "DENIED Redis is running in protected mode because";
  FakeRedis redis([&](const FakeRedis::Command&) -> std::optional<FakeRedis::Answer> {
    return FakeRedis::Answer{.bytes = "-" + text + std::string(600, 'x') + "\r\n"};
  });
  Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-timeout", "1s"});
  const std::string reason = "Redis refuses this proxy's connections; see the proxy's log";
  const HttpResponse response = Fetch(proxy.port(), "k");
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(response.body, reason + "\n");
  EXPECT_EQ(RespClient(RespPort(proxy)).Exchange("GET k\r\n"), "-ERR " + reason + "\r\n");
  EXPECT_TRUE(proxy.WaitForLog(text));
}

TEST(RedisErrorsTest, AMissingPasswordIsABadGatewayAndLogged) {
  RedisServer redis({.password = "secret"});
  Proxy proxy({"-redis", redis.address(), "-timeout", "1s"});
  EXPECT_EQ(Fetch(proxy.port(), "k").status, 502);
  EXPECT_TRUE(proxy.WaitForLog("NOAUTH"));
}

TEST(RedisErrorsTest, AWrongPasswordIsABadGatewayAndLogged) {
  RedisServer redis({.password = "secret"});
  Proxy proxy({"-redis", redis.address(), "-timeout", "1s"},
              {.environment = {"REDIS_PASSWORD=a-guess"}});
  EXPECT_EQ(Fetch(proxy.port(), "k").status, 502);
  EXPECT_TRUE(proxy.WaitForLog("WRONGPASS"));
  EXPECT_EQ(proxy.Log().find("a-guess"), std::string::npos) << "the password is in the log";
}

TEST(RedisErrorsTest, ThePasswordOfTheEnvironmentOpens) {
  RedisServer redis({.password = "secret pass"});
  redis.Set("k", "value");
  Proxy proxy({"-redis", redis.address()}, {.environment = {"REDIS_PASSWORD=secret pass"}});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value");
  EXPECT_EQ(proxy.Log().find("secret pass"), std::string::npos) << "the password is in the log";
}

TEST(RedisErrorsTest, AUserSeesWhatItsPermissionsAllow) {
  RedisServer redis;
  ASSERT_EQ(redis.Command({"ACL", "SETUSER", "reader", "on", ">word", "~allowed:*", "+@all"}),
            "OK");
  ASSERT_EQ(redis.Command({"ACL", "SETUSER", "default", "off"}), "OK");
  redis.Set("allowed:k", "yes");
  redis.Set("denied:k", "no");
  Proxy proxy({"-redis", redis.address()},
              {.environment = {"REDIS_USERNAME=reader", "REDIS_PASSWORD=word"}});
  HttpClient client(proxy.port());
  EXPECT_EQ(client.Get("allowed:k").body, "yes");
  EXPECT_EQ(client.Get("denied:k").status, 403);
  EXPECT_EQ(client.Get("allowed:none").status, 404);
}

}  // namespace
}  // namespace rp::integration
