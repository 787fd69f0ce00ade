// The subscriber against a Redis that follows a script: how it begins, what it passes on, what it
// does not put up with, and how it ends.
#include "redis/subscriber.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/tracking_redis.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;
using Kind = InvalidationRecorder::Kind;
using FirstOutcome = Subscriber::FirstOutcome;
using Strings = std::vector<std::string>;

const char kSetName[] = "CLIENT SETNAME redis-proxy-tracking";

class SubscriberTest : public WithSubscriber {
 protected:
  Strings Words() {
    Strings all;
    for (const FakeRedis::Command& command : redis_.server().commands()) {
      std::string words;
      for (const auto& argument : command.arguments) words += (words.empty() ? "" : " ") + argument;
      all.push_back(words);
    }
    return all;
  }
};

// --- Renewal ---

TEST_F(SubscriberTest, ConnectsAnewWhenItsConnectionIsOutdated) {
  options_.max_stale = milliseconds(200);
  testing::internal::CaptureStderr();
  StartLive();
  server_.Outdate(Now());
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, 3)) << "once, and then it stays";
  EXPECT_EQ(recorder_.Count(Kind::kLive), 2u);
  subscriber_->Stop();
  EXPECT_EQ(testing::internal::GetCapturedStderr().find("lost track"), std::string::npos)
      << "whoever asked says why";
}

// --- The handshake ---

TEST_F(SubscriberTest, TracksAllKeysByDefault) {
  options_.max_stale = seconds(60);
  StartLive();
  EXPECT_EQ(Words(), (Strings{"PING", kSetName, "INFO server", "HELLO 3",
                              "CLIENT TRACKING ON BCAST", "PING"}));
}

TEST_F(SubscriberTest, AuthenticatesNamesEachPrefixAndSelectsNoDatabase) {
  options_.max_stale = seconds(60);
  options_.target.username = "proxy";
  options_.target.password = "secret";
  options_.target.database = 3;
  options_.prefixes = {"user:", "page:"};
  StartLive();
  EXPECT_EQ(Words(), (Strings{"AUTH proxy secret", "PING", kSetName, "INFO server", "HELLO 3",
                              "CLIENT TRACKING ON BCAST PREFIX user: PREFIX page:", "PING"}));
}

TEST_F(SubscriberTest, IsNotLiveBeforeTheTrackingIsAcknowledged) {
  redis_.Reply("CLIENT TRACKING", Answer{.bytes = "+OK\r\n", .held = true});
  Start();
  ASSERT_TRUE(Await([this] { return redis_.Received("CLIENT TRACKING").size() == 1; }));
  EXPECT_EQ(subscriber_->AwaitFirst(Now() + milliseconds(50)), FirstOutcome::kUnreachable);
  EXPECT_TRUE(recorder_.events().empty());
  redis_.server().Release();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kLive);
}

TEST_F(SubscriberTest, IsNotLiveBeforePingIsAnswered) {
  redis_.Reply("READY", Answer{.bytes = kPong, .held = true});
  Start();
  ASSERT_TRUE(Await([this] { return redis_.Received("READY").size() == 1; }));
  EXPECT_EQ(subscriber_->AwaitFirst(Now() + milliseconds(50)), FirstOutcome::kUnreachable);
  EXPECT_TRUE(recorder_.events().empty());
  redis_.server().Release();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kLive);
}

TEST_F(SubscriberTest, IsNotLiveWithATrackingThatIsNotOne) {
  redis_.Reply("CLIENT TRACKING", ":1\r\n");
  Start();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kUnreachable);
  EXPECT_TRUE(recorder_.events().empty());
}

TEST_F(SubscriberTest, NamesTheServerAsDataConnectionsDo) {
  StartLive();
  options_.target.asks_identity = true;
  auto connection = Connection::Connect(options_.target, Now() + seconds(5), -1);
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ((*connection)->identity().kind, ServerIdentity::Kind::kRunId);
  EXPECT_EQ(recorder_.Of(Kind::kLive).front().server, (*connection)->identity().id);
}

