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

class SubscriberLeaseTest : public WithSubscriber {
 protected:
  // The first connection is lost soon after what `bytes` add to the answer to SUBSCRIBE; those
  // after it live.
  void ExpectLostAfter(const std::string& bytes) {
    options_.max_stale = seconds(60);  // so that silence is not the cause
    redis_.Reply("SUBSCRIBE", kSubscribed + bytes);
    Start();
    EXPECT_TRUE(recorder_.AwaitCount(Kind::kLost, 1)) << bytes;
    redis_.ReplyAsUsual("SUBSCRIBE");
    EXPECT_TRUE(Await([this] { return recorder_.events().back().kind == Kind::kLive; }));
  }
};

// --- The lease ---

TEST_F(SubscriberLeaseTest, TheFirstLeaseRunsFromWhenTheTrackingWasSent) {
  redis_.Reply("SUBSCRIBE", Answer{.bytes = kSubscribed, .delay = milliseconds(50)});
  StartLive();
  const TimePoint start = recorder_.Of(Kind::kLive).front().lease - options_.max_stale;
  EXPECT_LE(start, redis_.Received("CLIENT TRACKING").front());
  EXPECT_GE(start, redis_.Received("CLIENT ID").front());
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

TEST_F(SubscriberLeaseTest, AnErrorInPlaceOfThePongRenewsNothing) {
  options_.max_stale = milliseconds(400);
  redis_.Reply("HEARTBEAT", "-LOADING Redis is loading the dataset in memory\r\n");
  StartLive();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_EQ(recorder_.Count(Kind::kLease), 0u);
  EXPECT_GE(recorder_.Of(Kind::kLost).front().at - recorder_.Of(Kind::kLive).front().at,
            options_.max_stale);
  EXPECT_GE(redis_.Received("HEARTBEAT").size(), 2u) << "it goes on asking";
}

TEST_F(SubscriberLeaseTest, RenewsAgainWhenErrorsEndWithinTheLease) {
  options_.max_stale = seconds(2);
  redis_.Reply("HEARTBEAT", "-BUSY Redis is busy running a script\r\n");
  StartLive();
  ASSERT_TRUE(Await([this] { return redis_.Received("HEARTBEAT").size() == 2; }));
  redis_.ReplyAsUsual("HEARTBEAT");
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, 2));
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
  const auto leases = recorder_.Of(Kind::kLease);
  EXPECT_GT(leases[1].lease, leases[0].lease);
}

TEST_F(SubscriberLeaseTest, ARedisThatCannotWriteToItsDiskRenewsTheLease) {
  redis_.Reply("PING", "-MISCONF Redis is configured to save RDB snapshots\r\n");
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
  const size_t surplus = KeysMessage(keys).size() % kReadBytes;
  keys.back().resize(kReadBytes - surplus);
  ASSERT_EQ(KeysMessage(keys).size() % kReadBytes, 0u);
  redis_.Reply("HEARTBEAT", KeysMessage(keys) + kPong);
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

TEST_F(SubscriberLeaseTest, IsLostOnGarbage) { ExpectLostAfter("HTTP/1.1 400 Bad Request\r\n"); }

TEST_F(SubscriberLeaseTest, IsLostWhenTheSubscriptionEnds) {
  ExpectLostAfter(
      Array({FakeRedis::Bulk("unsubscribe"), FakeRedis::Bulk("__redis__:invalidate"), ":0\r\n"}));
}

TEST_F(SubscriberLeaseTest, IsLostOnAReportThatIsNotOfKeys) { ExpectLostAfter(Message(":1\r\n")); }

TEST_F(SubscriberLeaseTest, IsLostOnAReportWithAnElementThatIsNotAKey) {
  ExpectLostAfter(Message(Array({FakeRedis::Bulk("k"), ":1\r\n"})));
}

TEST_F(SubscriberLeaseTest, IsLostOnAPongThatWasNotAskedFor) { ExpectLostAfter(kPong); }

TEST_F(SubscriberLeaseTest, IsLostOnAnErrorThatWasNotAskedFor) { ExpectLostAfter("-ERR what\r\n"); }

TEST_F(SubscriberLeaseTest, WaitsLongerAndLongerWhereEachConnectionIsLostAtOnce) {
  redis_.Reply("SUBSCRIBE", Answer{.bytes = kSubscribed, .close = true});
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
