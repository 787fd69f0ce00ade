// The subscriber against a Redis that follows a script: what it may rely on, and when it is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "redis/subscriber.h"
#include "test/support/tracking_redis.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;
using Kind = InvalidationRecorder::Kind;
using Strings = std::vector<std::string>;

class SubscriberLeaseTest : public WithSubscriber {};

// --- The lease ---

TEST_F(SubscriberLeaseTest, TheFirstLeaseRunsFromWhenTheTrackingWasSent) {
  redis_.Reply("READY", Answer{.bytes = kPong, .delay = milliseconds(50)});
  StartLive();
  const TimePoint start = recorder_.Of(Kind::kLive).front().lease - options_.max_stale;
  EXPECT_LE(start, redis_.Received("CLIENT TRACKING").front());
  EXPECT_GE(start, redis_.Received("INFO").front());
}

TEST_F(SubscriberLeaseTest, APongProvesWhatWasBeforeThePreviousPing) {
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLease, 4));
  const auto leases = recorder_.Of(Kind::kLease);
  EXPECT_EQ(leases[0].lease, recorder_.Of(Kind::kLive).front().lease);
  const std::vector<TimePoint> received = redis_.Received("HEARTBEAT");
  for (size_t i = 1; i < 4; ++i) {
    const TimePoint start = leases[i].lease - options_.max_stale;
    EXPECT_LE(start, received[i - 1]) << i << ": sent before it was received";
    EXPECT_GT(start, i > 1 ? received[i - 2] : recorder_.Of(Kind::kLive).front().at)
        << i << ": but after the PING before it";
  }
}

TEST_F(SubscriberLeaseTest, PingsFourTimesPerLeaseWithOneUnderWay) {
  redis_.Reply("HEARTBEAT", Answer{.bytes = kPong, .held = true});
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_EQ(redis_.Received("HEARTBEAT").size(), 1u) << "the one without an answer";
  const auto after = redis_.Received("HEARTBEAT").front() - recorder_.events().front().at;
  EXPECT_GE(after, options_.max_stale / 4);
  EXPECT_LT(after, options_.max_stale);
}

TEST_F(SubscriberLeaseTest, AnErrorInPlaceOfThePongEndsTheLease) {
  options_.max_stale = seconds(4);
  redis_.Reply("HEARTBEAT", "-LOADING Redis is loading the dataset in memory\r\n");
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_EQ(recorder_.Count(Kind::kLease), 0u);
  EXPECT_LT(recorder_.Of(Kind::kLost).front().at - recorder_.Of(Kind::kLive).front().at,
            options_.max_stale)
      << "at once";
}

TEST_F(SubscriberLeaseTest, ARoleOtherThanMasterEndsTheLease) {
  options_.max_stale = seconds(4);
  redis_.Reply("ROLE", HelloReply("replica"));
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_EQ(recorder_.Of(Kind::kLost).front().code, ErrorCode::kReadOnly);
  EXPECT_EQ(recorder_.Count(Kind::kLease), 0u);
  EXPECT_EQ(redis_.Received("ROLE").size(), 1u);
}

TEST_F(SubscriberLeaseTest, AClusterThatDoesNotServeEndsTheLease) {
  redis_.Reply("HELLO", HelloReply("master", "cluster"));
  redis_.Reply("ROLE", HelloReply("master", "cluster"));
  redis_.Reply("CLUSTER", FakeRedis::Bulk("cluster_state:ok\r\n"));
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLease, 2));
  redis_.Reply("CLUSTER", FakeRedis::Bulk("cluster_enabled:1\r\ncluster_state:fail\r\n"));
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_EQ(recorder_.Of(Kind::kLost).front().code, ErrorCode::kClusterDown);
}

TEST_F(SubscriberLeaseTest, ARedisThatCannotWriteToItsDiskRenewsTheLease) {
  redis_.Reply("READY", "-MISCONF Redis is configured to save RDB snapshots\r\n");
  redis_.Reply("HEARTBEAT", "-MISCONF Redis is configured to save RDB snapshots\r\n");
  StartLive();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, 2));
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

