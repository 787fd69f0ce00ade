// What happens between a miss and Redis: how many GETs are on their way, who waits for which, and
// for how long. One GET for many clients, and no reply under another's key, are in
// known_failures_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"

namespace rp::integration {
namespace {

// A handler that answers GETs with the usual value, but only after `delay`.
FakeRedis::Script Late(Duration delay) {
  return [delay](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("value of " + command.key()), .delay = delay};
  };
}

// Asks for `count` keys, each over a connection of its own, all at once, and checks the answers.
void GetAtOnce(int port, int count) {
  std::vector<HttpClient> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(port);
    ASSERT_TRUE(clients.back().Send(GetRequest("k" + std::to_string(i))));
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(clients[static_cast<size_t>(i)].Read().body, "value of k" + std::to_string(i));
  }
}

TEST(MissesTest, WithAnOpsLimitOfOneNoTwoGetsAreEverUnanswered) {
  FakeRedis redis(Late(1ms));
  Proxy proxy({"-redis", redis.address(), "-redis-ops-limit", "1"});
  GetAtOnce(proxy.port(), 200);
  EXPECT_EQ(redis.unanswered_gets_max(), 1);
  EXPECT_EQ(redis.Count("GET"), 200u);
}

TEST(MissesTest, TheOpsLimitIsReachedAndNeverExceeded) {
  for (const int limit : {2, 5, 33}) {
    FakeRedis redis(Late(30ms));
    Proxy proxy({"-redis", redis.address(), "-redis-ops-limit", std::to_string(limit)});
    GetAtOnce(proxy.port(), 100);
    EXPECT_EQ(redis.unanswered_gets_max(), limit);
  }
}

TEST(MissesTest, TheOpsLimitIs128UnlessSet) {
  FakeRedis redis(Late(50ms));
  Proxy proxy({"-redis", redis.address()});
  GetAtOnce(proxy.port(), 600);
  EXPECT_LE(redis.unanswered_gets_max(), 128);
  EXPECT_GT(redis.unanswered_gets_max(), 32) << "one connection's worth";
}

TEST(MissesTest, TheConnectionsAreAtMostAsManyAsAskedFor) {
  for (const int connections : {1, 3}) {
    FakeRedis redis(Late(10ms));
    Proxy proxy({"-redis", redis.address(), "-redis-connections", std::to_string(connections)});
    GetAtOnce(proxy.port(), 200);
    EXPECT_LE(redis.connections_accepted(), connections);
  }
}

TEST(MissesTest, AClientThatLeavesDoesNotCancelTheFetchForOthers) {
  FakeRedis redis(Late(300ms));
  Proxy proxy({"-redis", redis.address()});
  HttpClient leaver(proxy.port());
  leaver.Send(GetRequest("k"));
  ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 1; }));
  HttpClient stayer(proxy.port());
  stayer.Send(GetRequest("k"));
  EXPECT_FALSE(stayer.Stirs(50ms));
  leaver.Reset();
  EXPECT_EQ(stayer.Read().body, "value of k");
  EXPECT_EQ(redis.Count("GET"), 1u);
}

TEST(MissesTest, AFetchWhoseClientsAllLeftStillFillsTheCache) {
  FakeRedis redis(Late(100ms));
  Proxy proxy({"-redis", redis.address()});
  HttpClient leaver(proxy.port());
  leaver.Send(GetRequest("k"));
  ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 1; }));
  leaver.Reset();
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
  EXPECT_TRUE(Fetch(proxy.port(), "k").IsHit());
  EXPECT_EQ(redis.Count("GET"), 1u);
}

TEST(MissesTest, EachWaiterHasItsOwnDeadline) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() == "GET") return FakeRedis::Answer{.held = true};
    return std::nullopt;
  });
  Proxy proxy({"-redis", redis.address(), "-timeout", "500ms"});
  HttpClient early(proxy.port());
  const TimePoint early_start = Now();
  early.Send(GetRequest("k"));
  EXPECT_FALSE(early.Stirs(300ms));
  HttpClient late(proxy.port());
  const TimePoint late_start = Now();
  late.Send(GetRequest("k"));
  EXPECT_EQ(early.Read().status, 504);
  EXPECT_GE(MillisecondsSince(early_start), 490);
  EXPECT_LE(Now() - early_start, 500ms + Patience(200ms));
  EXPECT_EQ(late.Read().status, 504);
  EXPECT_LE(Now() - late_start, 500ms + Patience(200ms));
}

TEST(MissesTest, ALateReplyIsNotTakenForTheNextOne) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.arguments.size() < 2 || command.key() != "slow") return std::nullopt;
    return FakeRedis::Answer{
        .bytes = command.name() == "GET" ? FakeRedis::Bulk("value of slow") : ":-1\r\n",
        .delay = 400ms};
  });
  // One connection, so that every request follows the slow one.
  Proxy proxy({"-redis", redis.address(), "-redis-connections", "1", "-timeout", "200ms"});
  EXPECT_EQ(Fetch(proxy.port(), "slow").status, 504);
  const TimePoint end = Now() + 800ms;
  int answered = 0;
  for (int i = 0; Now() < end || answered == 0; ++i) {
    const std::string key = "fast" + std::to_string(i);
    const HttpResponse response = Fetch(proxy.port(), key);
    if (response.status == 200) {
      ASSERT_EQ(response.body, "value of " + key);
      ++answered;
    }
    ASSERT_LT(i, 100'000);
  }
}

TEST(MissesTest, AConnectionLostBeforeItsReplyIsWorthAnotherTry) {
  std::atomic<int> gets = 0;
  FakeRedis redis([&gets](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET" || ++gets > 1) return std::nullopt;
    return FakeRedis::Answer{.close = true};
  });
  Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
  EXPECT_EQ(redis.Count("GET"), 2u);
}

TEST(MissesTest, RepliesReadBeforeAConnectionIsLostStand) {
  std::atomic<bool> lost = false;
  FakeRedis redis([&lost](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    if (command.key() == "k50" && !lost.exchange(true)) return FakeRedis::Answer{.close = true};
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("value of " + command.key()), .delay = 5ms};
  });
  Proxy proxy({"-redis", redis.address()});
  GetAtOnce(proxy.port(), 200);
  EXPECT_TRUE(lost);
}

TEST(MissesTest, AReplyMayComeInPieces) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() == "GET") return FakeRedis::Answer{.bytes = "$8\r\nab\r\n"};
    if (command.name() == "PTTL")
      return FakeRedis::Answer{.bytes = "cd\r\n\r\n:-1\r\n", .delay = 50ms};
    return std::nullopt;
  });
  Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "ab\r\ncd\r\n");
}

}  // namespace
}  // namespace rp::integration
