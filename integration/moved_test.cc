// The address, the name or the socket of Redis begins to lead to another server, while the one
// before lives on as a master and keeps its connections: the values of two servers are never mixed,
// and the move is noticed though every request is a hit.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"
#include "integration/harness/renamed_host.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

// What docs/coherence.md promises.
constexpr Duration kMaxToNotice = 5s;
// Hits come back within a second; the rest is for a machine that is busy.
constexpr Duration kBackSoon = 3s;

const char kMovedLine[] = "leads to another server now";

std::vector<std::string> Coherently(const std::string& redis) {
  // A lease that outlives the pauses of a busy machine, so that nothing else ends the hits.
  return {"-redis", redis, "-resp", "127.0.0.1:0", "-coherent", "-max-stale", "4s", "-expire", "0"};
}

// Asks for "k", which is "old" in the cache and at the old server and "new" at the new one, until
// the new one answers. Until then every answer must be a hit.
void ExpectNoticed(const Proxy& proxy, TimePoint moved) {
  HttpClient client(proxy.port());
  RespClient resp(RespPort(proxy));
  HttpResponse response;
  do {
    ASSERT_LE(Now() - moved, Patience(kMaxToNotice));
    response = client.Get("k");
    EXPECT_TRUE(response.IsHit() || response.body != "old");
  } while (response.body == "old");
  EXPECT_EQ(response.body, "new");
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(client.Get("k").body, "new");
    ASSERT_EQ(resp.Exchange("GET k\r\n"), "$3\r\nnew\r\n");
  }
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
}

// Whether writes of the new server are seen and those of the old one are not.
void ExpectFollowed(RedisServer* old_server, RedisServer* new_server, const Proxy& proxy) {
  HttpClient client(proxy.port());
  old_server->Set("k", "older");
  new_server->Set("k", "newer");
  EXPECT_TRUE(BecomesHit(&client, "k", "newer"));
  new_server->Set("k", "newest");
  EXPECT_TRUE(BecomesHit(&client, "k", "newest"));
}

// A relay leads new connections elsewhere.
class MovedAddressTest : public ::testing::Test {
 protected:
  MovedAddressTest() {
    old_.Set("k", "old");
    new_.Set("k", "new");
    new_.Set("only here", "value");
  }

  RedisServer old_;
  RedisServer new_;
  Relay address_{old_.port()};
};

TEST_F(MovedAddressTest, IsNoticedThoughEveryRequestIsAHitAndTheOldServerLives) {
  const Proxy proxy(Coherently(address_.address()));
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  const int64_t before = old_.GetCount();
  address_.TurnTo(new_.port());
  ExpectNoticed(proxy, Now());
  EXPECT_EQ(old_.GetCount(), before);
  ExpectFollowed(&old_, &new_, proxy);
  EXPECT_EQ(CountOccurrences(proxy.Log(), kMovedLine), 1U) << proxy.Log();
  EXPECT_TRUE(
      Eventually([&] { return old_.client().ClientsNamed("redis-proxy-tracking").empty(); }));
}

TEST_F(MovedAddressTest, HitsComeBackSoonHoweverLongALeaseIs) {
  std::vector<std::string> flags = Coherently(address_.address());
  flags.insert(flags.end(), {"-max-stale", "1m"});
  const Proxy proxy(flags);
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  address_.TurnTo(new_.port());
  ASSERT_TRUE(Eventually([&] { return client.Get("k").body == "new"; }));
  EXPECT_TRUE(Eventually([&] { return client.Get("k").IsHit(); }, kBackSoon));
}

