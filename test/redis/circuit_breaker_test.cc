#include "redis/circuit_breaker.h"

#include <gtest/gtest.h>

namespace rp::redis {
namespace {

const Error kRefusal{ErrorCode::kUnavailable, "Connection refused"};
const Error kSilence{ErrorCode::kTimeout, "no answer in time"};
const Error kLoading{ErrorCode::kLoading, "LOADING Redis is loading"};
const Error kNoPassword{ErrorCode::kAuth, "NOAUTH Authentication required."};

class CircuitBreakerTest : public testing::Test {
 protected:
  CircuitBreaker::Change Fail(const Error& error, bool alone = true) {
    return breaker_.OnConnectFailed(error, alone, now_);
  }
  void FailTimes(const Error& error, unsigned times) {
    for (unsigned i = 0; i < times; ++i) static_cast<void>(Fail(error));
  }
  Duration Wait() const { return breaker_.next_attempt() - now_; }

  TimePoint now_{std::chrono::hours(1)};
  CircuitBreaker breaker_{42};
};

TEST_F(CircuitBreakerTest, LetsTheFirstAttemptBeginAtOnce) {
  EXPECT_LE(breaker_.next_attempt(), now_);
}

TEST_F(CircuitBreakerTest, WaitsTwiceAsLongAfterEachFailureUpToTheLongest) {
  Duration most = CircuitBreaker::kFirstBackOff;
  for (int i = 0; i < 100; ++i) {
    FailTimes(kRefusal, 1);
    EXPECT_GE(Wait(), most / 2);
    EXPECT_LE(Wait(), most);
    most = std::min(most * 2, CircuitBreaker::kMaxBackOff);
  }
}

TEST_F(CircuitBreakerTest, ForgetsFailuresOnceConnected) {
  FailTimes(kRefusal, 20);
  static_cast<void>(breaker_.OnConnected(now_));
  FailTimes(kRefusal, 1);
  EXPECT_LE(Wait(), CircuitBreaker::kFirstBackOff);
}

TEST_F(CircuitBreakerTest, OpensAtTheFifthFailure) {
  FailTimes(kRefusal, CircuitBreaker::kFailuresToOpen - 1);
  EXPECT_FALSE(breaker_.open_error());
  FailTimes(kRefusal, 1);
  ASSERT_TRUE(breaker_.open_error());
  EXPECT_EQ(breaker_.open_error()->code, ErrorCode::kAway);
}

TEST_F(CircuitBreakerTest, ClosesOnceConnected) {
  FailTimes(kRefusal, CircuitBreaker::kFailuresToOpen);
  static_cast<void>(breaker_.OnConnected(now_));
  EXPECT_FALSE(breaker_.open_error());
}

TEST_F(CircuitBreakerTest, NeverOpensForTimeouts) {
  FailTimes(kSilence, 100);
  EXPECT_FALSE(breaker_.open_error());
}

TEST_F(CircuitBreakerTest, PassesOnWhatALoadingRedisSaysAtTheThirdTime) {
  FailTimes(kLoading, CircuitBreaker::kBusyFailuresToOpen - 1);
  EXPECT_FALSE(breaker_.open_error());
  FailTimes(kLoading, 1);
  ASSERT_TRUE(breaker_.open_error());
  EXPECT_EQ(breaker_.open_error()->message, kLoading.message);
}

TEST_F(CircuitBreakerTest, PassesOnRefusedCredentialsAtOnce) {
  EXPECT_EQ(Fail(kNoPassword), CircuitBreaker::Change::kRefused);
  ASSERT_TRUE(breaker_.open_error());
  EXPECT_EQ(breaker_.open_error()->code, ErrorCode::kAuth);
}

TEST_F(CircuitBreakerTest, KeepsRedisAdviceToItsOperatorFromClients) {
  EXPECT_EQ(Fail(Error{ErrorCode::kRefused, "DENIED Redis is running in protected mode"}),
            CircuitBreaker::Change::kRefused);
  ASSERT_TRUE(breaker_.open_error());
  EXPECT_EQ(breaker_.open_error()->code, ErrorCode::kRefused);
  EXPECT_EQ(breaker_.open_error()->message, Describe(ErrorCode::kRefused).text);
}

TEST_F(CircuitBreakerTest, DropsAnErrorThatTheNextFailureContradicts) {
  FailTimes(kNoPassword, 2);
  FailTimes(kSilence, 1);
  EXPECT_FALSE(breaker_.open_error()) << "it hangs, whatever it said before";
  FailTimes(kLoading, 1);
  ASSERT_TRUE(breaker_.open_error());
  EXPECT_EQ(breaker_.open_error()->code, ErrorCode::kLoading);
  FailTimes(kRefusal, 1);
  ASSERT_TRUE(breaker_.open_error());
  EXPECT_EQ(breaker_.open_error()->code, ErrorCode::kAway);
  FailTimes(kSilence, 1);
  ASSERT_TRUE(breaker_.open_error()) << "it stays open";
  EXPECT_EQ(breaker_.open_error()->code, ErrorCode::kAway);
}

TEST_F(CircuitBreakerTest, CountsAnOutageFromItsFirstFailure) {
  static_cast<void>(breaker_.OnConnected(now_));
  static_cast<void>(Fail(kNoPassword, false));
  now_ += std::chrono::seconds(10);
  EXPECT_EQ(Fail(kNoPassword), CircuitBreaker::Change::kRefused)
      << "the last connection is gone as well";
  EXPECT_EQ(breaker_.OnConnected(now_), CircuitBreaker::Change::kReconnected);
  EXPECT_EQ(breaker_.outage(), std::chrono::seconds(10));
}

TEST_F(CircuitBreakerTest, CountsAnOutageFromTheFirstLossAfterTheLastAnswer) {
  static_cast<void>(breaker_.OnConnected(now_));
  breaker_.OnConnectionLost(now_);
  now_ += std::chrono::seconds(1);
  breaker_.OnServed();
  now_ += std::chrono::seconds(1);
  breaker_.OnConnectionLost(now_);
  now_ += std::chrono::seconds(1);
  breaker_.OnConnectionLost(now_);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(Fail(kSilence), CircuitBreaker::Change::kLost);
  now_ += std::chrono::seconds(2);
  EXPECT_EQ(breaker_.OnConnected(now_), CircuitBreaker::Change::kReconnected);
  EXPECT_EQ(breaker_.outage(), std::chrono::seconds(4));
}

TEST_F(CircuitBreakerTest, CountsNoOutageFromALossThatNothingFollowed) {
  const Duration second = std::chrono::seconds(1);
  for (const Duration excess : {Duration::zero(), Duration(1)}) {
    static_cast<void>(breaker_.OnConnected(now_));
    breaker_.OnConnectionLost(now_);
    now_ += CircuitBreaker::kOutageGap + excess;
    static_cast<void>(Fail(kRefusal));
    now_ += 2 * CircuitBreaker::kOutageGap;  // an attempt may take long
    static_cast<void>(Fail(kRefusal));
    now_ += second;
    EXPECT_EQ(breaker_.OnConnected(now_), CircuitBreaker::Change::kReconnected);
    const Duration since_failure = 2 * CircuitBreaker::kOutageGap + second;
    EXPECT_EQ(breaker_.outage(), excess == Duration::zero()
                                     ? CircuitBreaker::kOutageGap + since_failure
                                     : since_failure);
  }
}

TEST_F(CircuitBreakerTest, StaysClosedWhileAnotherConnectionLives) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Fail(kRefusal, false), CircuitBreaker::Change::kNone);
  EXPECT_FALSE(breaker_.open_error());
}

