#include "redis/renewal.h"

#include <gtest/gtest.h>

namespace rp::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RenewalTest : public testing::TestWithParam<ErrorCode> {
 protected:
  bool IsDue(ErrorCode code) { return renewal_.IsDue(code, now_); }
  // How often it is due within `time`, if Redis answers this ten times a second.
  int CountFor(ErrorCode code, Duration time) {
    int count = 0;
    for (const TimePoint end = now_ + time; now_ < end; now_ += milliseconds(100)) {
      count += IsDue(code) ? 1 : 0;
    }
    return count;
  }

  TimePoint now_{milliseconds(1)};  // the machine has just started
  Renewal renewal_;
};

TEST_F(RenewalTest, IsDueAtTheFirstReadonly) {
  EXPECT_TRUE(IsDue(ErrorCode::kReadOnly));
  EXPECT_FALSE(IsDue(ErrorCode::kReadOnly));
}

TEST_F(RenewalTest, WaitsLongerAndLongerForAServerThatStaysReadonly) {
  EXPECT_EQ(CountFor(ErrorCode::kReadOnly, seconds(60)), 9) << "at 0, 1, 3, 7, 15, 25, 35, 45, 55";
  EXPECT_EQ(CountFor(ErrorCode::kReadOnly, seconds(100)), 10);
}

TEST_F(RenewalTest, BeginsAnewAfterAQuietTime) {
  EXPECT_EQ(CountFor(ErrorCode::kReadOnly, seconds(30)), 6);
  now_ += 2 * Renewal::kMaxWait + seconds(1);
  EXPECT_EQ(CountFor(ErrorCode::kReadOnly, seconds(2)), 2);
}

TEST_F(RenewalTest, IsNotDueForOtherErrors) {
  for (const ErrorCode code :
       {ErrorCode::kUpstream, ErrorCode::kAuth, ErrorCode::kMoved, ErrorCode::kClusterDown,
        ErrorCode::kTryAgain, ErrorCode::kScriptRuns}) {
    EXPECT_EQ(CountFor(code, seconds(20)), 0) << Describe(code).name;
  }
}

INSTANTIATE_TEST_SUITE_P(NotYetServing, RenewalTest,
                         testing::Values(ErrorCode::kLoading, ErrorCode::kMasterDown));

TEST_P(RenewalTest, IsDueOnceThePatienceIsOver) {
  EXPECT_EQ(CountFor(GetParam(), Renewal::kPatience), 0);
  EXPECT_TRUE(IsDue(GetParam()));
}

TEST_P(RenewalTest, IsNotDueForOneThatServesInBetween) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(CountFor(GetParam(), Renewal::kPatience), 0);
    now_ += Renewal::kPatience + seconds(1);
  }
}

}  // namespace
}  // namespace rp::redis
