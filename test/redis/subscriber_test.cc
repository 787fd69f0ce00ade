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

TEST_F(SubscriberTest, ConnectsAnewWhenAskedTo) {
  options_.max_stale = milliseconds(200);
  testing::internal::CaptureStderr();
  StartLive();
  subscriber_->Renew();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, 3)) << "once, and then it stays";
  EXPECT_EQ(recorder_.Count(Kind::kLive), 2u);
  subscriber_->Stop();
  EXPECT_EQ(testing::internal::GetCapturedStderr().find("lost track"), std::string::npos)
      << "whoever asked says why";
}

// --- The handshake ---

TEST_F(SubscriberTest, TracksAllKeysByDefaultAndRedirectsToItself) {
  options_.max_stale = seconds(60);
  StartLive();
  EXPECT_EQ(Words(),
            (Strings{"PING", kSetName, "PING", "CLIENT ID", "CLIENT TRACKING ON REDIRECT 47 BCAST",
                     "SUBSCRIBE __redis__:invalidate"}));
}

TEST_F(SubscriberTest, AuthenticatesNamesEachPrefixAndSelectsNoDatabase) {
  options_.max_stale = seconds(60);
  options_.target.username = "proxy";
  options_.target.password = "secret";
  options_.target.database = 3;
  options_.prefixes = {"user:", "page:"};
  StartLive();
  EXPECT_EQ(Words(), (Strings{"AUTH proxy secret", "PING", kSetName, "PING", "CLIENT ID",
                              "CLIENT TRACKING ON REDIRECT 47 BCAST PREFIX user: PREFIX page:",
                              "SUBSCRIBE __redis__:invalidate"}));
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

TEST_F(SubscriberTest, IsNotLiveBeforeTheSubscriptionIsAcknowledged) {
  redis_.Reply("SUBSCRIBE", Answer{.bytes = kSubscribed, .held = true});
  Start();
  ASSERT_TRUE(Await([this] { return redis_.Received("SUBSCRIBE").size() == 1; }));
  EXPECT_EQ(subscriber_->AwaitFirst(Now() + milliseconds(50)), FirstOutcome::kUnreachable);
  EXPECT_TRUE(recorder_.events().empty());
  redis_.server().Release();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kLive);
}

TEST_F(SubscriberTest, IsNotLiveWithASubscriptionThatIsNotOne) {
  redis_.Reply("SUBSCRIBE", "+OK\r\n");
  Start();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kUnreachable);
  EXPECT_TRUE(recorder_.events().empty());
}

TEST_F(SubscriberTest, NamesThePeerAsDataConnectionsDo) {
  StartLive();
  auto connection = Connection::Connect(options_.target, Now() + seconds(5), -1);
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ(recorder_.Of(Kind::kLive).front().peer, (*connection)->peer());
}

// --- Reports ---

TEST_F(SubscriberTest, PassesKeysOnInOrderWhateverTheirBytes) {
  const std::string nul("a\0b", 3);
  redis_.Reply("SUBSCRIBE", kSubscribed + KeysMessage({"one", nul, ""}) + KeysMessage({}) +
                                KeysMessage({"two"}));
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kKey, 4));
  EXPECT_EQ(recorder_.Keys(), (Strings{"one", nul, "", "two"}));
  EXPECT_EQ(recorder_.events().front().kind, Kind::kLive);
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

TEST_F(SubscriberTest, TakesNilForAFlush) {
  redis_.Reply("SUBSCRIBE", kSubscribed + Message("*-1\r\n") + Message("$-1\r\n"));
  StartLive();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kFlush, 2));
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

TEST_F(SubscriberTest, TakesAForgedMessageForAKey) {
  redis_.Reply("SUBSCRIBE", kSubscribed + Message(FakeRedis::Bulk("forged")));
  StartLive();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kKey, 1));
  EXPECT_EQ(recorder_.Keys(), Strings{"forged"});
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

// --- What Redis cannot or does not let us do ---

TEST_F(SubscriberTest, SaysWhatIsUnsupportedAndWhatToDo) {
  const std::string grant =
      "run ACL SETUSER proxy +client|id +client|tracking +subscribe +ping &__redis__:invalidate";
  const std::string upgrade =
      "this needs Redis 6.0.6 or newer, or a service that allows CLIENT TRACKING with REDIRECT";
  const struct {
    std::string step, reply, message;
  } rows[] = {
      {"PING", "NOPERM no 'ping'",
       " does not permit this proxy to follow writes (NOPERM no 'ping'): " + grant},
      {"PING", "DENIED protected mode",
       " refuses the connection (DENIED protected mode): check its configuration and this proxy's "
       "-redis flags"},
      {"AUTH", "WRONGPASS invalid",
       " refuses the credentials (WRONGPASS invalid): check the user name and the password"},
      {"CLIENT ID", "ERR unknown command `CLIENT`",
       " cannot report writes (ERR unknown command `CLIENT`): " + upgrade},
      {"CLIENT ID", "NOPERM no 'client|id'",
       " does not permit this proxy to follow writes (NOPERM no 'client|id'): " + grant},
      {"CLIENT TRACKING", "ERR unknown subcommand 'tracking'",
       " cannot report writes (ERR unknown subcommand 'tracking'): " + upgrade},
      {"CLIENT TRACKING", "ERR syntax error",
       " cannot report writes (ERR syntax error): " + upgrade},
      {"CLIENT TRACKING", "ERR Prefix 'ab' overlaps with an existing prefix 'a'",
       " cannot report writes (ERR Prefix 'ab' overlaps with an existing prefix 'a'): no "
       "prefix may begin with another one"},
      {"SUBSCRIBE", "NOPERM no channel",
       " does not permit this proxy to follow writes (NOPERM no channel): " + grant},
  };
  options_.target.username = "proxy";
  options_.target.password = "secret";
  for (const auto& row : rows) {
    InvalidationRecorder recorder;
    redis_.Reply(row.step, "-" + row.reply + "\r\n");
    auto subscriber = Subscriber::Start(options_, &recorder);
    EXPECT_EQ(subscriber->AwaitFirst(Now() + seconds(10)), FirstOutcome::kUnsupported) << row.reply;
    ASSERT_EQ(recorder.events().size(), 1u);
    EXPECT_EQ(recorder.events()[0].kind, Kind::kUnsupported);
    EXPECT_EQ(recorder.events()[0].text, redis_.server().address() + row.message);
    redis_.ReplyAsUsual(row.step);
  }
}

TEST_F(SubscriberTest, NamesTheDefaultUserWhereNoneIsGiven) {
  redis_.Reply("SUBSCRIBE", "-NOPERM no\r\n");
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

TEST_F(SubscriberTest, ARedisThatIsLoadingIsNotUnsupported) {
  redis_.Reply("CLIENT ID", "-LOADING Redis is loading the dataset in memory\r\n");
  Start();
  EXPECT_EQ(AwaitFirst(), FirstOutcome::kUnreachable);
  redis_.ReplyAsUsual("CLIENT ID");
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
  InvalidationRecorder recorder;
  SubscriberOptions options;
  options.target.endpoint = *ParseEndpoint(redis.server().address());
  auto subscriber = Subscriber::Start(options, &recorder);
  EXPECT_EQ(subscriber->AwaitFirst(Now() + seconds(10)), FirstOutcome::kLive);
}

}  // namespace
}  // namespace rp::redis