// The report fills whole reads, so that the PONG behind it is still in the socket when the sink is
// done, and the time for it over.
TEST_F(SubscriberLeaseTest, TheTimeThatReportsTakeIsNotSilence) {
  constexpr size_t kKeys = 4;
  constexpr size_t kReadBytes = 16 * 1024;
  options_.max_stale = milliseconds(200);
  recorder_.on_key = [] { std::this_thread::sleep_for(milliseconds(60)); };
  Strings keys(kKeys, std::string(kReadBytes, 'k'));
  const size_t surplus = KeysReport(keys).size() % kReadBytes;
  keys.back().resize(kReadBytes - surplus);
  ASSERT_EQ(KeysReport(keys).size() % kReadBytes, 0u);
  redis_.Reply("HEARTBEAT", KeysReport(keys) + kPong);
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLease, 1));
  EXPECT_EQ(recorder_.Count(Kind::kKey), kKeys);
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

// --- Losses ---

TEST_F(SubscriberLeaseTest, IsLostWhenTheConnectionClosesAndLiveOnTheNext) {
  StartLive();
  for (size_t i = 1; i <= 3; ++i) {
    redis_.server().CloseConnections();
    ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, i + 1));
    EXPECT_EQ(recorder_.Count(Kind::kLost), i);
  }
  std::vector<Kind> kinds;
  for (const auto& event : recorder_.events()) {
    if (event.kind != Kind::kLease) kinds.push_back(event.kind);
  }
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kLive, Kind::kLost, Kind::kLive, Kind::kLost,
                                      Kind::kLive, Kind::kLost, Kind::kLive}));
}

TEST_F(SubscriberLeaseTest, IsLostAfterAPingWithoutAnAnswerForTheLengthOfALease) {
  options_.max_stale = milliseconds(200);
  options_.timeout = seconds(30);
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLease, 1));
  redis_.server().Freeze();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  const TimePoint lost_at = recorder_.Of(Kind::kLost).front().at;
  EXPECT_GE(lost_at, recorder_.Of(Kind::kLease).back().lease);
  EXPECT_EQ(recorder_.Count(Kind::kLive), 1u);
  redis_.server().Thaw();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
}

TEST_F(SubscriberLeaseTest, IsLostOnNonsenseAndLiveAgainOnTheNextConnection) {
  options_.max_stale = seconds(60);  // so that silence is not the cause
  redis_.Reply("READY", kPong + "HTTP/1.1 400 Bad Request\r\n");
  Start();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  redis_.ReplyAsUsual("READY");
  EXPECT_TRUE(Await([this] { return recorder_.events().back().kind == Kind::kLive; }));
}

// As a port that answers whatever it is asked, and more.
TEST_F(SubscriberLeaseTest, MoreRepliesThanWereAskedForAreRefused) {
  redis_.Reply("INFO", FakeRedis::Bulk("run_id:1\r\n") + "+OK\r\n");
  Start();
  EXPECT_EQ(AwaitFirst(), Subscriber::FirstOutcome::kUnreachable);
  EXPECT_TRUE(recorder_.events().empty());
}

TEST_F(SubscriberLeaseTest, WaitsLongerAndLongerWhereEachConnectionIsLostAtOnce) {
  redis_.Reply("READY", Answer{.bytes = kPong, .close = true});
  Start();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 6));
  const auto losses = recorder_.Of(Kind::kLost);
  EXPECT_GE(losses[5].at - losses[0].at, milliseconds(5 + 10 + 20 + 40 + 80));
}

TEST_F(SubscriberLeaseTest, WaitsLongerAndLongerWhileNobodyListens) {
  redis_.server().CloseEachAtOnce(true);
  const TimePoint start = Now();
  Start();
  ASSERT_TRUE(Await([this] { return redis_.server().connections_accepted() >= 7; }));
  EXPECT_GE(Now() - start, milliseconds(5 + 10 + 20 + 40 + 80 + 160));
  redis_.server().CloseEachAtOnce(false);
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 1));
}

TEST_F(SubscriberLeaseTest, SaysOnceThatItFollowsAndOnceThatItLostTrack) {
  testing::internal::CaptureStderr();
  StartLive();
  redis_.server().GoDown();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  redis_.server().ComeUp();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  redis_.server().CloseConnections();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 3)) << "too soon after the first to be told";
  subscriber_->Stop();
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string address = redis_.server().address();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 3) << log;
  const size_t lost = log.find("redis: lost track of writes at " + address + ": ");
  ASSERT_NE(lost, std::string::npos) << log;
  EXPECT_LT(log.find("redis: following writes of " + address + "\n"), lost) << log;
  EXPECT_GT(log.rfind("redis: following writes of " + address + "\n"), lost) << log;
}

}  // namespace
}  // namespace rp::redis
