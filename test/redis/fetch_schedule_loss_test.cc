// The schedule of fetches with time as an argument: what becomes of fetches whose connection is
// lost or cannot be made.
#include <gtest/gtest.h>

#include "redis/fetch_schedule.h"
#include "test/support/fetch_schedule_fixture.h"

namespace rp::redis {
namespace {

class FetchScheduleLossTest : public FetchScheduleFixture {};

// --- Retries ---

TEST_F(FetchScheduleLossTest, WhatALostConnectionOwedIsSentAgainInOrderBeforeAllOthers) {
  Connect();
  for (const char* key : {"1", "2"}) static_cast<void>(Submit(Get(key)));
  Batch batch(nullptr);
  static_cast<void>(schedule_.Take(32, now_, &batch));
  static_cast<void>(Submit(Get("3")));
  const FetchSchedule::Lost lost = schedule_.OnConnectionLost(&batch, kClosed, Loss::kOther, now_);
  EXPECT_EQ(lost.retried, 2u);
  EXPECT_EQ(lost.connections, 0u);
  Connect();
  EXPECT_EQ(Take(), (Strings{"1", "2", "3"}));
}

TEST_F(FetchScheduleLossTest, AFetchIsSentThreeTimesAtMost) {
  Connect();
  static_cast<void>(Submit(Get("k")));
  for (unsigned i = 0; i < FetchSchedule::kMaxRetries; ++i) {
    EXPECT_EQ(LoseBatch(kClosed, Loss::kOther).retried, 1u) << i;
  }
  FetchSchedule::Lost lost = LoseBatch(kClosed, Loss::kOther);
  EXPECT_EQ(lost.reason.message, kClosed.message);
  EXPECT_EQ(Drain(std::move(lost.failed)), Strings{"k"});
}

TEST_F(FetchScheduleLossTest, AFetchIsSentTwiceAtMostWhereRedisSendsGarbage) {
  Connect();
  static_cast<void>(Submit(Get("k")));
  EXPECT_EQ(LoseBatch(kGarbage, Loss::kOther).retried, 1u);
  EXPECT_EQ(Drain(std::move(LoseBatch(kGarbage, Loss::kOther).failed)), Strings{"k"});
}

TEST_F(FetchScheduleLossTest, TheFirstSilentLossIsNoFailedAttempt) {
  Connect();
  static_cast<void>(Submit(Get("k")));
  for (unsigned i = 0; i < FetchSchedule::kMaxRetries + 1; ++i) {
    EXPECT_EQ(LoseBatch(kClosed, Loss::kSilent).retried, 1u) << i;
  }
  EXPECT_EQ(LoseBatch(kClosed, Loss::kSilent).failed.size(), 1u);
}

TEST_F(FetchScheduleLossTest, WhatWasNotSentHasLostNoAttempt) {
  Connect();
  static_cast<void>(Submit(Command("SET")));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(LoseBatch(kClosed, Loss::kBeforeSending).retried, 1u) << i;
  }
}

TEST_F(FetchScheduleLossTest, ACommandThatRedisMayHaveGotIsSentAgainOnlyIfItMayBeRepeated) {
  Connect();
  static_cast<void>(Submit(Command("SET")));
  static_cast<void>(Submit(Command("TTL", true)));
  FetchSchedule::Lost lost = LoseBatch(kClosed, Loss::kOther);
  EXPECT_EQ(Drain(std::move(lost.failed)), Strings{"SET"});
  EXPECT_EQ(Take(), Strings{"TTL"});
}

TEST_F(FetchScheduleLossTest, WhatExpiredOnItsWayIsNotSentAgain) {
  Connect();
  static_cast<void>(Submit(Get("k", seconds(1))));
  Batch batch(nullptr);
  static_cast<void>(schedule_.Take(32, now_, &batch));
  now_ += seconds(1);
  FetchSchedule::Lost lost = schedule_.OnConnectionLost(&batch, kSilence, Loss::kOther, now_);
  EXPECT_EQ(lost.retried, 0u);
  EXPECT_EQ(Drain(std::move(lost.expired)), Strings{"k"});
}

// --- Redis is away ---

TEST_F(FetchScheduleLossTest, FailedAttemptsCountAsAttemptsOfWhatWaits) {
  static_cast<void>(Submit(Get("k")));
  for (unsigned i = 0; i < FetchSchedule::kMaxRetries; ++i) {
    EXPECT_EQ(FailToConnect(kRefusal).failed.size(), 0u) << i;
  }
  FetchSchedule::ConnectFailure failure = FailToConnect(kRefusal);
  EXPECT_EQ(failure.reason.code, ErrorCode::kUnavailable);
  EXPECT_EQ(failure.reason.message, "cannot connect: Connection refused");
  EXPECT_EQ(Drain(std::move(failure.failed)), Strings{"k"});
}

TEST_F(FetchScheduleLossTest, AttemptsThatTimeOutFailNothingButWhatExpires) {
  static_cast<void>(Submit(Get("k", seconds(600))));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(FailToConnect(kSilence).failed.size(), 0u) << i;
}

TEST_F(FetchScheduleLossTest, FailedAttemptsBesideALiveConnectionFailNothing) {
  Connect();
  static_cast<void>(Submit(Get("k")));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(FailToConnect(kRefusal).failed.size(), 0u) << i;
  EXPECT_EQ(Take(), Strings{"k"});
}

TEST_F(FetchScheduleLossTest, AnOpenCircuitFailsAllThatWaitsAtOnce) {
  for (unsigned i = 0; i < CircuitBreaker::kFailuresToOpen; ++i) {
    static_cast<void>(FailToConnect(kRefusal));
  }
  EXPECT_TRUE(schedule_.Expire(now_).fetches.empty());
  EXPECT_TRUE(Submit(Get("k")).deadline_thread);
  FetchSchedule::Expiry expiry = schedule_.Expire(now_);
  EXPECT_EQ(expiry.reason.code, ErrorCode::kAway);
  EXPECT_EQ(Drain(std::move(expiry.fetches)), Strings{"k"});
}

}  // namespace
}  // namespace rp::redis
