// How the Forwarder sends a transaction, what it drops for it, and what its client is told.
#include "test/support/forwarder_fixture.h"

namespace rp::proxy {
namespace {

const std::string kOk = "+OK\r\n";
const std::string kQueued = "+QUEUED\r\n";
const std::string kAborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";

class ForwarderTransactionTest : public ForwarderTest {
 protected:
  static bool IsProbe(const redis::Fetch& fetch) {
    return TextOf(fetch) == Encode({"MULTI"}) + Encode({"EXEC"});
  }

  Request* MakeTransaction(const std::vector<Words>& commands, uint8_t version = 2) {
    Request& request = requests_.emplace_back();
    request.home = &home_;
    request.question.kind = Question::Kind::kTransaction;
    request.question.resp_version = version;
    request.deadline = Now() + seconds(60);
    for (const Words& words : commands) {
      EXPECT_TRUE(request.question.transaction.emplace_back().Assign(*ParsedCommand(words)));
    }
    return &request;
  }

  Request* SendTransaction(const std::vector<Words>& commands, uint8_t version = 2) {
    Request* const request = MakeTransaction(commands, version);
    EXPECT_FALSE(forwarder_.Start(request, Now()));
    EXPECT_EQ(fetches_.size(), 1u);
    if (IsProbe(*fetches_.at(0))) Finish(Reply(kOk + "*0\r\n"));
    EXPECT_EQ(fetches_.size(), 1u);
    return request;
  }