// It may have moved while there was no connection, and nothing else would tell.
TEST_F(SubscriberTest, OutdatesAllConnectionsToAServerThatTellsNoRunId) {
  redis_.Reply("INFO", "-NOPERM no\r\n");
  StartLive();
  const uint64_t generation = server_.generation();
  redis_.server().CloseConnections();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  EXPECT_GT(server_.generation(), generation);
}

TEST_F(SubscriberTest, KeepsTheConnectionsToAServerThatTellsItsRunId) {
  StartLive();
  const uint64_t generation = server_.generation();
  redis_.server().CloseConnections();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  EXPECT_EQ(server_.generation(), generation);
}

TEST_F(SubscriberTest, OutdatesAllConnectionsWhenItFindsAnotherServer) {
  StartLive();
  const uint64_t generation = server_.generation();
  redis_.Reply("INFO", FakeRedis::Bulk("# Server\r\nrun_id:4567\r\n"));
  redis_.server().CloseConnections();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  EXPECT_EQ(server_.generation(), generation + 1);
  const auto lives = recorder_.Of(Kind::kLive);
  EXPECT_NE(lives[0].server, lives[1].server);
}

// --- Reports ---

TEST_F(SubscriberTest, PassesReportsOnInOrder) {
  redis_.Reply("READY", kPong + KeysReport({"one"}) + kFlushReport + KeysReport({"two"}));
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kKey, 2));
  EXPECT_EQ(recorder_.Keys(), (Strings{"one", "two"}));
  EXPECT_EQ(recorder_.Count(Kind::kFlush), 1u);
  EXPECT_EQ(recorder_.events().front().kind, Kind::kLive);
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

// --- What Redis cannot or does not let us do ---

TEST_F(SubscriberTest, SaysWhatIsUnsupportedAndWhatToDo) {
  const std::string grant = "run ACL SETUSER proxy +client|tracking +ping +info";
  const std::string upgrade =
      "this needs Redis 6.0.6 or newer, or a service that allows CLIENT TRACKING in RESP3";
  const struct {
    std::string step, reply, message;
  } rows[] = {
      {"READY", "NOPERM no 'ping'",
       " does not permit this proxy to follow writes (NOPERM no 'ping'): " + grant},
      {"PING", "DENIED protected mode",
       " refuses the connection (DENIED protected mode): check its configuration and this proxy's "
       "-redis flags"},
      {"AUTH", "WRONGPASS invalid",
       " refuses the credentials (WRONGPASS invalid): check the user name and the password"},
      {"HELLO", "ERR unknown command `HELLO`",
       " cannot report writes (ERR unknown command `HELLO`): " + upgrade},
      {"HELLO", "NOPROTO unsupported protocol version",
       " cannot report writes (NOPROTO unsupported protocol version): " + upgrade},
      {"HELLO", "NOPERM no 'hello'",
       " does not permit this proxy to follow writes (NOPERM no 'hello'): " + grant + " +hello"},
      {"CLIENT TRACKING", "NOPERM no 'client|tracking'",
       " does not permit this proxy to follow writes (NOPERM no 'client|tracking'): " + grant},
      {"CLIENT TRACKING", "ERR unknown subcommand 'tracking'",
       " cannot report writes (ERR unknown subcommand 'tracking'): " + upgrade},
      {"CLIENT TRACKING", "ERR Prefix 'ab' overlaps with an existing prefix 'a'",
       " cannot report writes (ERR Prefix 'ab' overlaps with an existing prefix 'a'): no "
       "prefix may begin with another one"},
  };
  options_.target.username = "proxy";
  options_.target.password = "secret";
  for (const auto& row : rows) {
    InvalidationRecorder recorder;
    redis_.Reply(row.step, "-" + row.reply + "\r\n");
    auto subscriber = Subscriber::Start(options_, &server_, &recorder);
    EXPECT_EQ(subscriber->AwaitFirst(Now() + seconds(10)), FirstOutcome::kUnsupported) << row.reply;
    ASSERT_EQ(recorder.events().size(), 1u);
    EXPECT_EQ(recorder.events()[0].kind, Kind::kUnsupported);
    EXPECT_EQ(recorder.events()[0].text, redis_.server().address() + row.message);
    redis_.ReplyAsUsual(row.step);
  }
}

