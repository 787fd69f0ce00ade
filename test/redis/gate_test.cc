#include "redis/gate.h"

#include <gtest/gtest.h>

namespace rp::redis {
namespace {

const Error kRefusal{ErrorCode::kUnavailable, "Connection refused"};
const Error kSilence{ErrorCode::kTimeout, "no answer in time"};
const Error kLoading{ErrorCode::kLoading, "LOADING Redis is loading"};
const Error kNoPassword{ErrorCode::kAuth, "NOAUTH Authentication required."};

class GateTest : public testing::Test {
 protected:
  Gate::News Fail(const Error& error, bool alone = true) {
    return gate_.OnConnectFailed(error, alone, now_);
  }
  void FailTimes(const Error& error, unsigned times) {
    for (unsigned i = 0; i < times; ++i) static_cast<void>(Fail(error));
  }
  Duration Wait() const { return gate_.next_attempt() - now_; }

  TimePoint now_{std::chrono::hours(1)};
  Gate gate_{42};
};

TEST_F(GateTest, LetsTheFirstAttemptThroughAtOnce) { EXPECT_LE(gate_.next_attempt(), now_); }

TEST_F(GateTest, WaitsTwiceAsLongAfterEachFailureUpToTheLongest) {
  Duration most = Gate::kFirstBackOff;
  for (int i = 0; i < 100; ++i) {
    FailTimes(kRefusal, 1);
    EXPECT_GE(Wait(), most / 2);
    EXPECT_LE(Wait(), most);
    most = std::min(most * 2, Gate::kLongestBackOff);
  }
}

TEST_F(GateTest, ForgetsFailuresOnceConnected) {
  FailTimes(kRefusal, 20);
  static_cast<void>(gate_.OnConnected(now_));
  FailTimes(kRefusal, 1);
  EXPECT_LE(Wait(), Gate::kFirstBackOff);
}

TEST_F(GateTest, OpensTheBreakerAtTheFifthFailure) {
  FailTimes(kRefusal, Gate::kBreakerFailures - 1);
  EXPECT_FALSE(gate_.verdict());
  FailTimes(kRefusal, 1);
  ASSERT_TRUE(gate_.verdict());
  EXPECT_EQ(gate_.verdict()->code, ErrorCode::kAway);
}

TEST_F(GateTest, ClosesTheBreakerOnceConnected) {
  FailTimes(kRefusal, Gate::kBreakerFailures);
  static_cast<void>(gate_.OnConnected(now_));
  EXPECT_FALSE(gate_.verdict());
}

TEST_F(GateTest, NeverOpensTheBreakerForTimeouts) {
  FailTimes(kSilence, 100);
  EXPECT_FALSE(gate_.verdict());
}

TEST_F(GateTest, PassesOnWhatALoadingRedisSaysAtTheThirdTime) {
  FailTimes(kLoading, Gate::kBusyFailures - 1);
  EXPECT_FALSE(gate_.verdict());
  FailTimes(kLoading, 1);
  ASSERT_TRUE(gate_.verdict());
  EXPECT_EQ(gate_.verdict()->message, kLoading.message);
}

TEST_F(GateTest, PassesOnRefusedCredentialsAtOnce) {
  EXPECT_EQ(Fail(kNoPassword), Gate::News::kRefused);
  ASSERT_TRUE(gate_.verdict());
  EXPECT_EQ(gate_.verdict()->code, ErrorCode::kAuth);
}

TEST_F(GateTest, KeepsRedisAdviceToItsOperatorFromClients) {
  EXPECT_EQ(Fail(Error{ErrorCode::kRefused, "DENIED Redis is running in protected mode"}),
            Gate::News::kRefused);
  ASSERT_TRUE(gate_.verdict());
  EXPECT_EQ(gate_.verdict()->code, ErrorCode::kRefused);
  EXPECT_EQ(gate_.verdict()->message, Describe(ErrorCode::kRefused).text);
}

TEST_F(GateTest, DropsAVerdictThatTheNextFailureDoesNotBearOut) {
  FailTimes(kNoPassword, 2);
  FailTimes(kSilence, 1);
  EXPECT_FALSE(gate_.verdict()) << "it hangs, whatever it said before";
  FailTimes(kLoading, 1);
  ASSERT_TRUE(gate_.verdict());
  EXPECT_EQ(gate_.verdict()->code, ErrorCode::kLoading);
  FailTimes(kRefusal, 1);
  ASSERT_TRUE(gate_.verdict());
  EXPECT_EQ(gate_.verdict()->code, ErrorCode::kAway);
  FailTimes(kSilence, 1);
  ASSERT_TRUE(gate_.verdict()) << "the breaker stays open";
  EXPECT_EQ(gate_.verdict()->code, ErrorCode::kAway);
}

TEST_F(GateTest, CountsAnOutageFromItsFirstFailure) {
  static_cast<void>(gate_.OnConnected(now_));
  static_cast<void>(Fail(kNoPassword, false));
  now_ += std::chrono::seconds(10);
  EXPECT_EQ(Fail(kNoPassword), Gate::News::kRefused) << "the last connection is gone as well";
  EXPECT_EQ(gate_.OnConnected(now_), Gate::News::kBack);
  EXPECT_EQ(gate_.outage(), std::chrono::seconds(10));
}

TEST_F(GateTest, CountsAnOutageFromTheFirstLossAfterTheLastAnswer) {
  static_cast<void>(gate_.OnConnected(now_));
  gate_.OnConnectionLost(now_);
  now_ += std::chrono::seconds(1);
  gate_.OnServed();
  now_ += std::chrono::seconds(1);
  gate_.OnConnectionLost(now_);
  now_ += std::chrono::seconds(1);
  gate_.OnConnectionLost(now_);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(Fail(kSilence), Gate::News::kLost);
  now_ += std::chrono::seconds(2);
  EXPECT_EQ(gate_.OnConnected(now_), Gate::News::kBack);
  EXPECT_EQ(gate_.outage(), std::chrono::seconds(4));
}

TEST_F(GateTest, CountsNoOutageFromALossThatNothingFollowed) {
  const Duration second = std::chrono::seconds(1);
  for (const Duration excess : {Duration::zero(), Duration(1)}) {
    static_cast<void>(gate_.OnConnected(now_));
    gate_.OnConnectionLost(now_);
    now_ += Gate::kOutageGap + excess;
    static_cast<void>(Fail(kRefusal));
    now_ += 2 * Gate::kOutageGap;  // an attempt may take long
    static_cast<void>(Fail(kRefusal));
    now_ += second;
    EXPECT_EQ(gate_.OnConnected(now_), Gate::News::kBack);
    const Duration since_failure = 2 * Gate::kOutageGap + second;
    EXPECT_EQ(gate_.outage(),
              excess == Duration::zero() ? Gate::kOutageGap + since_failure : since_failure);
  }
}

TEST_F(GateTest, HasNoVerdictWhileAnotherConnectionLives) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Fail(kRefusal, false), Gate::News::kNothing);
  EXPECT_FALSE(gate_.verdict());
}

