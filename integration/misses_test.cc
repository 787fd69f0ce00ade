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
FakeRedis::Handler Late(Duration delay) {
  return [delay](const FakeRedis::Command& command) -> std::optional<FakeReply> {
    if (command[0] != "GET") return std::nullopt;
    return FakeReply{.bytes = Bulk("value of " + command[1]), .delay = delay};
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
  EXPECT_EQ(redis.max_unanswered_gets(), 1);
  EXPECT_EQ(redis.get_count(), 200);
}

TEST(MissesTest, TheOpsLimitIsReachedAndNeverExceeded) {
  for (const int limit : {2, 5, 33}) {
    FakeRedis redis(Late(30ms));
    Proxy proxy({"-redis", redis.address(), "-redis-ops-limit", std::to_string(limit)});
    GetAtOnce(proxy.port(), 100);
    EXPECT_EQ(redis.max_unanswered_gets(), limit);
  }
}

TEST(MissesTest, TheOpsLimitIs128UnlessSet) {
  FakeRedis redis(Late(50ms));
  Proxy proxy({"-redis", redis.address()});
  GetAtOnce(proxy.port(), 600);
  EXPECT_LE(redis.max_unanswered_gets(), 128);
  EXPECT_GT(redis.max_unanswered_gets(), 32) << "one connection's worth";
}

TEST(MissesTest, TheConnectionsAreAtMostAsManyAsAskedFor) {
  for (const int connections : {1, 3}) {
    FakeRedis redis(Late(10ms));
    Proxy proxy({"-redis", redis.address(), "-redis-connections", std::to_string(connections)});
    GetAtOnce(proxy.port(), 200);
    EXPECT_LE(redis.accepted(), connections);
  }
}

TEST(MissesTest, AClientThatLeavesDoesNotCancelTheFetchForOthers) {
  FakeRedis redis(Late(300ms));
  Proxy proxy({"-redis", redis.address()});
  HttpClient leaver(proxy.port());
  leaver.Send(GetRequest("k"));
  ASSERT_TRUE(Eventually([&] { return redis.get_count() == 1; }));
  HttpClient stayer(proxy.port());
  stayer.Send(GetRequest("k"));
  EXPECT_FALSE(stayer.Stirs(50ms));
  leaver.Reset();
  EXPECT_EQ(stayer.Read().body, "value of k");
  EXPECT_EQ(redis.get_count(), 1);
}

TEST(MissesTest, AFetchWhoseClientsAllLeftStillFillsTheCache) {
  FakeRedis redis(Late(100ms));
  Proxy proxy({"-redis", redis.address()});
  HttpClient leaver(proxy.port());
  leaver.Send(GetRequest("k"));
  ASSERT_TRUE(Eventually([&] { return redis.get_count() == 1; }));
  leaver.Reset();
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
  EXPECT_TRUE(Fetch(proxy.port(), "k").IsHit());
  EXPECT_EQ(redis.get_count(), 1);
}

TEST(MissesTest, EachWaiterHasItsOwnDeadline) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeReply> {
    if (command[0] == "GET") return FakeReply{};
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
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeReply> {
    if (command.size() < 2 || command[1] != "slow") return std::nullopt;
    return FakeReply{.bytes = command[0] == "GET" ? Bulk("value of slow") : ":-1\r\n",
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
  FakeRedis redis([&gets](const FakeRedis::Command& command) -> std::optional<FakeReply> {
    if (command[0] != "GET" || ++gets > 1) return std::nullopt;
    return FakeReply{.then_close = true};
  });
  Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
  EXPECT_EQ(redis.get_count(), 2);
}

TEST(MissesTest, RepliesReadBeforeAConnectionIsLostStand) {
  std::atomic<bool> lost = false;
  FakeRedis redis([&lost](const FakeRedis::Command& command) -> std::optional<FakeReply> {
    if (command[0] != "GET") return std::nullopt;
    if (command[1] == "k50" && !lost.exchange(true)) return FakeReply{.then_close = true};
    return FakeReply{.bytes = Bulk("value of " + command[1]), .delay = 5ms};
  });
  Proxy proxy({"-redis", redis.address()});
  GetAtOnce(proxy.port(), 200);
  EXPECT_TRUE(lost);
}

TEST(MissesTest, AReplyMayComeInPieces) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeReply> {
    if (command[0] == "GET") return FakeReply{.bytes = "$8\r\nab\r\n"};
    if (command[0] == "PTTL") return FakeReply{.bytes = "cd\r\n\r\n:-1\r\n", .delay = 50ms};
    return std::nullopt;
  });
  Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "ab\r\ncd\r\n");
}

}  // namespace
}  // namespace rp::integration
