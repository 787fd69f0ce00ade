#include "proxy/forwarder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "../support/cache_flight.h"
#include "../support/command_reply.h"
#include "../support/proxy_home.h"

namespace rp::proxy {
namespace {

using redis::Encode;
using std::chrono::seconds;
using Words = std::vector<std::string>;

const std::string kCommands = ArrayOf({
    Described("get", 2, {"readonly"}, 1, 1, 1),
    Described("set", -3, {"write"}, 1, 1, 1),
    Described("rename", 3, {"write"}, 1, 2, 1),
    Described("eval", -3, {"movablekeys"}, 0, 0, 0),
    Described("sort", -2, {"write", "movablekeys"}, 1, 1, 1),
    Described("flushall", -1, {"write"}, 0, 0, 0),
    Described("publish", 3, {"pubsub"}, 0, 0, 0),
    Described("multi", 1, {"noscript"}, 0, 0, 0),
    Described("blpop", -3, {"write", "blocking"}, 1, -2, 1),
});

redis::FetchResult Reply(std::string_view bytes) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kReply;
  result.value = bytes;
  return result;
}

redis::FetchResult Failure(ErrorCode code, std::string_view text, bool maybe_sent) {
  redis::FetchResult result;
  result.error_code = code;
  result.error_text = text;
  result.maybe_sent = maybe_sent;
  return result;
}

// A Forwarder whose fetches end when the test says so.
class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest()
      : cache_({.capacity = 100, .expire = Duration::zero()}),
        forwarder_(
            cache::TestHasher(), &cache_,
            [this](redis::Fetch* fetch) {
              if (!full_) fetches_.push_back(fetch);
              return !full_;
            },
            [this] { ++flushes_; }) {}

  ~ForwarderTest() override { EXPECT_TRUE(fetches_.empty()) << "a fetch was left hanging"; }

  Request* MakeRequest(const Words& words, uint8_t version = 2) {
    Request& request = requests_.emplace_back();
    request.home = &home_;
    request.command = Encode(words);
    request.command_version = version;
    request.deadline = Now() + seconds(60);
    return &request;
  }

  // Ends the oldest fetch.
  void Finish(const redis::FetchResult& result) {
    ASSERT_FALSE(fetches_.empty());
    redis::Fetch* const fetch = fetches_.front();
    fetches_.pop_front();
    fetch->sink->OnFetched(fetch, result);
  }

  void LoadTable() {
    forwarder_.LoadTable(Now() + seconds(1));
    Finish(Reply(kCommands));
  }

  // REQUIRES: it is sent, and nothing is under way.
  Request* Send(const Words& words, uint8_t version = 2) {
    Request* const request = MakeRequest(words, version);
    EXPECT_FALSE(forwarder_.Start(request, Now()));
    EXPECT_EQ(fetches_.size(), 1u);
    return request;
  }

  Request* Forward(const Words& words, const redis::FetchResult& result) {
    Request* const request = Send(words);
    Finish(result);
    const std::vector<Request*> all = delivered();
    EXPECT_EQ(std::count(all.begin(), all.end(), request), 1);
    return request;
  }

  void Remember(const Words& keys) {
    for (const std::string& key : keys) cache::Put(&cache_, key, "old", Now());
  }

  Words Remembered(const Words& keys) {
    Words found;
    for (const std::string& key : keys) {
      if (cache::Get(&cache_, key, Now())) found.push_back(key);
    }
    return found;
  }

  std::vector<Request*> delivered() { return home_.delivered(); }

  TestHome home_;
  std::deque<Request> requests_;
  std::deque<redis::Fetch*> fetches_;
  int flushes_ = 0;
  bool full_ = false;
  cache::Cache cache_;
  Forwarder forwarder_;
};

// --- Passing through. ---