TEST_F(GateTest, SaysOnceThatRedisIsLostAndOnceThatItIsBack) {
  EXPECT_EQ(gate_.OnConnected(now_), Gate::News::kConnected);
  EXPECT_EQ(gate_.OnConnected(now_), Gate::News::kNothing);
  EXPECT_EQ(Fail(kRefusal), Gate::News::kLost);
  now_ += std::chrono::seconds(3);
  EXPECT_EQ(Fail(kRefusal), Gate::News::kNothing);
  EXPECT_EQ(gate_.OnConnected(now_), Gate::News::kBack);
  EXPECT_EQ(gate_.outage(), std::chrono::seconds(3));
}

TEST_F(GateTest, SaysOnceThatRedisIsAbsentFromTheStart) {
  EXPECT_EQ(Fail(kRefusal), Gate::News::kAbsent);
  EXPECT_EQ(Fail(kRefusal), Gate::News::kNothing);
}

TEST_F(GateTest, SaysRefusedOnceHoweverTheFailuresAlternate) {
  static_cast<void>(gate_.OnConnected(now_));
  EXPECT_EQ(Fail(kRefusal), Gate::News::kLost);
  EXPECT_EQ(Fail(kNoPassword), Gate::News::kRefused);
  EXPECT_EQ(Fail(kRefusal), Gate::News::kNothing);
  EXPECT_EQ(Fail(kNoPassword), Gate::News::kNothing);
}

TEST_F(GateTest, HoldsBackAfterConnectionsThatAnsweredNothing) {
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(gate_.OnConnected(now_));
    gate_.OnConnectionWasted(now_);
  }
  EXPECT_GE(Wait(), Gate::kLongestBackOff / 2);
}

TEST_F(GateTest, StartsAfreshAfterAConnectionThatAnswered) {
  for (int i = 0; i < 10; ++i) gate_.OnConnectionWasted(now_);
  gate_.OnConnectionProven();
  now_ = gate_.next_attempt();
  gate_.OnConnectionWasted(now_);
  EXPECT_LE(Wait(), Gate::kFirstBackOff);
}

}  // namespace
}  // namespace rp::redis
