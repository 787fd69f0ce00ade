// Which server the connections lead to: time is an argument, and there are no connections.
#include "redis/current_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace rp::redis {
namespace {

using Kind = ServerIdentity::Kind;

constexpr ServerIdentity kOne{Kind::kRunId, 1};
constexpr ServerIdentity kOther{Kind::kRunId, 2};
constexpr ServerIdentity kUnknown{};
constexpr uint64_t kHere = 77;
constexpr uint64_t kThere = 78;

class CurrentServerTest : public testing::Test {
 protected:
  // A connection that nothing has overtaken.
  uint64_t Connect(const ServerIdentity& server, uint64_t address = kHere) {
    return server_.OnConnected(server, address, server_.generation(), now_);
  }

  [[nodiscard]] bool IsOutdated(uint64_t generation) {
    return !server_.RunIf(generation, [] {});
  }

  std::string LogOf(const std::function<void()>& action) {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
  }

  TimePoint now_{std::chrono::hours(1)};
  std::vector<TimePoint> moves_;
  std::vector<uint64_t> generations_seen_;  // by on_moved
  CurrentServer server_{"redis:6379", [this](TimePoint now) {
                          moves_.push_back(now);
                          generations_seen_.push_back(server_.generation());
                        }};
};

TEST_F(CurrentServerTest, ConnectionsToOneServerAreOfOneGeneration) {
  const uint64_t first = Connect(kOne);
  EXPECT_EQ(Connect(kOne), first);
  EXPECT_EQ(Connect(kOne, kThere), first) << "whatever its address";
  EXPECT_FALSE(IsOutdated(first));
  EXPECT_EQ(server_.addresses(), (std::vector<uint64_t>{kHere, kThere}));
  EXPECT_TRUE(moves_.empty());
}

TEST_F(CurrentServerTest, TheNewestConnectionWins) {
  const uint64_t old_one = Connect(kOne);
  const uint64_t newer = Connect(kOther, kThere);
  EXPECT_TRUE(IsOutdated(old_one));
  EXPECT_FALSE(IsOutdated(newer));
  EXPECT_EQ(moves_, std::vector<TimePoint>{now_});
  EXPECT_EQ(server_.addresses(), std::vector<uint64_t>{kThere}) << "what led to the old one";

  const uint64_t back = Connect(kOne);
  EXPECT_TRUE(IsOutdated(newer));
  EXPECT_TRUE(IsOutdated(old_one)) << "the same server, but its reports may have been missed";
  EXPECT_FALSE(IsOutdated(back));
  EXPECT_EQ(moves_.size(), 2U);
}

TEST_F(CurrentServerTest, WhatIsKnownByItsAddressMovesWithIt) {
  const uint64_t here = Connect({Kind::kAddress, kHere});
  EXPECT_EQ(Connect({Kind::kAddress, kHere}), here);
  EXPECT_NE(Connect({Kind::kAddress, kThere}, kThere), here);
  EXPECT_EQ(moves_.size(), 1U);
  // A number is no identity without its kind.
  EXPECT_TRUE(IsOutdated(here));
  static_cast<void>(Connect({Kind::kRunId, kThere}, kThere));
  EXPECT_EQ(moves_.size(), 2U);
}

TEST_F(CurrentServerTest, AConnectionThatWasBegunBeforeTheLastMoveIsOutdated) {
  static_cast<void>(Connect(kOne));
  const uint64_t since = server_.generation();
  const uint64_t newer = Connect(kOther);
  // It began earlier and ends later: it does not tell where the address leads now.
  EXPECT_TRUE(IsOutdated(server_.OnConnected(kOne, kHere, since, now_)));
  EXPECT_FALSE(IsOutdated(newer));
  EXPECT_EQ(moves_.size(), 1U);
  EXPECT_FALSE(IsOutdated(Connect(kOther))) << "what it was is not noted either";

  const uint64_t before = server_.generation();
  server_.Outdate(now_);
  EXPECT_TRUE(IsOutdated(server_.OnConnected(kOther, kHere, before, now_)));
  EXPECT_TRUE(server_.addresses().empty());
}

TEST_F(CurrentServerTest, AServerThatCannotTellChangesNothing) {
  const uint64_t known = Connect(kOne);
  EXPECT_EQ(Connect(kUnknown, kThere), known);
  EXPECT_FALSE(IsOutdated(known));
  EXPECT_EQ(Connect(kOne), known);
  EXPECT_TRUE(moves_.empty());
  EXPECT_EQ(server_.addresses(), (std::vector<uint64_t>{kHere, kThere})) << "but leads somewhere";
}

TEST_F(CurrentServerTest, AnUnknownServerFirstIsNoOtherThanTheNext) {
  const uint64_t unknown = Connect(kUnknown);
  EXPECT_EQ(Connect(kOne), unknown);
  EXPECT_TRUE(moves_.empty());
}

TEST_F(CurrentServerTest, OutdatingEndsAllAndForgetsTheServer) {
  const uint64_t one = Connect(kOne);
  server_.Outdate(now_);
  EXPECT_TRUE(IsOutdated(one));
  EXPECT_EQ(moves_, std::vector<TimePoint>{now_});
  const std::string log = LogOf([&] { EXPECT_FALSE(IsOutdated(Connect(kOther))); });
  EXPECT_EQ(moves_.size(), 1U) << "all are outdated already";
  EXPECT_EQ(log, "") << "whoever outdates says why";
}

TEST_F(CurrentServerTest, AMoveIsToldBeforeItsGenerationIsUsed) {
  const uint64_t one = Connect(kOne);
  const uint64_t other = Connect(kOther);
  // At the call nothing older counts any more, and the connection that it is for has not been
  // handed out.
  ASSERT_EQ(generations_seen_.size(), 1U);
  EXPECT_NE(generations_seen_[0], one);
  EXPECT_EQ(generations_seen_[0], other);
}

TEST_F(CurrentServerTest, RunIfRunsWhatIsNotOutdated) {
  const uint64_t one = Connect(kOne);
  int runs = 0;
  EXPECT_TRUE(server_.RunIf(one, [&] { ++runs; }));
  server_.Outdate(now_);
  EXPECT_FALSE(server_.RunIf(one, [&] { ++runs; }));
  EXPECT_EQ(runs, 1);
  server_.Run([&] { ++runs; });
  EXPECT_EQ(runs, 2);
}

TEST_F(CurrentServerTest, AGenerationDoesNotEndWhileAnActionRuns) {
  const uint64_t one = Connect(kOne);
  std::thread mover;
  EXPECT_TRUE(server_.RunIf(one, [&] {
    std::atomic<bool> is_about_to_outdate = false;
    mover = std::thread([&] {
      is_about_to_outdate = true;
      server_.Outdate(now_);
    });
    while (!is_about_to_outdate) std::this_thread::yield();
    const TimePoint until = Now() + std::chrono::milliseconds(20);
    while (Now() < until) EXPECT_EQ(server_.generation(), one);
  }));
  mover.join();
  EXPECT_TRUE(IsOutdated(one));
}

TEST_F(CurrentServerTest, MovesAreLoggedAtMostOnceInTenSeconds) {
  static_cast<void>(Connect(kOne));
  const std::string log = LogOf([&] { static_cast<void>(Connect(kOther)); });
  EXPECT_NE(log.find("redis:6379 leads to another server now"), std::string::npos) << log;
  EXPECT_EQ(LogOf([&] { static_cast<void>(Connect(kOne)); }), "");
  now_ += std::chrono::seconds(10);
  EXPECT_NE(LogOf([&] { static_cast<void>(Connect(kOther)); }), "");
}

TEST(CurrentServerWithoutCallbackTest, Moves) {
  CurrentServer server("redis:6379");
  const uint64_t one = server.OnConnected(kOne, kHere, server.generation(), Now());
  server.Outdate(Now());
  EXPECT_NE(server.generation(), one);
}

}  // namespace
}  // namespace rp::redis