TEST_F(ForwarderTest, HandsBackTheReplyAsItCame) {
  LoadTable();
  Request* const request = Send({"SET", "k", std::string("\0\r\n", 3)}, 3);
  EXPECT_EQ(fetches_[0]->command, request->command);
  EXPECT_EQ(fetches_[0]->resp_version, 3);
  EXPECT_EQ(fetches_[0]->replies, 1u);
  EXPECT_EQ(fetches_[0]->DeadlineTime(), request->deadline);
  EXPECT_TRUE(delivered().empty());
  Finish(Reply("%1\r\n+a\r\n_\r\n"));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->outcome, Outcome::kReply);
  EXPECT_EQ(request->reply, "%1\r\n+a\r\n_\r\n");
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
  EXPECT_EQ(request->outcome, Outcome::kError);
  EXPECT_EQ(request->error, ErrorCode::kTimeout);
  EXPECT_EQ(request->error_text, "too late");
}

TEST_F(ForwarderTest, AFullQueueIsSaid) {
  LoadTable();
  full_ = true;
  Request* const request = MakeRequest({"SET", "k", "v"});
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->error, ErrorCode::kBusy);
}

TEST_F(ForwarderTest, WhatTheProxyAsksNeedsNoTableAndDropsNothing) {
  Remember({"k"});
  Request* const request = MakeRequest({"PTTL", "k"});
  request->asks_only = true;
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_[0]->command, request->command);
  EXPECT_TRUE(fetches_[0]->may_be_repeated);
  Finish(Reply(":1500\r\n"));
  EXPECT_EQ(request->reply, ":1500\r\n");
  EXPECT_EQ(Remembered({"k"}), Words{"k"});
}

// --- What Redis is not asked. ---

TEST_F(ForwarderTest, AnUnknownCommandIsAnsweredAsRedisDoes) {
  LoadTable();
  Request* const request = MakeRequest({"NOSUCH", "a", "b c"});
  EXPECT_TRUE(forwarder_.Start(request, Now()));
  EXPECT_EQ(request->outcome, Outcome::kReply);
  EXPECT_EQ(request->reply,
            "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b c' \r\n");
  EXPECT_TRUE(delivered().empty()) << "who is answered at once is not delivered";
}

