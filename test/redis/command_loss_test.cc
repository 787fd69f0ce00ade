// Commands whose connection is lost or whose time is over.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redis/command_exchange.h"
#include "test/support/fake_redis.h"
#include "test/support/fake_scripts.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;

const Answer kClose{.bytes = "", .close = true};

TEST(CommandLossTest, IsNeverSentTwiceAfterALoss) {
  FakeRedis server(ReplyTo("INCR", kClose));
  FetchClient client(OneConnectionTo(server.address()));
  const Outcome outcome = client.Call({"INCR", "k"});
  EXPECT_TRUE(outcome.IsError(ErrorCode::kUnavailable)) << outcome;
  EXPECT_EQ(outcome.error_text,
            "Server closed the connection; the command may have been carried out");
  EXPECT_TRUE(outcome.maybe_sent);
  EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n"));
  EXPECT_EQ(server.Count("INCR"), 1u);
}

TEST(CommandLossTest, NothingOfALostBatchIsSentTwice) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "HOLD") return Answer{.bytes = "+OK\r\n", .held = true};
    if (command.name() == "INCR" && command.key() == "2") return kClose;
    return std::nullopt;
  });
  FetchClient client(OneConnectionTo(server.address()));
  Request* const hold = client.SubmitCommand(Encode({"HOLD"}));
  ASSERT_TRUE(Await([&] { return server.Count("HOLD") == 1; }));
  std::vector<Request*> requests;
  for (int i = 1; i <= 3; ++i) {
    requests.push_back(client.SubmitCommand(Encode({"INCR", std::to_string(i)})));
  }
  server.Release();
  EXPECT_TRUE(client.Wait(hold).IsReply("+OK\r\n"));
  EXPECT_TRUE(client.Wait(requests[0]).IsReply("+OK\r\n"));
  EXPECT_TRUE(client.Wait(requests[1]).IsError(ErrorCode::kUnavailable));
  EXPECT_TRUE(client.Wait(requests[2]).IsError(ErrorCode::kUnavailable));
  EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n"));
  EXPECT_EQ(server.Keys("INCR"), (std::vector<std::string>{"1", "2", "3"}));
}

TEST(CommandLossTest, WhatMayBeRepeatedIsSentAgain) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "TTL" && command.connection == 1) return kClose;
    return std::nullopt;
  });
  FetchClient client(OneConnectionTo(server.address()));
  Request* const request = client.SubmitCommand(Encode({"TTL", "k"}), 2, seconds(5), 1, true);
  EXPECT_TRUE(client.Wait(request).IsReply("+OK\r\n"));
  EXPECT_EQ(server.Count("TTL"), 2u);
}

TEST(CommandLossTest, IsSentOnAnotherConnectionWhenTheFirstClosedWhileIdle) {
  FakeRedis server;
  FetchClient client(OneConnectionTo(server.address()));
  // On a busy machine the second call may come before the connection is idle: then it is sent on
  // the closed one, and not again.
  EXPECT_TRUE(Await([&] {
    EXPECT_TRUE(client.Call({"INCR", "1"}).IsReply("+OK\r\n"));
    server.CloseConnections();
    return client.Call({"INCR", "2"}).IsReply("+OK\r\n");
  }));
  EXPECT_EQ(server.Keys("INCR").back(), "2");
}

TEST(CommandLossTest, IsNotSentWhereNobodyListens) {
  FakeRedis server;
  server.GoDown();
  FetchClient client(OneConnectionTo(server.address()));
  const Outcome outcome = client.Call({"INCR", "k"});
  EXPECT_EQ(outcome.kind, FetchResult::Kind::kError);
  EXPECT_FALSE(outcome.maybe_sent);
  EXPECT_EQ(outcome.error_text.find("carried out"), std::string::npos);
}

TEST(CommandLossTest, ALateReplyGoesToNobodyElse) {
  FakeRedis server(Echo("slow"));
  FetchClient client(OneConnectionTo(server.address()));
  Request* const slow = client.SubmitCommand(Encode({"ECHO", "slow"}), 2, milliseconds(30));
  ASSERT_TRUE(Await([&] { return server.Count("ECHO") == 1; }));
  Request* const next = client.SubmitCommand(Encode({"ECHO", "next"}));
  const Outcome outcome = client.Wait(slow);
  EXPECT_TRUE(outcome.IsError(ErrorCode::kTimeout)) << outcome;
  EXPECT_EQ(outcome.error_text,
            "Redis did not answer in time; the command may have been carried out");
  EXPECT_TRUE(outcome.maybe_sent);
  server.Release();
  EXPECT_TRUE(client.Wait(next).IsReply("$4\r\nnext\r\n"));
  EXPECT_EQ(server.connections_accepted(), 1) << "the connection lived on";
}