  Request* CarryOut(const std::vector<Words>& commands, const redis::FetchResult& result) {
    Request* const request = SendTransaction(commands);
    Finish(result);
    EXPECT_EQ(home_.CountOf(request), 1u);
    return request;
  }
};

TEST_F(ForwarderTransactionTest, IsOneFetchThatIsNeverRepeated) {
  LoadTable();
  Request* const request = SendTransaction({{"SET", "k", "v"}, {"GET", "k"}}, 3);
  const redis::Fetch& fetch = *fetches_[0];
  EXPECT_EQ(TextOf(fetch), Encode({"MULTI"}) + Encode({"SET", "k", "v"}) + Encode({"GET", "k"}) +
                               Encode({"EXEC"}));
  EXPECT_EQ(fetch.replies, 4u);
  EXPECT_EQ(fetch.resp_version, 3);
  EXPECT_FALSE(fetch.may_be_repeated);
  EXPECT_EQ(fetch.DeadlineTime(), request->deadline);
  Finish(Reply(kOk + kQueued + kQueued + "*2\r\n+OK\r\n$1\r\nv\r\n"));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->answer.outcome, Outcome::kReply);
  EXPECT_EQ(request->answer.reply, "*2\r\n+OK\r\n$1\r\nv\r\n");
  EXPECT_EQ(request->question.transaction.capacity(), 0u) << "freed before a client waits for it";
}

TEST_F(ForwarderTransactionTest, EvenReadsAloneAreNotRepeated) {
  LoadTable();
  SendTransaction({{"GET", "k"}});
  EXPECT_FALSE(fetches_[0]->may_be_repeated);
  Finish(Reply(kOk + kQueued + "*1\r\n$-1\r\n"));
}

TEST_F(ForwarderTransactionTest, AllKeysLeaveTheCacheBeforeTheReply) {
  LoadTable();
  Remember({"a", "b", "c", "d"});
  Words at_delivery = {"never"};
  home_.on_each = [&] { at_delivery = Remembered({"a", "b", "c", "d"}); };
  SendTransaction({{"SET", "a", "1"}, {"GET", "d"}, {"RENAME", "b", "c"}});
  EXPECT_EQ(Remembered({"a"}), Words{"a"});
  Finish(Reply(kOk + kQueued + kQueued + kQueued + "*3\r\n+OK\r\n$-1\r\n+OK\r\n"));
  EXPECT_EQ(at_delivery, Words{"d"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTransactionTest, RedisIsAskedForKeysInFrontOfIt) {
  LoadTable();
  Remember({"a", "b", "c", "d"});
  const Words sort = {"SORT", "a", "STORE", "b"};
  const Words other = {"SORT", "c"};
  Request* const request = SendTransaction({sort, {"GET", "d"}, other});
  EXPECT_EQ(TextOf(*fetches_[0]), Encode({"COMMAND", "GETKEYS", "SORT", "a", "STORE", "b"}) +
                                      Encode({"COMMAND", "GETKEYS", "SORT", "c"}) +
                                      Encode({"MULTI"}) + Encode(sort) + Encode({"GET", "d"}) +
                                      Encode(other) + Encode({"EXEC"}));
  EXPECT_EQ(fetches_[0]->replies, 7u);
  Finish(Reply("*2\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$1\r\nc\r\n" + kOk + kQueued + kQueued + kQueued +
               "*3\r\n:1\r\n$-1\r\n*0\r\n"));
  EXPECT_EQ(request->answer.reply, "*3\r\n:1\r\n$-1\r\n*0\r\n");
  EXPECT_EQ(Remembered({"a", "b", "c", "d"}), Words{"d"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTransactionTest, AFlushInsideFlushesUnlessItWasDiscarded) {
  LoadTable();
  Remember({"k"});
  CarryOut({{"FLUSHALL"}}, Reply(kOk + "-NOPERM no\r\n" + kAborted));
  EXPECT_EQ(flushes_, 0);
  CarryOut({{"FLUSHALL"}, {"GET", "k"}}, Reply(kOk + kQueued + "-NOPERM no\r\n" + kAborted));
  EXPECT_EQ(flushes_, 0);
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
  CarryOut({{"FLUSHALL"}}, Reply(kOk + kQueued + "*1\r\n+OK\r\n"));
  EXPECT_EQ(flushes_, 1);
  EXPECT_EQ(Remembered({"k"}), Words{});
}

TEST_F(ForwarderTransactionTest, AFlushThatRedisCarriedOutWithAnErrorDoesNotFlush) {
  LoadTable();
  Remember({"a", "k"});
  const std::vector<Words> commands = {{"SORT", "a"}, {"FLUSHALL", "NOPE"}, {"GET", "k"}};
  const std::string front = "*1\r\n$1\r\na\r\n" + kOk + kQueued + kQueued + kQueued;
  const std::string sorted = "*2\r\n-ERR in it\r\n*1\r\n$1\r\nx\r\n";
  CarryOut(commands, Reply(front + "*3\r\n" + sorted + "-ERR syntax error\r\n$1\r\nv\r\n"));
  EXPECT_EQ(flushes_, 0);
  EXPECT_EQ(Remembered({"a", "k"}), Words{"k"});
  CarryOut(commands, Reply(front + "*3\r\n" + sorted + "+OK\r\n-ERR no\r\n"));
  EXPECT_EQ(flushes_, 1);
  CarryOut(commands, Reply(front + "*1\r\n" + sorted));
  EXPECT_EQ(flushes_, 2) << "what was done is not known";
}

TEST_F(ForwarderTransactionTest, WhatMayHaveBeenCarriedOutDropsItsKeysThoughItFailed) {
  LoadTable();
  Remember({"a", "b"});
  Request* const request = CarryOut({{"SET", "a", "1"}, {"SET", "b", "1"}},
                                    Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
  EXPECT_EQ(request->answer.error_text, "too late");
  EXPECT_EQ(request->question.transaction.capacity(), 0u);
  EXPECT_EQ(Remembered({"a", "b"}), Words{});
  EXPECT_EQ(flushes_, 0);
  CarryOut({{"SORT", "a"}}, Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(flushes_, 1);
}

TEST_F(ForwarderTransactionTest, WhatWasNotSentDropsNothing) {
  LoadTable();
  Remember({"a"});
  CarryOut({{"SET", "a", "1"}, {"FLUSHALL"}, {"SORT", "a"}},
           Failure(ErrorCode::kAway, "Redis is away", false));
  EXPECT_EQ(Remembered({"a"}), Words{"a"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTransactionTest, ARefusalWhileQueueingIsNamed) {
  LoadTable();
  const auto answer = [&](const std::string& second, const std::string& exec) {
    return CarryOut({{"SET", "a", "1"}, {"SET", "b", "1"}}, Reply(kOk + kQueued + second + exec))
        ->answer.reply;
  };
  EXPECT_EQ(answer("-READONLY You can't write against a read only replica.\r\n", kAborted),
            "-EXECABORT Transaction discarded because of: READONLY You can't write against a read "
            "only replica.\r\n");
  EXPECT_EQ(answer("-ERR no\r\n", kAborted), "-EXECABORT Transaction discarded because of: no\r\n");
  EXPECT_EQ(answer("-MOVED 1 10.0.0.9:1\r\n", kAborted).find("10.0.0.9"), std::string::npos)
      << "an address that the client may be unable to reach";
  EXPECT_EQ(answer(kQueued, "-EXECABORT Transaction discarded because of: LOADING it\r\n"),
            "-EXECABORT Transaction discarded because of: LOADING it\r\n");
}

// The right to MULTI was taken away since Redis was asked.
TEST_F(ForwarderTransactionTest, WithoutMultiTheCommandsMayHaveBeenCarriedOut) {
  LoadTable();
  Remember({"a", "b"});
  Request* const request =
      CarryOut({{"SET", "a", "1"}, {"SET", "b", "1"}, {"FLUSHALL"}},
               Reply("-NOPERM no permissions\r\n+OK\r\n+OK\r\n-NOPERM no\r\n-ERR EXEC without "
                     "MULTI\r\n"));
  EXPECT_EQ(request->answer.reply,
            "-ERR Redis refuses MULTI (NOPERM no permissions), so the commands may have been "
            "carried out one by one\r\n");
  EXPECT_EQ(Remembered({"a", "b"}), Words{});
  EXPECT_EQ(flushes_, 0);
  Request* const again = SendTransaction({{"FLUSHALL"}});
  Finish(Reply("-NOPERM no\r\n+OK\r\n-ERR EXEC without MULTI\r\n"));
  EXPECT_EQ(home_.CountOf(again), 1u);
  EXPECT_EQ(flushes_, 1);
}

// --- Whether Redis takes MULTI. ---

TEST_F(ForwarderTransactionTest, RedisIsAskedForMultiOnceBeforeTheFirst) {
  LoadTable();
  Request* const first = MakeTransaction({{"SET", "a", "1"}});
  Request* const second = MakeTransaction({{"SET", "b", "1"}});
  EXPECT_FALSE(forwarder_.Start(first, Now()));
  EXPECT_FALSE(forwarder_.Start(second, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  const redis::Fetch& probe = *fetches_[0];
  EXPECT_TRUE(IsProbe(probe)) << TextOf(probe);
  EXPECT_EQ(probe.replies, 2u);
  EXPECT_TRUE(probe.is_transaction && probe.goes_alone && probe.may_be_repeated);
  EXPECT_EQ(probe.DeadlineTime(), first->deadline);
  Finish(Reply(kOk + "*0\r\n"));
  ASSERT_EQ(fetches_.size(), 2u);
  EXPECT_TRUE(fetches_[0]->is_transaction);
  EXPECT_FALSE(fetches_[0]->goes_alone);
  Finish(Reply(kOk + kQueued + "*1\r\n+OK\r\n"));
  Finish(Reply(kOk + kQueued + "*1\r\n+OK\r\n"));
  EXPECT_EQ(delivered(), (std::vector<Request*>{first, second}));
  EXPECT_FALSE(forwarder_.Start(MakeTransaction({{"SET", "c", "1"}}), Now()));
  EXPECT_FALSE(IsProbe(*fetches_.at(0)));
  Finish(Reply(kOk + kQueued + "*1\r\n+OK\r\n"));
  LoadTable();
  EXPECT_FALSE(forwarder_.Start(MakeTransaction({{"SET", "c", "1"}}), Now()));
  EXPECT_TRUE(IsProbe(*fetches_.at(0))) << "it may be another Redis";
  Finish(Failure(ErrorCode::kAway, "away", false));
}

TEST_F(ForwarderTransactionTest, NothingIsSentWhereMultiOrExecIsRefused) {
  LoadTable();
  Remember({"a"});
  const std::string because = "-EXECABORT Transaction discarded because of: ";
  for (const auto& [replies, answer] : std::vector<std::pair<std::string, std::string>>{
           {"-NOPERM no\r\n-ERR EXEC without MULTI\r\n", because + "NOPERM no\r\n"},
           {"-ERR unknown command 'MULTI'\r\n-ERR EXEC without MULTI\r\n",
            because + "unknown command 'MULTI'\r\n"},
           {kOk + because + "NOPERM no\r\n", because + "NOPERM no\r\n"},
           {kOk + "-ERR unknown command 'EXEC'\r\n", because + "unknown command 'EXEC'\r\n"}}) {
    Request* const first = MakeTransaction({{"SET", "a", "1"}, {"FLUSHALL"}});
    Request* const second = MakeTransaction({{"SET", "a", "1"}});
    EXPECT_FALSE(forwarder_.Start(first, Now()));
    EXPECT_FALSE(forwarder_.Start(second, Now()));
    ASSERT_TRUE(IsProbe(*fetches_.at(0))) << "each is asked for";
    Finish(Reply(replies));
    EXPECT_TRUE(fetches_.empty());
    for (const Request* request : {first, second}) {
      EXPECT_EQ(home_.CountOf(request), 1u);
      EXPECT_EQ(request->answer.outcome, Outcome::kReply);
      EXPECT_EQ(request->answer.reply, answer);
    }
  }
  EXPECT_EQ(Remembered({"a"}), Words{"a"});
  CarryOut({{"SET", "a", "1"}}, Reply(kOk + kQueued + "*1\r\n+OK\r\n"));
}

TEST_F(ForwarderTransactionTest, ALostQuestionForMultiFailsThoseThatWaited) {
  LoadTable();
  Remember({"a"});
  Request* const request = MakeTransaction({{"SET", "a", "1"}});
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  Finish(Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(home_.CountOf(request), 1u);
  EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
  EXPECT_EQ(request->answer.error_text, "too late");
  EXPECT_EQ(Remembered({"a"}), Words{"a"});
  full_ = true;
  Request* const refused = MakeTransaction({{"SET", "a", "1"}});
  EXPECT_FALSE(forwarder_.Start(refused, Now()));
  EXPECT_EQ(home_.CountOf(refused), 1u);
  EXPECT_EQ(refused->answer.error, ErrorCode::kBusy);
  full_ = false;
  CarryOut({{"SET", "a", "1"}}, Reply(kOk + kQueued + "*1\r\n+OK\r\n"));
}

// Another Redis has taken over since the session checked the commands.
TEST_F(ForwarderTransactionTest, WhatRedisHasNoLongerIsNotSent) {
  LoadTable();
  Request* const unknown = MakeTransaction({{"SET", "a", "1"}, {"NOSUCH"}});
  EXPECT_TRUE(forwarder_.Start(unknown, Now()));
  EXPECT_EQ(unknown->answer.reply,
            "-EXECABORT Transaction discarded because of: unknown command 'NOSUCH', with args "
            "beginning with: \r\n");
  Request* const refused = MakeTransaction({{"SELECT", "1"}});
  EXPECT_TRUE(forwarder_.Start(refused, Now()));
  EXPECT_TRUE(refused->answer.reply.starts_with(
      "-EXECABORT Transaction discarded because of: 'select' is not available"))
      << refused->answer.reply;
}

TEST_F(ForwarderTransactionTest, BlockingCommandsAreSent) {
  LoadTable();
  SendTransaction({{"BLPOP", "k", "0"}});
  Finish(Reply(kOk + kQueued + "*1\r\n*-1\r\n"));
}

// --- The table, for the session. ---

TEST_F(ForwarderTransactionTest, TellsWhatIsKnownOfCommands) {
  EXPECT_EQ(forwarder_.Known(Now()).table, nullptr);
  forwarder_.LoadTable(Now() + seconds(1));
  Finish(Failure(ErrorCode::kAway, "Redis is away", false));
  EXPECT_EQ(forwarder_.Known(Now()).error.code, ErrorCode::kAway);
  EXPECT_EQ(forwarder_.Known(Now()).error.message, "Redis is away");
  EXPECT_TRUE(forwarder_.Known(Now()).is_old) << "the next attempt need not wait";
  LoadTable();
  const TimePoint loaded = Now();
  const KnownCommands known = forwarder_.Known(loaded);
  ASSERT_NE(known.table, nullptr);
  EXPECT_TRUE(known.table->Has("exec"));
  EXPECT_FALSE(known.table->Has("nosuch"));
  EXPECT_FALSE(known.is_old);
  EXPECT_TRUE(forwarder_.Known(loaded + Forwarder::kTableAge).is_old);
}

TEST_F(ForwarderTransactionTest, LoadsTheTableAnewOnRequest) {
  LoadTable();
  for (const auto& result : {Reply(kCommands), Failure(ErrorCode::kAway, "away", false)}) {
    Request* const request = MakeTransaction({});
    request->question.kind = Question::Kind::kTable;
    EXPECT_FALSE(forwarder_.Start(request, Now()));
    EXPECT_EQ(TextOf(*fetches_.at(0)), Encode({"COMMAND"}));
    Finish(result);
    EXPECT_EQ(home_.CountOf(request), 1u);
    EXPECT_EQ(request->answer.reply, "");
  }
}

}  // namespace
}  // namespace rp::proxy