TEST_F(ForwarderTest, RefusesByName) {
  LoadTable();
  for (const Words& words : {Words{"Multi"}, Words{"BLPOP", "k", "0"}}) {
    Request* const request = MakeRequest(words);
    EXPECT_TRUE(forwarder_.Start(request, Now()));
    const std::string name = words[0] == "Multi" ? "multi" : "blpop";
    EXPECT_EQ(request->outcome, Outcome::kReply);
    EXPECT_EQ(request->reply, "-ERR '" + name +
                                  "' is not available: all clients share the connections to "
                                  "Redis, and it would tie up or change one\r\n");
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
  ASSERT_EQ(cache_.JoinOrStart(&flight, &waiter, Now(), Now(), &hit), cache::Admission::kStarted);
  Forward({"SET", "k", "v"}, Reply("+OK\r\n"));
  EXPECT_EQ(cache_.Finish(&flight, cache::EntryFor("k", "old"), Now()).waiters, &waiter);
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
    Forward(words, Failure(ErrorCode::kBusy, "Redis is away", false));
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
  EXPECT_EQ(fetches_[0]->command,
            Encode({"COMMAND", "GETKEYS", "SORT", "a", "STORE", "b"}) + Encode(sort));
  EXPECT_EQ(fetches_[0]->replies, 2u);
  Finish(Reply("*2\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n"));
  EXPECT_EQ(request->reply, ":1\r\n");
  EXPECT_EQ(Remembered({"a", "b", "c"}), Words{"c"});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(ForwarderTest, WhatHasNoKeysAfterAllDropsNothing) {
  LoadTable();
  Remember({"k"});
  for (const std::string keys : {"*0\r\n", "-ERR The command has no key arguments\r\n",
                                 "-ERR Invalid arguments specified for command\r\n"}) {
    Request* const request = Forward({"SORT", "k"}, Reply(keys + ":1\r\n"));
    EXPECT_EQ(request->reply, ":1\r\n");
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
  EXPECT_EQ(fetches_[0]->command, Encode(script)) << "Redis need not be asked";
  EXPECT_EQ(fetches_[0]->replies, 1u);
  Finish(Reply(":1\r\n"));
  EXPECT_EQ(request->reply, ":1\r\n");
  EXPECT_EQ(Remembered({"a", "b", "c"}), Words{"c"});
  Remember({"a"});
  Forward(script, Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(Remembered({"a", "c"}), Words{"c"});
  EXPECT_EQ(flushes_, 0);
}

// --- The table. ---

TEST_F(ForwarderTest, RequestsWaitForTheTable) {
  forwarder_.LoadTable(Now() + seconds(1));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_[0]->command, Encode({"COMMAND"}));
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

TEST_F(ForwarderTest, RequestsFailWithTheLoadAndTheNextLoadsAnew) {
  forwarder_.LoadTable(Now() + seconds(1));
  Request* const first = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(first, Now()));
  Finish(Failure(ErrorCode::kUnavailable, "cannot connect", false));
  EXPECT_EQ(first->outcome, Outcome::kError);
  EXPECT_EQ(first->error, ErrorCode::kUnavailable);
  EXPECT_EQ(first->error_text, "cannot connect");

  Request* const second = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(second, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_[0]->command, Encode({"COMMAND"}));
  EXPECT_EQ(fetches_[0]->DeadlineTime(), second->deadline);
  Finish(Reply("-NOPERM no permissions to run 'command'\r\n"));
  EXPECT_EQ(second->error, ErrorCode::kNoPermission);

  Request* const third = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(third, Now()));
  Finish(Reply(kCommands));
  Finish(Reply("$-1\r\n"));
  EXPECT_EQ(third->reply, "$-1\r\n");
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
  EXPECT_EQ(late->error, ErrorCode::kTimeout);
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_.front()->DeadlineTime(), in_time->deadline);
  Finish(Reply(kCommands));
  ASSERT_EQ(fetches_.size(), 1u);
  Finish(Reply("$1\r\nx\r\n"));
  EXPECT_EQ(in_time->reply, "$1\r\nx\r\n");
}

TEST_F(ForwarderTest, AFullQueueFailsThoseWhoWaitForTheTable) {
  full_ = true;
  Request* const request = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(request, Now()));
  EXPECT_EQ(delivered(), std::vector<Request*>{request});
  EXPECT_EQ(request->error, ErrorCode::kBusy);
}

TEST_F(ForwarderTest, AnUnknownNameAsksAnewOnceTheTableIsOld) {
  LoadTable();
  const TimePoint loaded = Now();
  Request* const early = MakeRequest({"NEW"});
  EXPECT_TRUE(forwarder_.Start(early, loaded + Forwarder::kTableAge - seconds(1)));
  Request* const known = MakeRequest({"GET", "k"});
  EXPECT_FALSE(forwarder_.Start(known, loaded + Forwarder::kTableAge));
  EXPECT_NE(fetches_.at(0)->command, Encode({"COMMAND"})) << "what is known is known";
  Finish(Reply("$-1\r\n"));
  Request* const late = MakeRequest({"NEW"});
  EXPECT_FALSE(forwarder_.Start(late, loaded + Forwarder::kTableAge));
  EXPECT_EQ(fetches_.at(0)->command, Encode({"COMMAND"}));
  Finish(Reply(ArrayOf({Described("new", 1, {"readonly"}, 0, 0, 0)})));
  Finish(Reply("+here\r\n"));
  EXPECT_EQ(late->reply, "+here\r\n");
}

TEST_F(ForwarderTest, AnOldTableIsBetterThanNone) {
  LoadTable();
  Request* const unknown = MakeRequest({"NEW"});
  EXPECT_FALSE(forwarder_.Start(unknown, Now() + Forwarder::kTableAge));
  Finish(Failure(ErrorCode::kTimeout, "too late", true));
  EXPECT_EQ(unknown->outcome, Outcome::kReply);
  EXPECT_TRUE(unknown->reply.starts_with("-ERR unknown command 'NEW'")) << unknown->reply;
  Forward({"GET", "k"}, Reply("$-1\r\n"));
}

}  // namespace
}  // namespace rp::proxy
