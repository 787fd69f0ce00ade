// What the judges of the stale-read checker call wrong, what they excuse, and what they read and
// write.
#include <gtest/gtest.h>

#include "integration/checker/history.h"
#include "integration/checker/monotonic_judge.h"
#include "integration/checker/reader.h"
#include "integration/checker/takeovers.h"
#include "integration/harness/support.h"

namespace rp::integration {
namespace {

constexpr auto kSet = StaleOracle::Write::kSet;
constexpr auto kDelete = StaleOracle::Write::kDelete;
constexpr uint64_t kAbsent = 0;

TimePoint At(int ms) { return TimePoint{} + 1ms * ms; }

class MonotonicJudgeTest : public ::testing::Test {
 protected:
  // One that took from `ms` to the millisecond after it.
  void Write(StaleOracle::Write write, int ms) {
    oracle_.BeginWrite(0, write, At(ms));
    oracle_.EndWrite(0, true, At(ms + 1));
  }
  void Wipe(int from, int to) {
    oracle_.BeginWipe(At(from));
    oracle_.EndWipe(true, At(to));
  }
  bool IsBackwards(uint64_t stamp, int asked, int answered) {
    return judge_.IsBackwards(0, stamp, At(asked), At(answered));
  }

  StaleOracle oracle_{2};
  MonotonicJudge judge_{&oracle_, 2};
};

TEST_F(MonotonicJudgeTest, AnOlderValueIsBackwardsIfANewerOneHadEndedBefore) {
  Write(kSet, 10);
  Write(kSet, 20);
  EXPECT_FALSE(IsBackwards(2, 30, 40));
  EXPECT_FALSE(IsBackwards(1, 35, 45)) << "asked before the newer one came";
  EXPECT_FALSE(IsBackwards(1, 40, 45)) << "at the same moment";
  EXPECT_TRUE(IsBackwards(1, 41, 45));
  EXPECT_FALSE(IsBackwards(2, 41, 45));
  EXPECT_FALSE(judge_.IsBackwards(1, 1, At(41), At(45))) << "another key";
}

TEST_F(MonotonicJudgeTest, WhatEndedFirstCountsInWhateverOrderItIsJudged) {
  for (int i = 1; i <= 4; ++i) Write(kSet, i);
  EXPECT_FALSE(IsBackwards(3, 10, 30));
  EXPECT_FALSE(IsBackwards(2, 10, 20));
  EXPECT_FALSE(IsBackwards(4, 10, 40));
  EXPECT_TRUE(IsBackwards(1, 21, 50));
  EXPECT_FALSE(IsBackwards(2, 21, 50));
  EXPECT_TRUE(IsBackwards(2, 31, 50));
  EXPECT_FALSE(IsBackwards(3, 31, 60));
  EXPECT_TRUE(IsBackwards(3, 41, 60));
}

TEST_F(MonotonicJudgeTest, NoSuchKeyIsBackwardsUnlessSomethingDeletedItSince) {
  EXPECT_FALSE(IsBackwards(kAbsent, 1, 2)) << "never written";
  Write(kSet, 10);
  EXPECT_FALSE(IsBackwards(kAbsent, 12, 13)) << "nobody has seen the value";
  EXPECT_FALSE(IsBackwards(1, 14, 15));
  EXPECT_TRUE(IsBackwards(kAbsent, 16, 17));
  oracle_.BeginWrite(0, kDelete, At(20));
  EXPECT_TRUE(IsBackwards(kAbsent, 16, 20)) << "answered before the deletion";
  EXPECT_FALSE(IsBackwards(kAbsent, 16, 21));
  oracle_.EndWrite(0, false, At(22));
  EXPECT_FALSE(IsBackwards(kAbsent, 23, 24)) << "it may have been carried out";
}

TEST_F(MonotonicJudgeTest, AValueFromBeforeAnAbsenceThatWasSeenIsBackwards) {
  Write(kSet, 10);
  EXPECT_FALSE(IsBackwards(1, 12, 13));
  Write(kDelete, 20);
  EXPECT_FALSE(IsBackwards(kAbsent, 22, 23));
  EXPECT_TRUE(IsBackwards(1, 24, 25));
  EXPECT_FALSE(IsBackwards(kAbsent, 24, 25)) << "the same absence";
  Write(kSet, 30);
  Write(kDelete, 40);
  Write(kSet, 50);
  EXPECT_FALSE(IsBackwards(3, 52, 53)) << "the absence may have been the first";
  EXPECT_FALSE(IsBackwards(kAbsent, 54, 55)) << "the second";
  EXPECT_TRUE(IsBackwards(3, 56, 57));
}

TEST_F(MonotonicJudgeTest, AWipeStandsWhereItMay) {
  Write(kSet, 10);
  Write(kSet, 20);
  Wipe(25, 35);
  oracle_.BeginWrite(0, kSet, At(30));
  oracle_.EndWrite(0, true, At(40));
  EXPECT_FALSE(IsBackwards(3, 41, 42));
  EXPECT_FALSE(IsBackwards(kAbsent, 43, 44)) << "under way at the same time: it may have come last";
  EXPECT_TRUE(IsBackwards(3, 45, 46)) << "but then it was behind the value";
  Write(kSet, 50);
  EXPECT_FALSE(IsBackwards(4, 52, 53));
  EXPECT_TRUE(IsBackwards(kAbsent, 54, 55)) << "it ended before the value was written";
}

TEST_F(MonotonicJudgeTest, AWipeThatIsSeenIsBehindWhatHadEndedBeforeIt) {
  Write(kSet, 10);
  Write(kSet, 20);
  Wipe(30, 31);
  EXPECT_FALSE(IsBackwards(1, 12, 13));
  EXPECT_FALSE(IsBackwards(kAbsent, 32, 33));
  EXPECT_TRUE(IsBackwards(2, 34, 35));
  oracle_.BeginWipe(At(40));
  EXPECT_FALSE(IsBackwards(kAbsent, 41, 42)) << "the next, without an end";
}

TEST(TakeoversTest, WhatComesWhileTheAddressLeadsToAReplicaMayBeItsAnswer) {
  Takeovers takeovers(5s);
  EXPECT_FALSE(takeovers.LedToReplica(At(0), At(100000)));
  takeovers.BeginReplica(At(100));
  EXPECT_FALSE(takeovers.LedToReplica(At(0), At(99)));
  EXPECT_TRUE(takeovers.LedToReplica(At(0), At(100)));
  EXPECT_TRUE(takeovers.LedToReplica(At(900), At(901)));
  takeovers.EndReplica(At(200));
  EXPECT_TRUE(takeovers.LedToReplica(At(200), At(300)));
  EXPECT_FALSE(takeovers.LedToReplica(At(201), At(300)));
}

TEST(TakeoversTest, AMoveExcusesWhatWasOverwrittenAfterItForTheSecondBound) {
  Takeovers takeovers(5s);
  EXPECT_FALSE(takeovers.MoveExcuses(At(1000), At(2000)));
  takeovers.OnMove(At(1000));
  EXPECT_FALSE(takeovers.MoveExcuses(At(999), At(2000))) << "the old server was told of that";
  EXPECT_TRUE(takeovers.MoveExcuses(At(1000), At(6000)));
  EXPECT_FALSE(takeovers.MoveExcuses(At(1000), At(6001)));
}

TEST(ReaderTest, StampsAreOfTheirKey) {
  EXPECT_EQ(StampOf(3, ValueOf(3, 17)), 17U);
  EXPECT_EQ(StampOf(2, ValueOf(3, 17)), 0U);
  EXPECT_EQ(StampOf(3, "key3:17x"), 0U);
  EXPECT_EQ(StampOf(3, "key3:"), 0U);
}

TEST(ReaderTest, StringsOfARespReply) {
  using Strings = std::vector<std::optional<std::string>>;
  EXPECT_EQ(ParseStrings("$6\r\nkey1:2\r\n"), Strings{"key1:2"});
  EXPECT_EQ(ParseStrings("$-1\r\n"), Strings{std::nullopt});
  EXPECT_EQ(ParseStrings("*2\r\n$-1\r\n$2\r\n\r\n\r\n"), (Strings{std::nullopt, "\r\n"}));
  EXPECT_EQ(ParseStrings("*0\r\n"), Strings{});
  for (const char* wrong : {"", "-ERR no\r\n", "$6\r\nkey1:2", "$5\r\nkey1:2\r\n", "*2\r\n$-1\r\n",
                            "*-1\r\n", "$x\r\n", "$-1\r\n$-1\r\n", "$1"}) {
    EXPECT_EQ(ParseStrings(wrong), std::nullopt) << wrong;
  }
}

TEST(HistoryTest, ALineHoldsWhatTheHeaderSays) {
  EXPECT_EQ(JsonLine({.op = "read",
                      .key = "key3",
                      .stamp = 17,
                      .start = At(1),
                      .end = At(2),
                      .client = "a \"b\\\n",
                      .protocol = "http",
                      .outcome = "value",
                      .cache = "hit"}),
            "{\"op\":\"read\",\"key\":\"key3\",\"stamp\":17,\"start_ns\":1000000,"
            "\"end_ns\":2000000,\"client\":\"a \\\"b\\\\\",\"protocol\":\"http\","
            "\"outcome\":\"value\",\"cache\":\"hit\"}\n");
}

TEST(HistoryTest, WritesALineForEachOperation) {
  const TempDir folder;
  const std::string path = folder.path() + "/history";
  {
    History history(path);
    ASSERT_TRUE(history.ok() && history.is_open());
    history.Add({.op = "set"});
    history.Add({.op = "wipe"});
  }
  EXPECT_EQ(ReadFile(path), JsonLine({.op = "set"}) + JsonLine({.op = "wipe"}));
  EXPECT_FALSE(History(folder.path() + "/none/history").ok());
  EXPECT_TRUE(History("").ok());
  EXPECT_FALSE(History("").is_open());
}

}  // namespace
}  // namespace rp::integration
