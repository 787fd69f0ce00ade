#include "proxy/forwarder.h"

#include "test/support/forwarder_fixture.h"

namespace rp::proxy {
namespace {

// --- Passing through. ---

TEST_F(ForwarderTest, HandsBackTheReplyAsItCame) {
  LoadTable();
  Request* const request = Send({"SET", "k", std::string("\0\r\n", 3)}, 3);
  EXPECT_EQ(TextOf(*fetches_[0]), Encode({"SET", "k", std::string("\0\r\n", 3)}));
  EXPECT_EQ(fetches_[0]->resp_version, 3);
  EXPECT_EQ(fetches_[0]->replies, 1u);
  EXPECT_EQ(fetches_[0]->DeadlineTime(), request->deadline);
  EXPECT_TRUE(delivered().empty());
  Finish(Reply("%1\r\n+a\r\n_\r\n"));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->answer.outcome, Outcome::kReply);
  EXPECT_EQ(request->answer.reply, "%1\r\n+a\r\n_\r\n");
}

// Also for COMMAND GETKEYS before it.
TEST_F(ForwarderTest, SendsALargeCommandFromWhereItWasReadTo) {
  LoadTable();
  const Words words = {"SORT", "a", "STORE", std::string(50'000, 'b')};
  const std::string bytes = Encode(words);
  const resp::RequestLimits limits;
  resp::RequestReader reader(limits);
  resp::Command command;
  ASSERT_EQ(reader.Parse(std::string_view(bytes).substr(0, 1000), &command),
            ParseStatus::kNeedMore);
  const std::string_view rest = std::string_view(bytes).substr(reader.taken());
  ASSERT_EQ(reader.Parse(rest, &command), ParseStatus::kDone);
  const char* const key = command[3].data();
  Request* const request = MakeRequest({"PING"});
  ASSERT_TRUE(request->question.command.Assign(command));
  reader.EndCommand();
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  Words get_keys = {"COMMAND", "GETKEYS"};
  get_keys.insert(get_keys.end(), words.begin(), words.end());
  EXPECT_EQ(TextOf(*fetches_[0]), Encode(get_keys) + bytes);
  int found = 0;
  for (const std::string_view piece : fetches_[0]->command->pieces()) {
    found += key >= piece.data() && key < piece.data() + piece.size();
  }
  EXPECT_EQ(found, 2) << "it has been copied";
  Finish(Reply("*0\r\n:0\r\n"));
}

TEST_F(ForwarderTest, SharesALargeReply) {
  LoadTable();
  const auto bytes = std::make_shared<const std::string>("*1\r\n$1\r\na\r\n+a large one\r\n");
  redis::FetchResult result = Reply(*bytes);
  result.owner = bytes;
  Request* const request = Forward({"SORT", "a"}, result);
  EXPECT_EQ(request->answer.reply, "");
  EXPECT_EQ(request->answer.large_reply.bytes, "+a large one\r\n") << "without the keys";
  EXPECT_EQ(request->answer.large_reply.bytes.data(), bytes->data() + 11);
  EXPECT_EQ(request->answer.large_reply.owner, bytes);
  request->answer.Clear();
  EXPECT_EQ(request->answer.large_reply.owner, nullptr);
}

TEST_F(ForwarderTest, OnlyWhatReadsMayBeRepeated) {
  LoadTable();
  Send({"SET", "k", "v"});
  EXPECT_FALSE(fetches_[0]->may_be_repeated);
  Finish(Reply("+OK\r\n"));
  Send({"GET", "k"});
  EXPECT_TRUE(fetches_[0]->may_be_repeated);
  Finish(Reply("$-1\r\n"));
}

TEST_F(ForwarderTest, AFailureIsAnError) {
  LoadTable();
  Request* const request = Forward({"GET", "k"}, Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(request->answer.outcome, Outcome::kError);
  EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
  EXPECT_EQ(request->answer.error_text, "too late");
}

TEST_F(ForwarderTest, AFullQueueIsSaid) {
  LoadTable();
  full_ = true;
  Request* const request = MakeRequest({"SET", "k", "v"});
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->answer.error, ErrorCode::kBusy);
}

TEST_F(ForwarderTest, WhatTheProxyAsksNeedsNoTableAndDropsNothing) {
  Remember({"k"});
  Request* const request = MakeRequest({"PTTL", "k"});
  request->question.reads_only = true;
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(TextOf(*fetches_[0]), Encode({"PTTL", "k"}));
  EXPECT_TRUE(fetches_[0]->may_be_repeated);
  Finish(Reply(":1500\r\n"));
  EXPECT_EQ(request->answer.reply, ":1500\r\n");
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
}

// --- What Redis is not asked. ---

TEST_F(ForwarderTest, AnUnknownCommandIsAnsweredAsRedisDoes) {
  LoadTable();
  Request* const request = MakeRequest({"NOSUCH", "a", "b c"});
  EXPECT_TRUE(forwarder_.Start(request, Now()));
  EXPECT_EQ(request->answer.outcome, Outcome::kReply);
  EXPECT_EQ(request->answer.reply,
            "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b c' \r\n");
  EXPECT_TRUE(delivered().empty()) << "who is answered at once is not delivered";
}

TEST_F(ForwarderTest, RefusesByName) {
  LoadTable();
  for (const Words& words : {Words{"Multi"}, Words{"BLPOP", "k", "0"}}) {
    Request* const request = MakeRequest(words);
    EXPECT_TRUE(forwarder_.Start(request, Now()));
    const std::string name = words[0] == "Multi" ? "multi" : "blpop";
    const std::string what = words[0] == "Multi" ? "change" : "block";
    EXPECT_EQ(request->answer.outcome, Outcome::kReply);
    EXPECT_EQ(request->answer.reply, "-ERR '" + name +
                                         "' is not available: all clients share the connections to "
                                         "Redis, and it would " +
                                         what + " one\r\n");
  }
}

TEST_F(ForwarderTest, ARefusedCommandWithAWrongNumberOfArgumentsGetsRedissError) {
  LoadTable();
  for (const auto& [words, name] : std::vector<std::pair<Words, std::string>>{
           {{"BLPOP"}, "blpop"}, {{"BLPOP", "k"}, "blpop"}, {{"SELECT", "1", "2"}, "select"}}) {
    Request* const request = MakeRequest(words);
    EXPECT_TRUE(forwarder_.Start(request, Now()));
    EXPECT_EQ(request->answer.reply,
              "-ERR wrong number of arguments for '" + name + "' command\r\n");
  }
}

// --- What leaves the cache. ---

TEST_F(ForwarderTest, AWrittenKeyLeavesTheCacheBeforeTheReplyIsDelivered) {
  LoadTable();
  Remember({"k", "other"});
  Words at_delivery = {"never"};
  home_.on_each = [&] { at_delivery = Remembered({"k", "other"}); };
  Send({"SET", "k", "v"});
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
  Finish(Reply("+OK\r\n"));
  EXPECT_EQ(at_delivery, Words{"other"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, AFetchUnderWayDuringTheWriteIsNotStored) {
  LoadTable();
  cache::TestFlight flight("k");
  cache::Waiter waiter;
  cache::EntryRef hit;
  ASSERT_EQ(cache_.JoinOrStart(&flight, &waiter, Now(), Now(), &hit),
            cache::LookupResult::kStarted);
  Forward({"SET", "k", "v"}, Reply("+OK\r\n"));
  EXPECT_EQ(cache_.Finish(&flight, cache::EntryFor("k", "old"), Now()).waiters.front(), &waiter);
  EXPECT_EQ(Remembered({"k"}), Words{});
}

TEST_F(ForwarderTest, BothKeysOfARenameLeaveTheCache) {
  LoadTable();
  Remember({"a", "b", "c"});
  Forward({"RENAME", "a", "b"}, Reply("+OK\r\n"));
  EXPECT_EQ(Remembered({"a", "b", "c"}), Words{"c"});
}

TEST_F(ForwarderTest, AnErrorOfRedisMayHaveWrittenAllTheSame) {
  LoadTable();
  Remember({"k"});
  Forward({"SET", "k", "v"}, Reply("-ERR half done\r\n"));
  EXPECT_EQ(Remembered({"k"}), Words{});
}

TEST_F(ForwarderTest, ACommandThatMayHaveBeenSentDropsItsKeysThoughItFailed) {
  LoadTable();
  Remember({"k", "a", "b"});
  Forward({"SET", "k", "v"}, Failure(ErrorCode::kTimeout, "too late", true));
  Forward({"RENAME", "a", "b"}, Failure(ErrorCode::kUnavailable, "lost", true));
  EXPECT_EQ(Remembered({"k", "a", "b"}), Words{});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, ACommandThatWasNotSentDropsNothing) {
  LoadTable();
  Remember({"k"});
  for (const Words& words : {Words{"SET", "k", "v"}, Words{"FLUSHALL"}, Words{"EVAL", "", "1", "k"},
                             Words{"SORT", "k"}}) {
    Forward(words, Failure(ErrorCode::kAway, "Redis is away", false));
  }
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, ReadsAndMessagesDropNothing) {
  LoadTable();
  Remember({"k"});
  Forward({"GET", "k"}, Reply("$1\r\nv\r\n"));
  Forward({"PUBLISH", "k", "v"}, Reply(":0\r\n"));
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, AWriteWithoutKeysFlushes) {
  LoadTable();
  Remember({"a", "b"});
  Words at_delivery = {"never"};
  home_.on_each = [&] { at_delivery = Remembered({"a", "b"}); };
  Forward({"FLUSHALL"}, Reply("+OK\r\n"));
  EXPECT_EQ(at_delivery, Words{});
  EXPECT_EQ(flushes_, 1);
}

TEST_F(ForwarderTest, AFlushThatRedisRefusesFlushesNothing) {
  LoadTable();
  Remember({"k"});
  Forward({"FLUSHALL"}, Reply("-NOPERM no\r\n"));
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, AFlushThatMayHaveBeenDoneFlushes) {
  LoadTable();
  Remember({"k"});
  Forward({"FLUSHALL"}, Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(Remembered({"k"}), Words{});
  EXPECT_EQ(flushes_, 1);
}

// --- Keys that only Redis can tell. ---

TEST_F(ForwarderTest, RedisIsAskedForTheKeysInTheSameFetch) {
  LoadTable();
  Remember({"a", "b", "c"});
  const Words sort = {"SORT", "a", "STORE", "b"};
  Request* const request = Send(sort);
  EXPECT_EQ(TextOf(*fetches_[0]),
            Encode({"COMMAND", "GETKEYS", "SORT", "a", "STORE", "b"}) + Encode(sort));
  EXPECT_EQ(fetches_[0]->replies, 2u);
  Finish(Reply("*2\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n"));
  EXPECT_EQ(request->answer.reply, ":1\r\n");
  EXPECT_EQ(Remembered({"a", "b", "c"}), Words{"c"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, WhatHasNoKeysAfterAllDropsNothing) {
  LoadTable();
  Remember({"k"});
  for (const std::string keys : {"*0\r\n", "-ERR The command has no key arguments\r\n",
                                 "-ERR Invalid arguments specified for command\r\n"}) {
    Request* const request = Forward({"SORT", "k"}, Reply(keys + ":1\r\n"));
    EXPECT_EQ(request->answer.reply, ":1\r\n");
  }
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, FlushesWhereTheKeysCannotBeLearned) {
  LoadTable();
  for (const auto& result :
       {Reply("-NOPERM no\r\n:1\r\n"), Reply("+what\r\n:1\r\n"), Reply("*1\r\n(what\r\n:1\r\n"),
        Reply("(what\r\n:1\r\n"), Failure(ErrorCode::kTimeout, "too late", true)}) {
    flushes_ = 0;
    Remember({"k"});
    Forward({"SORT", "k", "STORE", "k"}, result);
    EXPECT_EQ(Remembered({"k"}), Words{});
    EXPECT_EQ(flushes_, 1);
  }
}

// --- Keys that a script names. ---

TEST_F(ForwarderTest, AScriptDropsTheKeysItNames) {
  LoadTable();
  Remember({"a", "b", "c"});
  const Words script = {"EVAL", "return 1", "2", "a", "b", "c"};
  Request* const request = Send(script);
  EXPECT_EQ(TextOf(*fetches_[0]), Encode(script)) << "Redis need not be asked";
  EXPECT_EQ(fetches_[0]->replies, 1u);
  Finish(Reply(":1\r\n"));
  EXPECT_EQ(request->answer.reply, ":1\r\n");
  EXPECT_EQ(Remembered({"a", "b", "c"}), Words{"c"});
  Remember({"a"});
  Forward(script, Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(Remembered({"a", "c"}), Words{"c"});
  EXPECT_EQ(flushes_, 0);
}

}  // namespace
}  // namespace rp::proxy