TEST(CommandLossTest, ACommandThatFailedByItsDeadlineIsNotLookedAtAgain) {
  FakeRedis server(ReplyTo("SET", {.bytes = "+OK\r\n", .held = true}));
  // Time to send it all, which under a sanitizer takes seconds.
  Options options = OneConnectionTo(server.address());
  options.timeout = seconds(60);
  FetchClient client(options);
  EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n"));
  server.Freeze();
  // More than the socket holds: it fails while it is being sent, and its bytes may go. Even a busy
  // machine begins to send it before its deadline.
  Request* const big =
      client.SubmitCommand(Encode({"SET", "k", std::string(16 << 20, 'v')}), 2, milliseconds(500));
  client.OnEach([](Request* request) { std::string().swap(request->key_bytes); });
  EXPECT_TRUE(client.Wait(big).IsError(ErrorCode::kTimeout));
  server.Thaw();
  ASSERT_TRUE(Await([&] { return server.Count("SET") == 1; }));
  server.Release();
  for (const auto& command : server.commands()) {
    if (command.name() != "SET") continue;
    EXPECT_TRUE(command.arguments[2] == std::string(16 << 20, 'v'));
  }
}

// A script may write and then answer with an error of the server's.
TEST(CommandLossTest, AnErrorThatAScriptMayHaveMadeUpSaysThatItMayHaveBeenCarriedOut) {
  for (const auto& [reply, text] : std::vector<std::pair<std::string, std::string>>{
           {"MOVED 1 a:1", std::string(Describe(ErrorCode::kMoved).text)},
           {"ASK 1 a:1", std::string(Describe(ErrorCode::kMoved).text)},
           {"NOAUTH Authentication required.", "NOAUTH Authentication required."}}) {
    FakeRedis server(ReplyTo("EVAL", {.bytes = "-" + reply + "\r\n"}));
    FetchClient client(OneConnectionTo(server.address()));
    const Outcome outcome = client.Call({"EVAL", "...", "1", "k"});
    EXPECT_EQ(outcome.kind, FetchResult::Kind::kError) << outcome;
    EXPECT_EQ(outcome.error_text, text);
    EXPECT_TRUE(outcome.maybe_sent) << reply;
  }
}

// A Redis that knows EXEC by another name stays inside MULTI.
TEST(CommandLossTest, AConnectionThatMayStillBeInsideMultiIsGivenUp) {
  for (const auto& [exec, connections] : std::vector<std::pair<std::string, int>>{
           {"*0\r\n", 1},
           {"-EXECABORT Transaction discarded because of previous errors.\r\n", 1},
           {"-ERR EXEC without MULTI\r\n", 1},
           {"-ERR unknown command 'EXEC'\r\n", 2},
           {"-EXECABORTED\r\n", 2}}) {
    FakeRedis server(ReplyTo("EXEC", {.bytes = exec}));
    FetchClient client(OneConnectionTo(server.address()));
    auto request = std::make_unique<Request>();
    request->command = OutgoingOf(Encode({"MULTI"}) + Encode({"EXEC"}));
    request->replies = 2;
    request->is_transaction = true;
    const Outcome outcome = client.Wait(client.Submit(std::move(request), seconds(5)));
    EXPECT_TRUE(outcome.IsReply("+OK\r\n" + exec)) << outcome;
    EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n"));
    EXPECT_EQ(server.connections_accepted(), connections) << exec;
  }
}

// Nobody else's command is lost with the connection.
TEST(CommandLossTest, WhatGoesAloneIsSentWithNoOther) {
  FakeRedis server;
  server.SetScript([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "HOLD") return Answer{.bytes = "+OK\r\n", .held = true};
    return command.name() == "ALONE" ? std::optional(kClose) : std::nullopt;
  });
  FetchClient client(OneConnectionTo(server.address()));
  Request* const hold = client.SubmitCommand(Encode({"HOLD"}));
  ASSERT_TRUE(Await([&] { return server.Count("HOLD") == 1; }));
  Request* const first = client.SubmitCommand(Encode({"INCR", "1"}));
  auto owned = std::make_unique<Request>();
  owned->command = OutgoingOf(Encode({"ALONE"}));
  owned->goes_alone = true;
  Request* const alone = client.Submit(std::move(owned), seconds(5));
  Request* const last = client.SubmitCommand(Encode({"INCR", "2"}));
  server.Release();
  EXPECT_TRUE(client.Wait(hold).IsReply("+OK\r\n"));
  EXPECT_TRUE(client.Wait(first).IsReply("+OK\r\n"));
  EXPECT_TRUE(client.Wait(alone).IsError(ErrorCode::kUnavailable));
  EXPECT_TRUE(client.Wait(last).IsReply("+OK\r\n"));
}

TEST(CommandLossTest, StopFailsWhatIsUnderWay) {
  FakeRedis server(Echo("held"));
  FetchClient client(OneConnectionTo(server.address()));
  Request* const request = client.SubmitCommand(Encode({"ECHO", "held"}));
  ASSERT_TRUE(Await([&] { return server.Count("ECHO") == 1; }));
  client.fetchers().Stop();
  const Outcome outcome = client.Wait(request);
  EXPECT_TRUE(outcome.IsError(ErrorCode::kStopping)) << outcome;
  EXPECT_TRUE(outcome.maybe_sent);
}

}  // namespace
}  // namespace rp::redis