TEST_F(SubscriberTest, NamesTheDefaultUserWhereNoneIsGiven) {
  redis_.Reply("CLIENT TRACKING", "-NOPERM no\r\n");
  Start();
  ASSERT_EQ(AwaitFirst(), FirstOutcome::kUnsupported);
  EXPECT_NE(recorder_.events()[0].text.find("SETUSER default +"), std::string::npos);
}

TEST_F(SubscriberTest, SaysEachReasonOnceAndGoesOnTrying) {
  options_.unsupported_retry = milliseconds(1);
  redis_.Reply("CLIENT TRACKING", "-ERR syntax error\r\n");
  Start();
  ASSERT_TRUE(Await([this] { return redis_.Received("CLIENT TRACKING").size() >= 3; }));
  EXPECT_EQ(recorder_.Count(Kind::kUnsupported), 1u);
  redis_.Reply("CLIENT TRACKING", "-NOPERM no\r\n");
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kUnsupported, 2));
  redis_.ReplyAsUsual("CLIENT TRACKING");
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 1));
  EXPECT_EQ(recorder_.Count(Kind::kUnsupported), 2u);
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kUnsupported) << "the first remains the first";
}

TEST_F(SubscriberTest, SaysAReasonAgainAfterHavingBeenLive) {
  options_.unsupported_retry = milliseconds(1);
  redis_.Reply("CLIENT TRACKING", "-NOPERM no\r\n");
  Start();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kUnsupported, 1));
  redis_.ReplyAsUsual("CLIENT TRACKING");
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 1));
  redis_.Reply("CLIENT TRACKING", "-NOPERM no\r\n");
  redis_.server().CloseConnections();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kUnsupported, 2));
  EXPECT_EQ(recorder_.Count(Kind::kLost), 1u);
}

TEST_F(SubscriberTest, TriesSeldomWhileItIsUnsupported) {
  options_.unsupported_retry = milliseconds(100);
  redis_.Reply("CLIENT TRACKING", "-ERR syntax error\r\n");
  Start();
  ASSERT_TRUE(Await([this] { return redis_.Received("CLIENT TRACKING").size() >= 3; }));
  const auto received = redis_.Received("CLIENT TRACKING");
  EXPECT_GE(received[2] - received[0], milliseconds(200));
}

TEST_F(SubscriberTest, SaysThatRedisIsAReplicaAndTriesOften) {
  redis_.Reply("HELLO", HelloReply("replica"));
  Start();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kUnsupported);
  ASSERT_EQ(recorder_.events().size(), 1u);
  EXPECT_EQ(recorder_.events()[0].code, ErrorCode::kReadOnly);
  EXPECT_EQ(recorder_.events()[0].text,
            redis_.server().address() +
                " is a replica, whose values may be old (its role is replica): give -redis the "
                "address of its master");
  redis_.ReplyAsUsual("HELLO");
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 1));
  EXPECT_LT(recorder_.events().back().at - recorder_.events().front().at, seconds(2))
      << "long before unsupported_retry";
}

TEST_F(SubscriberTest, AsksANodeOfAClusterWhetherItServes) {
  options_.max_stale = seconds(60);
  redis_.Reply("HELLO", HelloReply("master", "cluster"));
  redis_.Reply("CLUSTER", FakeRedis::Bulk("cluster_state:ok\r\ncluster_slots_ok:16384\r\n"));
  StartLive();
  EXPECT_EQ(Words().back(), "CLUSTER INFO");
}