TEST_F(CircuitBreakerTest, SaysOnceThatRedisIsLostAndOnceThatItIsBack) {
  EXPECT_EQ(breaker_.OnConnected(now_), CircuitBreaker::Change::kConnected);
  EXPECT_EQ(breaker_.OnConnected(now_), CircuitBreaker::Change::kNone);
  EXPECT_EQ(Fail(kRefusal), CircuitBreaker::Change::kLost);
  now_ += std::chrono::seconds(3);
  EXPECT_EQ(Fail(kRefusal), CircuitBreaker::Change::kNone);
  EXPECT_EQ(breaker_.OnConnected(now_), CircuitBreaker::Change::kReconnected);
  EXPECT_EQ(breaker_.outage(), std::chrono::seconds(3));
}

TEST_F(CircuitBreakerTest, SaysOnceThatRedisIsUnreachableFromTheStart) {
  EXPECT_EQ(Fail(kRefusal), CircuitBreaker::Change::kUnreachable);
  EXPECT_EQ(Fail(kRefusal), CircuitBreaker::Change::kNone);
}

TEST_F(CircuitBreakerTest, SaysRefusedOnceHoweverTheFailuresAlternate) {
  static_cast<void>(breaker_.OnConnected(now_));
  EXPECT_EQ(Fail(kRefusal), CircuitBreaker::Change::kLost);
  EXPECT_EQ(Fail(kNoPassword), CircuitBreaker::Change::kRefused);
  EXPECT_EQ(Fail(kRefusal), CircuitBreaker::Change::kNone);
  EXPECT_EQ(Fail(kNoPassword), CircuitBreaker::Change::kNone);
}

TEST_F(CircuitBreakerTest, HoldsBackAfterConnectionsThatAnsweredNothing) {
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(breaker_.OnConnected(now_));
    breaker_.OnLostBeforeAnswer(now_);
  }
  EXPECT_GE(Wait(), CircuitBreaker::kMaxBackOff / 2);
}

TEST_F(CircuitBreakerTest, StartsAnewAfterAConnectionThatAnswered) {
  for (int i = 0; i < 10; ++i) breaker_.OnLostBeforeAnswer(now_);
  breaker_.OnFirstAnswer();
  now_ = breaker_.next_attempt();
  breaker_.OnLostBeforeAnswer(now_);
  EXPECT_LE(Wait(), CircuitBreaker::kFirstBackOff);
}

// Each such connection outdates all others, so that these are made anew, and so on.
TEST(CircuitBreakerMovesTest, DelaysAttemptsWhenOneServerFollowsTheOther) {
  CircuitBreaker breaker(1);
  TimePoint now{std::chrono::hours(1)};
  breaker.OnAnotherServer(now);
  EXPECT_LE(breaker.next_attempt(), now) << "a failover is followed at once";
  for (int i = 0; i < 20; ++i) {
    now = std::max(now, breaker.next_attempt());
    breaker.OnAnotherServer(now);
    EXPECT_GT(breaker.next_attempt(), now);
    EXPECT_LE(breaker.next_attempt(), now + CircuitBreaker::kMaxBackOff);
  }
  EXPECT_GE(breaker.next_attempt(), now + CircuitBreaker::kMaxBackOff / 2);
  now = breaker.next_attempt() + CircuitBreaker::kMovesGap;
  breaker.OnAnotherServer(now);
  EXPECT_LE(breaker.next_attempt(), now) << "the next failover";
}

}  // namespace
}  // namespace rp::redis