TEST_F(MovedAddressTest, ADataConnectionThatFindsTheOtherServerEndsAllHitsOfTheOldOne) {
  std::vector<std::string> flags = Coherently(address_.address());
  flags.insert(flags.end(), {"-redis-connections", "1"});
  const Proxy proxy(flags);
  HttpClient client(proxy.port());
  RespClient resp(RespPort(proxy));
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_EQ(client.Get("only here").status, 404);
  address_.TurnTo(new_.port());
  old_.client().KillClientsNamed("redis-proxy");
  // A key that is in no cache, so that the answer is the other server's.
  ASSERT_EQ(resp.Exchange("MGET absent\r\n"), "*1\r\n$-1\r\n");
  ASSERT_EQ(old_.client().ClientsNamed("redis-proxy").size(), 0U);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(client.Get("k").body, "new");
    ASSERT_EQ(resp.Exchange("GET k\r\n"), "$3\r\nnew\r\n");
    ASSERT_EQ(client.Get("only here").body, "value");
  }
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
  ExpectFollowed(&old_, &new_, proxy);
  EXPECT_EQ(CountOccurrences(proxy.Log(), kMovedLine), 1U) << proxy.Log();
}

TEST_F(MovedAddressTest, BackAndForthNothingOfTheOtherServerIsServed) {
  const Proxy proxy(Coherently(address_.address()));
  HttpClient client(proxy.port());
  RedisServer* const servers[] = {&old_, &new_};
  for (int round = 0; round < 6; ++round) {
    RedisServer* const here = servers[round % 2];
    RedisServer* const there = servers[(round + 1) % 2];
    const std::string value = std::to_string(round);
    here->Set("k", value);
    address_.TurnTo(here->port());
    // Whatever there is leads to the other one: a new connection must find the way.
    there->client().KillClientsNamed("redis-proxy");
    there->client().KillSubscriber();
    ASSERT_TRUE(BecomesHit(&client, "k", value));
    there->Set("k", "of the other");
    ASSERT_EQ(client.Get("k").body, value);
  }
}

TEST(MovedSocketTest, APathThatAnotherServerTakesOverIsNoticed) {
  RedisServer old_server({.unix_socket = true});
  RedisServer new_server({.unix_socket = true});
  old_server.Set("k", "old");
  new_server.Set("k", "new");
  const Proxy proxy(Coherently(old_server.address()));
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_EQ(std::rename(new_server.address().c_str(), old_server.address().c_str()), 0);
  ExpectNoticed(proxy, Now());
  ExpectFollowed(&old_server, &new_server, proxy);
  EXPECT_EQ(CountOccurrences(proxy.Log(), kMovedLine), 1U) << proxy.Log();
}

TEST(MovedPortTest, APortThatTheOldServerLeavesToAnotherIsNoticed) {
  RedisServer old_server;
  old_server.Set("k", "old");
  const Proxy proxy(Coherently(old_server.address()));
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_EQ(old_server.Command({"CONFIG", "SET", "port", std::to_string(ProbablyFreePort())}),
            "OK");
  RedisServer new_server({.port = old_server.port()});
  const TimePoint moved = Now();
  new_server.Set("k", "new");
  ExpectNoticed(proxy, moved);
  ExpectFollowed(&old_server, &new_server, proxy);
}

// A name of two servers on the same port.
class MovedNameTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = RenamedHost::WhyNot(); !reason.empty()) GTEST_SKIP() << reason;
    old_ = std::make_unique<RedisServer>(RedisOptions{.host = "127.0.0.2"});
    new_ = std::make_unique<RedisServer>(RedisOptions{.host = "127.0.0.3", .port = old_->port()});
    old_->Set("k", "old");
    new_->Set("k", "new");
  }

  [[nodiscard]] std::string Target() const {
    return host_.name() + ":" + std::to_string(old_->port());
  }

  const RenamedHost host_{{"127.0.0.2"}};
  std::unique_ptr<RedisServer> old_;
  std::unique_ptr<RedisServer> new_;
};

