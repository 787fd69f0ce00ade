// How the Forwarder comes to Redis's table of commands, and what becomes of those who wait for it.
#include <algorithm>

#include "test/support/forwarder_fixture.h"

namespace rp::proxy {
namespace {

TEST_F(ForwarderTest, RequestsWaitForTheTable) {
  forwarder_.LoadTable(Now() + seconds(1));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(TextOf(*fetches_[0]), Encode({"COMMAND"}));
  EXPECT_TRUE(fetches_[0]->may_be_repeated);
  Request* const known = MakeRequest({"GET", "k"});
  Request* const unknown = MakeRequest({"NOSUCH"});
  EXPECT_FALSE(forwarder_.Start(known, Now()));
  EXPECT_FALSE(forwarder_.Start(unknown, Now()));
  EXPECT_EQ(fetches_.size(), 1u) << "one load for all";
  Finish(Reply(kCommands));
  EXPECT_EQ(delivered(), std::vector<Request*>{unknown});
  ASSERT_EQ(fetches_.size(), 1u);
  Finish(Reply("$-1\r\n"));
  EXPECT_EQ(delivered(), (std::vector<Request*>{unknown, known}));
}

TEST_F(ForwarderTest, WhoMayNotAskForTheTableIsToldWhatToDoAndTheLogOnce) {
  testing::internal::CaptureStderr();
  for (const std::string text : {"ERR unknown command 'COMMAND', with args beginning with: ",
                                 "NOPERM no permissions to run the 'command' command"}) {
    for (int i = 0; i < 3; ++i) {
      Request* const request = MakeRequest({"SET", "k", "v"});
      EXPECT_FALSE(forwarder_.Start(request, Now()));
      Finish(Reply("-" + text + "\r\n"));
      EXPECT_EQ(request->answer.error, ErrorCode::kUpstream);
      EXPECT_TRUE(
          request->answer.error_text.starts_with("Redis refuses COMMAND, which -forward needs"));
      EXPECT_NE(request->answer.error_text.find("+command"), std::string::npos);
      EXPECT_NE(request->answer.error_text.find(text), std::string::npos);
    }
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_NE(log.find("unknown command 'COMMAND'"), std::string::npos) << log;
}

TEST_F(ForwarderTest, RequestsFailWithTheLoadAndTheNextLoadsAnew) {
  forwarder_.LoadTable(Now() + seconds(1));
  Request* const first = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(first, Now()));
  Finish(Failure(ErrorCode::kUnavailable, "cannot connect", false));
  EXPECT_EQ(first->answer.outcome, Outcome::kError);
  EXPECT_EQ(first->answer.error, ErrorCode::kUnavailable);
  EXPECT_EQ(first->answer.error_text, "cannot connect");

  Request* const second = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(second, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(TextOf(*fetches_[0]), Encode({"COMMAND"}));
  EXPECT_EQ(fetches_[0]->DeadlineTime(), second->deadline);
  Finish(Reply("-LOADING Redis is loading the dataset in memory\r\n"));
  EXPECT_EQ(second->answer.error, ErrorCode::kLoading);
  EXPECT_EQ(second->answer.error_text, "LOADING Redis is loading the dataset in memory");

  Request* const third = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(third, Now()));
  Finish(Reply(kCommands));
  Finish(Reply("$-1\r\n"));
  EXPECT_EQ(third->answer.reply, "$-1\r\n");
}

// Redis hangs: each waits as long as it may, and no longer.
TEST_F(ForwarderTest, ALoadThatTimesOutIsBegunAnewForThoseWhoCameLater) {
  forwarder_.LoadTable(Now() + seconds(60));
  Request* late = MakeRequest({"get", "a"});
  late->deadline = Now();
  Request* in_time = MakeRequest({"get", "b"});
  EXPECT_FALSE(forwarder_.Start(late, Now()));
  EXPECT_FALSE(forwarder_.Start(in_time, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  Finish(Failure(ErrorCode::kTimeout, "too late", false));
  ASSERT_EQ(home_.delivered(), std::vector<Request*>{late});
  EXPECT_EQ(late->answer.error, ErrorCode::kTimeout);
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_.front()->DeadlineTime(), in_time->deadline);
  Finish(Reply(kCommands));
  ASSERT_EQ(fetches_.size(), 1u);
  Finish(Reply("$1\r\nx\r\n"));
  EXPECT_EQ(in_time->answer.reply, "$1\r\nx\r\n");
}

TEST_F(ForwarderTest, AFullQueueFailsThoseWhoWaitForTheTable) {
  full_ = true;
  Request* const request = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->answer.error, ErrorCode::kBusy);
}

TEST_F(ForwarderTest, AnUnknownNameAsksAnewOnceTheTableIsOld) {
  LoadTable();
  const TimePoint loaded = Now();
  Request* const early = MakeRequest({"NEW"});
  EXPECT_TRUE(forwarder_.Start(early, loaded + Forwarder::kTableAge - seconds(1)));
  Request* const known = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(known, loaded + Forwarder::kTableAge));
  EXPECT_NE(TextOf(*fetches_.at(0)), Encode({"COMMAND"})) << "what is known is known";
  Finish(Reply("$-1\r\n"));
  Request* const late = MakeRequest({"NEW"});
  EXPECT_FALSE(forwarder_.Start(late, loaded + Forwarder::kTableAge));
  EXPECT_EQ(TextOf(*fetches_.at(0)), Encode({"COMMAND"}));
  Finish(Reply(ArrayOf({Described("new", 1, {"readonly"}, 0, 0, 0)})));
  Finish(Reply("+here\r\n"));
  EXPECT_EQ(late->answer.reply, "+here\r\n");
}

TEST_F(ForwarderTest, AnOldTableIsBetterThanNone) {
  LoadTable();
  Request* const unknown = MakeRequest({"NEW"});
  EXPECT_FALSE(forwarder_.Start(unknown, Now() + Forwarder::kTableAge));
  Finish(Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(unknown->answer.outcome, Outcome::kReply);
  EXPECT_TRUE(unknown->answer.reply.starts_with("-ERR unknown command 'NEW'"))
      << unknown->answer.reply;
  Forward({"GET", "k"}, Reply("$-1\r\n"));
}

}  // namespace
}  // namespace rp::proxy
