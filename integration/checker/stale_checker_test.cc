// Short runs of the stale-read checker, and what its oracle calls stale.
#include "integration/checker/stale_checker.h"

#include <gtest/gtest.h>

#include "integration/checker/stale_oracle.h"
#include "integration/harness/renamed_host.h"

namespace rp::integration {
namespace {

constexpr auto kSet = StaleOracle::Write::kSet;
constexpr auto kDelete = StaleOracle::Write::kDelete;

TimePoint At(int ms) { return TimePoint{} + 1ms * ms; }

TEST(StaleOracleTest, AValueEndsWhenTheNextWriteIsAcknowledged) {
  StaleOracle oracle(2);
  EXPECT_EQ(oracle.ValueEnded(0, 1), std::nullopt) << "never written";
  EXPECT_EQ(oracle.BeginWrite(0, kSet, At(10)), 1U);
  oracle.EndWrite(0, true, At(11));
  EXPECT_EQ(oracle.ValueEnded(0, 1), kNever);
  EXPECT_EQ(oracle.BeginWrite(0, kSet, At(20)), 2U);
  EXPECT_EQ(oracle.ValueEnded(0, 1), kNever) << "not acknowledged";
  EXPECT_EQ(oracle.ValueEnded(0, 2), kNever) << "may have arrived";
  oracle.EndWrite(0, true, At(22));
  EXPECT_EQ(oracle.ValueEnded(0, 1), At(22));
  EXPECT_EQ(oracle.ValueEnded(0, 2), kNever);
  EXPECT_EQ(oracle.ValueEnded(1, 1), std::nullopt) << "another key";
}

TEST(StaleOracleTest, AWriteThatMayHaveBeenLostEndsNothing) {
  StaleOracle oracle(1);
  oracle.BeginWrite(0, kSet, At(10));
  oracle.EndWrite(0, true, At(11));
  oracle.BeginWrite(0, kSet, At(20));
  oracle.EndWrite(0, false, At(21));
  EXPECT_EQ(oracle.ValueEnded(0, 1), kNever);
  EXPECT_EQ(oracle.ValueEnded(0, 2), kNever);
  oracle.BeginWrite(0, kDelete, At(30));
  oracle.EndWrite(0, true, At(31));
  EXPECT_EQ(oracle.ValueEnded(0, 1), At(31));
  EXPECT_EQ(oracle.ValueEnded(0, 2), At(31));
  EXPECT_EQ(oracle.ValueEnded(0, 3), std::nullopt) << "a deletion has no value";
}

TEST(StaleOracleTest, AWipeEndsWhatWasAcknowledgedBeforeItBegan) {
  StaleOracle oracle(2);
  oracle.BeginWrite(0, kSet, At(10));
  oracle.EndWrite(0, true, At(11));
  oracle.BeginWrite(1, kSet, At(10));
  oracle.BeginWipe(At(20));
  EXPECT_EQ(oracle.ValueEnded(0, 1), kNever);
  oracle.EndWrite(1, true, At(21));
  oracle.EndWipe(true, At(22));
  EXPECT_EQ(oracle.ValueEnded(0, 1), At(22));
  EXPECT_EQ(oracle.ValueEnded(1, 1), kNever) << "under way at the same time";
}

TEST(StaleOracleTest, AbsenceEndsWithTheFirstSetAfterTheLastDeletion) {
  StaleOracle oracle(1);
  EXPECT_EQ(oracle.AbsenceEnded(0, At(5)), kNever);
  oracle.BeginWrite(0, kSet, At(10));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(11)), kNever);
  oracle.EndWrite(0, true, At(12));
  oracle.BeginWrite(0, kSet, At(13));
  oracle.EndWrite(0, true, At(14));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(15)), At(12));
  oracle.BeginWrite(0, kDelete, At(20));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(21)), kNever);
  EXPECT_EQ(oracle.AbsenceEnded(0, At(19)), At(12)) << "answered before the deletion";
  oracle.EndWrite(0, true, At(22));
  oracle.BeginWrite(0, kSet, At(30));
  oracle.EndWrite(0, true, At(31));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(40)), At(31));
  oracle.BeginWipe(At(50));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(51)), kNever);
  oracle.BeginWrite(0, kSet, At(52));
  oracle.EndWrite(0, true, At(53));
  oracle.EndWipe(true, At(54));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(60)), kNever) << "the wipe may have come last";
  oracle.BeginWrite(0, kSet, At(61));
  oracle.EndWrite(0, true, At(62));
  EXPECT_EQ(oracle.AbsenceEnded(0, At(63)), At(62));
}

TEST(StaleCheckReportTest, SaysWhetherStaleReadsAreWithinTheBound) {
  StaleCheckReport report;
  report.bound = 300ms;
  report.oldest = 12ms;
  report.stale = 3;
  EXPECT_NE(report.Text().find("3, all within the bound of 300 ms; the oldest by 12.0 ms\n"),
            std::string::npos)
      << report.Text();
  report.over_bound = 1;
  EXPECT_NE(report.Text().find("3, some beyond the bound of 300 ms;"), std::string::npos);
}

TEST(StaleCheckReportTest, EachViolationBreaksTheWord) {
  EXPECT_FALSE(StaleCheckReport{}.Kept()) << "nothing was cached";
  StaleCheckReport report;
  report.hits = 1;
  EXPECT_TRUE(report.Kept());
  for (uint64_t StaleCheckReport::*count :
       {&StaleCheckReport::over_bound, &StaleCheckReport::alien, &StaleCheckReport::backwards}) {
    StaleCheckReport part;
    part.*count = 1;
    StaleCheckReport sum = report;
    sum.Add(part);
    EXPECT_FALSE(sum.Kept());
  }
  for (int StaleCheckReport::*count :
       {&StaleCheckReport::hung, &StaleCheckReport::stale_after_quiet,
        &StaleCheckReport::uncached_after_quiet}) {
    StaleCheckReport broken = report;
    broken.*count = 1;
    EXPECT_FALSE(broken.Kept());
  }
}

void ExpectKept(const StaleCheckOptions& options, size_t min_events) {
  const StaleCheckReport report = CheckForStaleReads(options);
  EXPECT_TRUE(report.Kept()) << report.Text();
  EXPECT_GE(report.events.size(), min_events) << report.Text();
  EXPECT_GT(report.writes, 100U) << report.Text();
}

TEST(StaleCheckerTest, FindsNothingTooOldWhileConnectionsBreakAndRedisStops) {
  ExpectKept({.run = 5s,
              .events = {"subscriber killed", "data connections killed", "all connections cut",
                         "all connections half-open", "subscriber half-open", "Redis stopped",
                         "Redis restarted", "Redis restarted unseen", "flushed",
                         "fetch hangs across a loss", "answer comes late"}},
             3);
}

TEST(StaleCheckerTest, FindsNothingTooOldWhileServersChangePlaces) {
  ExpectKept({.run = 5s,
              .events = {"demoted and promoted", "failover", "failover behind the address",
                         "replica with a cut link"}},
             2);
}

// Each takes the second bound and a little.
TEST(StaleCheckerTest, FindsNothingTooOldWhileTheAddressOfNewConnectionsMoves) {
  ExpectKept({.run = 2s, .events = {"address of new connections moved"}}, 1);
}

TEST(StaleCheckerTest, FindsNothingTooOldWhileTheNameIsPointedElsewhere) {
  if (const std::string why = RenamedHost::WhyNot(); !why.empty()) GTEST_SKIP() << why;
  ExpectKept({.run = 2s, .events = {"name re-pointed"}}, 1);
}

}  // namespace
}  // namespace rp::integration