TEST_F(MovedNameTest, IsFollowedWhileTheOldServerLives) {
  const Proxy proxy(Coherently(Target()), {.environment = host_.Environment()});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  host_.LeadTo({"127.0.0.3"});
  ExpectNoticed(proxy, Now());
  ExpectFollowed(old_.get(), new_.get(), proxy);
  EXPECT_TRUE(Eventually([&] { return old_->client().ClientsNamed("redis-proxy").empty(); }));
  EXPECT_EQ(CountOccurrences(proxy.Log(), "no longer has an address that is in use"), 1U)
      << proxy.Log();
}

TEST_F(MovedNameTest, WithoutCoherentRequestsGoToTheNewServer) {
  const Proxy proxy({"-redis", Target(), "-capacity", "0"}, {.environment = host_.Environment()});
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("k").body, "old");
  host_.LeadTo({"127.0.0.3"});
  EXPECT_TRUE(Eventually([&] { return client.Get("k").body == "new"; }, kMaxToNotice));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Get("k").body, "new");
  EXPECT_TRUE(old_->client().ClientsNamed("redis-proxy").empty());
}

TEST_F(MovedNameTest, ANameThatIsUnknownForAWhileChangesNothing) {
  const Proxy proxy(Coherently(Target()), {.environment = host_.Environment()});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  host_.LeadTo({});
  for (const TimePoint end = Now() + kMaxToNotice; Now() < end;) {
    ASSERT_TRUE(client.Get("k").IsHit());
  }
  old_->Set("k", "older");
  EXPECT_TRUE(BecomesHit(&client, "k", "older"));
  EXPECT_EQ(proxy.Log().find(" warn "), std::string::npos) << proxy.Log();
  host_.LeadTo({"127.0.0.3"});
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
}

TEST_F(MovedNameTest, AResolverThatHangsDelaysNobodyAndNotTheEnd) {
  Proxy proxy(Coherently(Target()), {.environment = host_.Environment()});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  const UniqueFd hang = host_.HangFor(kMaxToNotice);
  ASSERT_TRUE(static_cast<bool>(hang)) << "the watch resolves no name";
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(client.Get("k").IsHit());
  old_->Set("k", "older");
  EXPECT_TRUE(BecomesHit(&client, "k", "older"));
  EXPECT_EQ(client.Get("missing").status, 404);
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
  EXPECT_LT(Now() - start, Patience(5s));
}

TEST(ManyAddressesTest, OneServerAtTwoAddressesOfANameIsOneServer) {
  if (const std::string reason = RenamedHost::WhyNot(); !reason.empty()) GTEST_SKIP() << reason;
  RedisServer redis({.host = "127.0.0.2", .arguments = {"--bind", "127.0.0.2", "127.0.0.3"}});
  redis.Set("k", "value");
  const RenamedHost host({"127.0.0.2", "127.0.0.3"});
  const Proxy proxy(Coherently(host.name() + ":" + std::to_string(redis.port())),
                    {.environment = host.Environment()});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "value"));
  const auto is_at = [&](const std::string& address) {
    for (const std::string& line : redis.client().ClientsNamed("redis-proxy")) {
      if (line.find("laddr=" + address + ":") != std::string::npos) return true;
    }
    return false;
  };
  ASSERT_TRUE(is_at("127.0.0.2"));
  // The data connections move to the other address; the one that brings the reports stays.
  host.LeadTo({"127.0.0.3", "127.0.0.2"});
  redis.client().KillClientsNamed("redis-proxy");
  ASSERT_EQ(client.Get("absent").status, 404);
  ASSERT_TRUE(is_at("127.0.0.3"));
  EXPECT_EQ(redis.client().ClientsNamed("redis-proxy-tracking").size(), 1U);
  // Longer than it takes to look twice.
  for (const TimePoint end = Now() + kMaxToNotice; Now() < end;) {
    ASSERT_TRUE(client.Get("k").IsHit());
  }
  EXPECT_EQ(proxy.Log().find(" warn "), std::string::npos) << proxy.Log();
}

}  // namespace
}  // namespace rp::integration
