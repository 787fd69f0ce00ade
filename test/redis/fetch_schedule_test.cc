// The schedule of fetches with time as an argument: the queue, who connects and who is woken.
#include "redis/fetch_schedule.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/fetch_schedule_fixture.h"

namespace rp::redis {
namespace {

class FetchScheduleTest : public FetchScheduleFixture {};

// --- The limit on operations ---

TEST_F(FetchScheduleTest, DividesTheLimitOverAsManyFetchersAsItHasRoomFor) {
  const struct {
    FetchLimits limits;
    std::vector<size_t> shares;
  } rows[] = {
      {{.connections = 4, .ops_limit = 1}, {1}},
      {{.connections = 4, .ops_limit = 3}, {1, 1, 1}},
      {{.connections = 4, .ops_limit = 5}, {2, 1, 1, 1}},
      {{.connections = 4, .ops_limit = 128}, {32, 32, 32, 32}},
      {{.connections = 2, .ops_limit = 128}, {32, 32}},
  };
  for (const auto& row : rows) {
    ASSERT_EQ(FetchSchedule::FetchersFor(row.limits), row.shares.size());
    for (size_t i = 0; i < row.shares.size(); ++i) {
      EXPECT_EQ(FetchSchedule::ShareOf(row.limits, i), row.shares[i]) << row.limits.ops_limit;
    }
  }
}

// --- The queue ---

TEST_F(FetchScheduleTest, QueuesUpToItsLimitAndNotOneMore) {
  for (const char* key : {"1", "2", "3", "4"}) {
    static_cast<void>(Submit(Get(key)));
    EXPECT_TRUE(was_taken_) << key;
  }
  static_cast<void>(Submit(Get("5")));
  EXPECT_FALSE(was_taken_);
  Connect();
  EXPECT_EQ(Take(), (Strings{"1", "2", "3", "4"}));
  static_cast<void>(Submit(Get("5")));
  EXPECT_TRUE(was_taken_) << "what is under way does not wait";
}

TEST_F(FetchScheduleTest, TakesItsShareInOrderAndLeavesTheRest) {
  Connect();
  for (const char* key : {"1", "2", "3"}) static_cast<void>(Submit(Get(key)));
  EXPECT_EQ(Take(2), (Strings{"1", "2"}));
  EXPECT_EQ(Take(2), (Strings{"3"}));
  EXPECT_EQ(Take(2), Strings());
}

TEST_F(FetchScheduleTest, TakesNothingWhoseDeadlineHasPassed) {
  Connect();
  static_cast<void>(Submit(Get("late", milliseconds(10))));
  static_cast<void>(Submit(Get("in time", milliseconds(10) + Duration(1))));
  now_ += milliseconds(10);
  EXPECT_EQ(Take(), Strings{"in time"});
  EXPECT_EQ(expired_, Strings{"late"});
}

TEST_F(FetchScheduleTest, TakesGetsAndCommandsInTurn) {
  Connect();
  static_cast<void>(Submit(Get("a")));
  static_cast<void>(Submit(Get("b")));
  static_cast<void>(Submit(Command("SET")));
  EXPECT_EQ(Take(1), Strings{"a"});
  EXPECT_EQ(Take(1), Strings{"SET"});
  EXPECT_EQ(Take(1), Strings{"b"});
}

TEST_F(FetchScheduleTest, TakesALargeCommandByItself) {
  const std::string large(kLargeCommandBytes + 1, 'x');
  Connect();
  for (const std::string_view bytes :
       {std::string_view("A"), std::string_view(large), std::string_view("B")}) {
    static_cast<void>(Submit(Command(bytes)));
  }
  EXPECT_EQ(Take(), Strings{"A"});
  EXPECT_EQ(Take(), Strings{large});
  EXPECT_EQ(Take(), Strings{"B"});
}

// --- Who connects, and who is woken ---

TEST_F(FetchScheduleTest, OneFetcherConnectsAtOnceAndTheOthersWaitToBeWoken) {
  EXPECT_EQ(schedule_.BeginTurn(now_).action, Action::kConnect);
  for (int i = 0; i < 3; ++i) {
    const FetchSchedule::Turn turn = schedule_.BeginTurn(now_);
    EXPECT_EQ(turn.action, Action::kPark);
    EXPECT_EQ(turn.until, kNever);
  }
  EXPECT_EQ(Submit(Get("k")).fetcher, WakesFetcher::kNone) << "the one that connects takes it";
}

TEST_F(FetchScheduleTest, WakesOneIdleFetcherForAllThatIsSubmittedMeanwhile) {
  Connect();
  ASSERT_TRUE(schedule_.BeginIdle());
  EXPECT_EQ(Submit(Get("1")).fetcher, WakesFetcher::kIdle);
  EXPECT_EQ(Submit(Get("2")).fetcher, WakesFetcher::kNone);
  schedule_.EndIdle();
  EXPECT_FALSE(schedule_.BeginIdle()) << "something waits";
  EXPECT_EQ(Take(), (Strings{"1", "2"}));
  ASSERT_TRUE(schedule_.BeginIdle());
  EXPECT_EQ(Submit(Get("3")).fetcher, WakesFetcher::kIdle);
}

TEST_F(FetchScheduleTest, WakesTheNextIdleFetcherWhereAShareIsNotAll) {
  Connect();
  static_cast<void>(Submit(Get("1")));
  Connect();  // since something waits and nobody is idle
  EXPECT_EQ(Take(), Strings{"1"});
  ASSERT_TRUE(schedule_.BeginIdle());
  ASSERT_TRUE(schedule_.BeginIdle());
  static_cast<void>(Submit(Get("2")));
  static_cast<void>(Submit(Get("3")));
  schedule_.EndIdle();
  Batch batch(nullptr);
  EXPECT_EQ(schedule_.Take(1, now_, &batch).wakes.fetcher, WakesFetcher::kIdle);
}

TEST_F(FetchScheduleTest, WakesAFetcherToConnectWhereAllConnectedOnesAreBusy) {
  Connect();
  ASSERT_EQ(schedule_.BeginTurn(now_).action, Action::kPark);
  EXPECT_EQ(Submit(Get("k")).fetcher, WakesFetcher::kParked);
  schedule_.EndTurn({.action = Action::kPark});
  EXPECT_EQ(schedule_.BeginTurn(now_).action, Action::kConnect);
  EXPECT_EQ(Submit(Get("l")).fetcher, WakesFetcher::kNone) << "one connects already";
}

TEST_F(FetchScheduleTest, OneFetcherWaitsForTheNextAttempt) {
  const FetchSchedule::ConnectFailure failure = FailToConnect(kRefusal);
  EXPECT_EQ(failure.change, Change::kUnreachable);
  const FetchSchedule::Turn turn = schedule_.BeginTurn(now_);
  ASSERT_EQ(turn.action, Action::kPark);
  EXPECT_GE(turn.until, now_ + CircuitBreaker::kFirstBackOff / 2);
  EXPECT_LE(turn.until, now_ + CircuitBreaker::kFirstBackOff);
  EXPECT_EQ(schedule_.BeginTurn(now_).until, kNever);
  EXPECT_EQ(Submit(Get("k")).fetcher, WakesFetcher::kNone) << "the one that waits is enough";
  now_ = turn.until;
  schedule_.EndTurn(turn);
  EXPECT_EQ(schedule_.BeginTurn(now_).action, Action::kConnect);
  const FetchSchedule::Connected connected = schedule_.OnConnected(now_);
  EXPECT_EQ(connected.change, Change::kReconnected);
  EXPECT_EQ(connected.connections, 1u);
}

TEST_F(FetchScheduleTest, ConnectionsLostBeforeAnyAnswerDelayTheNextAttempt) {
  Connect();
  static_cast<void>(Submit(Get("k")));
  Batch batch(nullptr);
  static_cast<void>(schedule_.Take(32, now_, &batch));
  static_cast<void>(schedule_.OnConnectionLost(&batch, kClosed, Loss::kBeforeAnswer, now_));
  EXPECT_GT(schedule_.BeginTurn(now_).until, now_);
}

// --- The deadline thread ---

TEST_F(FetchScheduleTest, ExpiresAFetchAtItsDeadlineAndNotBefore) {
  EXPECT_EQ(schedule_.Expire(now_).next, kNever);
  EXPECT_TRUE(Submit(Get("k", seconds(1))).deadline_thread);
  EXPECT_EQ(schedule_.Expire(now_).next, now_ + seconds(1));
  now_ += seconds(1) - Duration(1);
  EXPECT_TRUE(schedule_.Expire(now_).fetches.empty());
  now_ += Duration(1);
  FetchSchedule::Expiry expiry = schedule_.Expire(now_);
  EXPECT_EQ(expiry.reason.code, ErrorCode::kTimeout);
  EXPECT_EQ(Drain(std::move(expiry.fetches)), Strings{"k"});
}

TEST_F(FetchScheduleTest, ScansAgainAfterTheScanIntervalAtTheEarliest) {
  static_cast<void>(Submit(Get("k", milliseconds(1))));
  EXPECT_EQ(schedule_.Expire(now_).next, now_ + FetchSchedule::kScanInterval);
}

TEST_F(FetchScheduleTest, HonoursADeadlineThatIsMovedWhileTheFetchWaits) {
  Fetch* const moved = Get("k", seconds(1));
  static_cast<void>(Submit(moved));
  moved->SetDeadline(now_ + seconds(3));
  now_ += seconds(1);
  FetchSchedule::Expiry expiry = schedule_.Expire(now_);
  EXPECT_TRUE(expiry.fetches.empty());
  EXPECT_EQ(expiry.next, now_ + seconds(2));
}

TEST_F(FetchScheduleTest, WakesTheDeadlineThreadOnlyForAnEarlierDeadline) {
  static_cast<void>(schedule_.Expire(now_));
  EXPECT_TRUE(Submit(Get("1", seconds(2))).deadline_thread);
  EXPECT_FALSE(Submit(Get("2", seconds(1))).deadline_thread) << "it has not woken yet";
  EXPECT_EQ(schedule_.Expire(now_).next, now_ + seconds(1));
  EXPECT_FALSE(Submit(Get("3", seconds(1))).deadline_thread);
  EXPECT_TRUE(Submit(Get("4", milliseconds(500))).deadline_thread);
}

TEST_F(FetchScheduleTest, LetsTheDeadlineThreadSleepWhileAFetcherIsIdle) {
  Connect();
  ASSERT_TRUE(schedule_.BeginIdle());
  EXPECT_FALSE(Submit(Get("k")).deadline_thread);
}

// --- The end ---

TEST_F(FetchScheduleTest, OnceStoppedFailsAllAndTakesNothing) {
  Connect();
  static_cast<void>(Submit(Get("under way")));
  Batch batch(nullptr);
  static_cast<void>(schedule_.Take(32, now_, &batch));
  static_cast<void>(Submit(Get("waits")));
  schedule_.Stop();
  static_cast<void>(Submit(Get("too late")));
  EXPECT_FALSE(was_taken_);
  EXPECT_EQ(schedule_.BeginTurn(now_).action, Action::kStop);
  EXPECT_FALSE(schedule_.BeginIdle());
  FetchSchedule::Lost lost = schedule_.OnConnectionLost(&batch, kClosed, Loss::kOther, now_);
  EXPECT_EQ(lost.reason.code, ErrorCode::kStopping);
  EXPECT_EQ(Drain(std::move(lost.failed)), Strings{"under way"});
  FetchSchedule::Expiry expiry = schedule_.Expire(now_);
  EXPECT_EQ(expiry.reason.code, ErrorCode::kStopping);
  EXPECT_EQ(Drain(std::move(expiry.fetches)), Strings{"waits"});
}

TEST_F(FetchScheduleTest, AnAttemptThatFailsBecauseOfTheStopChangesNothing) {
  static_cast<void>(Submit(Get("k")));
  ASSERT_EQ(schedule_.BeginTurn(now_).action, Action::kConnect);
  schedule_.Stop();
  const Error stopped{ErrorCode::kStopping, "shutting down"};
  const FetchSchedule::ConnectFailure failure = schedule_.OnConnectFailed(stopped, now_);
  EXPECT_EQ(failure.change, Change::kNone);
  EXPECT_TRUE(failure.failed.empty()) << "the deadline thread fails it";
}

}  // namespace
}  // namespace rp::redis