TEST_F(SubscriberTest, SaysThatItMayNotAskTheCluster) {
  redis_.Reply("HELLO", HelloReply("master", "cluster"));
  redis_.Reply("CLUSTER", "-NOPERM no\r\n");
  Start();
  ASSERT_EQ(AwaitFirst(), FirstOutcome::kUnsupported);
  EXPECT_TRUE(recorder_.events()[0].text.ends_with(
      "run ACL SETUSER default +client|tracking +ping +info +cluster|info"))
      << recorder_.events()[0].text;
}

TEST_F(SubscriberTest, ARedisThatIsLoadingIsNotUnsupported) {
  redis_.Reply("READY", "-LOADING Redis is loading the dataset in memory\r\n");
  Start();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kUnreachable);
  redis_.ReplyAsUsual("READY");
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 1));
  EXPECT_EQ(recorder_.Count(Kind::kUnsupported), 0u);
}

// --- Waiting and stopping ---

TEST_F(SubscriberTest, AwaitFirstSaysThatNobodyListens) {
  redis_.server().GoDown();
  Start();
  const TimePoint start = Now();
  EXPECT_EQ(subscriber_->AwaitFirst(kNever), FirstOutcome::kUnreachable);
  EXPECT_LT(Now() - start, seconds(5));
}

TEST_F(SubscriberTest, AwaitFirstEndsAtItsDeadline) {
  options_.timeout = seconds(30);
  redis_.server().Freeze();
  Start();
  const TimePoint start = Now();
  EXPECT_EQ(subscriber_->AwaitFirst(start + milliseconds(50)), FirstOutcome::kUnreachable);
  EXPECT_GE(Now() - start, milliseconds(50));
  EXPECT_LT(Now() - start, seconds(5));
}

TEST_F(SubscriberTest, StopsWithinATryToConnect) {
  options_.timeout = seconds(30);
  redis_.server().Freeze();
  Start();
  static_cast<void>(subscriber_->AwaitFirst(Now() + milliseconds(50)));
  const TimePoint start = Now();
  subscriber_->Stop();
  EXPECT_LT(Now() - start, seconds(5));
  EXPECT_TRUE(recorder_.events().empty());
}

TEST_F(SubscriberTest, StopsWithinAHungSessionAndSaysThatItIsLost) {
  options_.max_stale = seconds(60);
  StartLive();
  redis_.server().Freeze();
  const TimePoint start = Now();
  subscriber_->Stop();
  EXPECT_LT(Now() - start, seconds(5));
  EXPECT_EQ(recorder_.events().back().kind, Kind::kLost);
  subscriber_->Stop();
  EXPECT_EQ(recorder_.Count(Kind::kLost), 1u);
}

TEST_F(SubscriberTest, StopsBetweenSeldomTries) {
  options_.unsupported_retry = std::chrono::hours(1);
  redis_.Reply("CLIENT TRACKING", "-ERR syntax error\r\n");
  Start();
  ASSERT_EQ(AwaitFirst(), FirstOutcome::kUnsupported);
  const TimePoint start = Now();
  subscriber_->Stop();
  EXPECT_LT(Now() - start, seconds(5));
}

TEST(SubscriberUnixTest, FollowsOverAUnixSocket) {
  TrackingRedis redis(FakeRedis::Transport::kUnix);
  CurrentServer server("redis");
  InvalidationRecorder recorder;
  SubscriberOptions options;
  options.target.endpoint = *ParseEndpoint(redis.server().address());
  auto subscriber = Subscriber::Start(options, &server, &recorder);
  EXPECT_EQ(subscriber->AwaitFirst(Now() + seconds(10)), FirstOutcome::kLive);
}

}  // namespace
}  // namespace rp::redis
