// The lease with time as an argument: no threads, no Redis.
#include "redis/lease.h"

#include <gtest/gtest.h>

namespace rp::redis {
namespace {

constexpr Duration kMaxStale = std::chrono::milliseconds(1000);
constexpr Duration kInterval = kMaxStale / Lease::kProofsPerLease;
constexpr Duration kTick{1};

class LeaseTest : public testing::Test {
 protected:
  // Sends the PING that is due, and returns when.
  TimePoint Ping() {
    if (!lease_.IsProofDue(now_)) now_ = lease_.WaitLimit();
    EXPECT_TRUE(lease_.IsProofDue(now_));
    lease_.OnProofSent(now_);
    return now_;
  }

  void AnswerAfter(Duration wait) {
    now_ += wait;
    lease_.OnProofAnswered();
  }

  const TimePoint tracked_at_{std::chrono::hours(1)};
  TimePoint now_ = tracked_at_ + std::chrono::milliseconds(30);  // both are acknowledged
  Lease lease_{kMaxStale, tracked_at_, now_};
};

TEST_F(LeaseTest, TheFirstLeaseRunsFromTheTracking) {
  EXPECT_EQ(lease_.end(), tracked_at_ + kMaxStale);
  EXPECT_EQ(lease_.LossTime(), kNever) << "nothing was asked yet";
}

TEST_F(LeaseTest, APongProvesWhatWasBeforeThePreviousPing) {
  const TimePoint first = Ping();
  AnswerAfter(kTick);
  EXPECT_EQ(lease_.end(), tracked_at_ + kMaxStale);
  const TimePoint second = Ping();
  AnswerAfter(kTick);
  EXPECT_EQ(lease_.end(), first + kMaxStale);
  Ping();
  AnswerAfter(kTick);
  EXPECT_EQ(lease_.end(), second + kMaxStale);
}

TEST_F(LeaseTest, APingIsDueFourTimesPerLease) {
  const TimePoint start = now_;
  EXPECT_EQ(lease_.WaitLimit(), start + kInterval);
  EXPECT_FALSE(lease_.IsProofDue(start + kInterval - kTick));
  EXPECT_TRUE(lease_.IsProofDue(start + kInterval));
  const TimePoint first = Ping();
  AnswerAfter(kTick);
  EXPECT_EQ(lease_.WaitLimit(), first + kInterval);
}

TEST_F(LeaseTest, OnlyOnePingIsUnderWay) {
  const TimePoint sent_at = Ping();
  EXPECT_FALSE(lease_.IsProofDue(sent_at + kMaxStale));
  EXPECT_EQ(lease_.WaitLimit(), sent_at + kMaxStale);
}

TEST_F(LeaseTest, IsLostWhenAPingIsUnansweredForTheLengthOfALease) {
  const TimePoint sent_at = Ping();
  EXPECT_EQ(lease_.LossTime(), sent_at + kMaxStale);
  EXPECT_EQ(lease_.LossReason().message, "no answer to HELLO and PING within 1000ms");
  AnswerAfter(kMaxStale - kTick);
  EXPECT_EQ(lease_.LossTime(), kNever);
}

TEST_F(LeaseTest, TheTimeThatReportsTakeIsNotSilence) {
  const TimePoint sent_at = Ping();
  const TimePoint dealt_with = sent_at + 2 * kMaxStale;
  lease_.OnReport(dealt_with);
  EXPECT_EQ(lease_.LossTime(), dealt_with + kInterval);
}

TEST_F(LeaseTest, ReportsWithoutEndDoNotReplaceAPong) {
  const TimePoint sent_at = Ping();
  const TimePoint last = sent_at + Lease::kMaxWaitInLeases * kMaxStale;
  lease_.OnReport(last - kInterval);
  EXPECT_EQ(lease_.LossTime(), last);
  lease_.OnReport(last);
  EXPECT_EQ(lease_.LossTime(), last);
}

TEST_F(LeaseTest, KnowsWhetherItWasEverRenewed) {
  EXPECT_FALSE(lease_.was_renewed());
  Ping();
  EXPECT_FALSE(lease_.was_renewed());
  AnswerAfter(kTick);
  EXPECT_TRUE(lease_.was_renewed());
}

}  // namespace
}  // namespace rp::redis
