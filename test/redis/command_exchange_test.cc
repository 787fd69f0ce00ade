#include "redis/command_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "../support/fake_redis.h"
#include "../support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;

const Answer kClose{.bytes = "", .close = true};

Options OneConnectionTo(const FakeRedis& server) {
  Options options = OptionsFor(server.address());
  options.connections = 1;
  return options;
}

// Answers the command of that name, and everything else as usual.
FakeRedis::Script Replying(std::string name, Answer answer) {
  return [=](const FakeRedis::Command& command) {
    return command.name() == name ? std::optional(answer) : std::nullopt;
  };
}

// ECHO as Redis does it; `held` are those whose argument is this.
FakeRedis::Script Echoing(const std::string& held = "?") {
  return [held](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() != "ECHO") return std::nullopt;
    return Answer{.bytes = FakeRedis::Bulk(command.key()), .held = command.key() == held};
  };
}

std::vector<std::string> Names(FakeRedis* server) {
  std::vector<std::string> names;
  for (const auto& command : server->commands()) {
    if (command.name() == "CLIENT") continue;  // the name of the connection
    const bool is_hello = command.name() == "HELLO";
    names.push_back(is_hello ? "HELLO " + command.key() : command.name());
  }
  return names;
}

TEST(CommandExchangeTest, PassesEveryTypeOfReplyThroughByteForByte) {
  for (const std::string reply : {"+OK\r\n",
                                  "-ERR no\r\n",
                                  "-WRONGTYPE no\r\n",
                                  "-LOADING no\r\n",
                                  ":-12\r\n",
                                  "$-1\r\n",
                                  "$0\r\n\r\n",
                                  "$4\r\n\r\n+-\r\n",
                                  "*-1\r\n",
                                  "*0\r\n",
                                  "*2\r\n:1\r\n*2\r\n$1\r\na\r\n*-1\r\n",
                                  "%1\r\n+k\r\n:1\r\n",
                                  "~2\r\n:1\r\n:2\r\n",
                                  ",1.5\r\n",
                                  ",-inf\r\n",
                                  "_\r\n",
                                  "#t\r\n",
                                  "(3492890328409238509324850943850943825024385\r\n",
                                  "!5\r\nERR a\r\n",
                                  "=5\r\ntxt:a\r\n",
                                  "|1\r\n+ttl\r\n:3600\r\n:1\r\n",
                                  "(abc\r\n",
                                  ",1.2.3\r\n",
                                  "-NOAUTH no\r\n",
                                  "-ERR Protocol error\r\n"}) {
    FakeRedis server(Replying("CMD", {.bytes = reply}));
    FetchClient client(OneConnectionTo(server));
    for (const uint8_t version : {uint8_t{2}, uint8_t{3}}) {
      const Outcome outcome = client.Call({"CMD"}, version);
      EXPECT_TRUE(outcome.IsReply(reply)) << reply << outcome;
    }
    EXPECT_EQ(server.connections_accepted(), 1);
  }
}

TEST(CommandExchangeTest, SendsTheBytesAsTheyAre) {
  FakeRedis server;
  FetchClient client(OneConnectionTo(server));
  const std::vector<std::string> arguments = {"SET", std::string("\0\r\n*1", 5), "", "\xff"};
  EXPECT_TRUE(client.Call(arguments).IsReply("+OK\r\n"));
  EXPECT_EQ(server.commands().back().arguments, arguments);
}

TEST(CommandExchangeTest, ReadsAReplyThatComesInPieces) {
  const std::string reply = "*2\r\n$3\r\nabc\r\n*1\r\n:12\r\n";
  FakeRedis server(Replying("CMD", {.bytes = reply, .drip = milliseconds(1)}));
  FetchClient client(OneConnectionTo(server));
  EXPECT_TRUE(client.Call({"CMD"}).IsReply(reply));
}

TEST(CommandExchangeTest, ReadsABigReply) {
  const std::string value(20 << 20, 'v');
  FakeRedis server(Replying("CMD", {.bytes = FakeRedis::Bulk(value)}));
  FetchClient client(OneConnectionTo(server));
  EXPECT_TRUE(client.Call({"CMD"}).IsReply(FakeRedis::Bulk(value)));
}

TEST(CommandExchangeTest, SendsMoreThanTheSocketHoldsWhileTheServerAnswers) {
  FakeRedis server(Echoing());
  FetchClient client(OneConnectionTo(server));
  std::vector<Request*> requests;
  std::vector<std::string> values;
  for (int i = 0; i < 16; ++i) {
    values.push_back(std::string(1 << 20, static_cast<char>('a' + i)));
    requests.push_back(client.SubmitCommand(Encode({"ECHO", values.back()})));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_TRUE(client.Wait(requests[i]).IsReply(FakeRedis::Bulk(values[i]))) << i;
  }
}

TEST(CommandExchangeTest, HandsOnAllRepliesOfAFetchTogether) {
  FakeRedis server(Echoing());
  FetchClient client(OneConnectionTo(server));
  Request* const both = client.SubmitCommand(Encode({"ECHO", "a"}) + Encode({"ECHO", "b"}), 2,
                                             seconds(5), /*replies=*/2);
  EXPECT_TRUE(client.Wait(both).IsReply("$1\r\na\r\n$1\r\nb\r\n"));
  EXPECT_TRUE(client.Call({"ECHO", "c"}).IsReply("$1\r\nc\r\n"));
}

TEST(CommandExchangeTest, DropsMessagesThatArePushed) {
  const std::string push = ">2\r\n+invalidate\r\n*1\r\n+k\r\n";
  FakeRedis server([&](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "FIRST") return Answer{.bytes = push + push + ":1\r\n"};
    if (command.name() == "SECOND") return Answer{.bytes = push + ":2\r\n"};
    return std::nullopt;
  });
  FetchClient client(OneConnectionTo(server));
  Request* const both =
      client.SubmitCommand(Encode({"FIRST"}) + Encode({"SECOND"}), 3, seconds(5), /*replies=*/2);
  EXPECT_TRUE(client.Wait(both).IsReply(":1\r\n:2\r\n"));
}

TEST(CommandExchangeTest, SaysHelloOnceAroundARunOfResp3) {
  FakeRedis server(Replying("HOLD", {.bytes = "+OK\r\n", .held = true}));
  FetchClient client(OneConnectionTo(server));
  Request* const first = client.SubmitCommand(Encode({"HOLD"}));
  ASSERT_TRUE(Await([&] { return server.Count("HOLD") == 1; }));
  std::vector<Request*> rest;
  for (const auto& [name, version] : std::vector<std::pair<std::string, uint8_t>>{
           {"A", 3}, {"B", 3}, {"C", 2}, {"D", 2}, {"E", 3}}) {
    rest.push_back(client.SubmitCommand(Encode({name}), version));
  }
  server.Release();
  EXPECT_TRUE(client.Wait(first).IsReply("+OK\r\n"));
  for (Request* request : rest) EXPECT_TRUE(client.Wait(request).IsReply("+OK\r\n"));
  ASSERT_TRUE(Await([&] { return Names(&server).size() == 11; }));
  EXPECT_EQ(Names(&server),
            (std::vector<std::string>{"PING", "HOLD", "HELLO 3", "A", "B", "HELLO 2", "C", "D",
                                      "HELLO 3", "E", "HELLO 2"}));
}

TEST(CommandExchangeTest, CarriesOnWhereHelloIsRefused) {
  FakeRedis server(Replying("HELLO", {.bytes = "-ERR unknown command\r\n"}));
  FetchClient client(OneConnectionTo(server));
  EXPECT_TRUE(client.Call({"A"}, 3).IsReply("+OK\r\n"));
  EXPECT_TRUE(client.Call({"A"}, 3).IsReply("+OK\r\n"));
  EXPECT_EQ(server.connections_accepted(), 1);
}

TEST(CommandExchangeTest, GivesUpAConnectionThatStaysInResp3) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() != "HELLO" || command.key() == "3") return std::nullopt;
    return Answer{.bytes = "-NOPERM no\r\n"};
  });
  server.Set("k", "v");
  FetchClient client(OneConnectionTo(server));
  EXPECT_TRUE(client.Call({"A"}, 3).IsReply("+OK\r\n"));
  EXPECT_TRUE(client.Get("k").IsValue("v"));
  EXPECT_EQ(server.connections_accepted(), 2);
}

TEST(CommandExchangeTest, RefusedCredentialsAreNotAReply) {
  for (const uint32_t replies : {1U, 2U}) {
    FakeRedis server([](const FakeRedis::Command& command) -> std::optional<Answer> {
      if (command.name() != "A" || command.connection > 1) return std::nullopt;
      return Answer{.bytes = "-NOAUTH Authentication required.\r\n"};
    });
    FetchClient client(OneConnectionTo(server));
    const std::string bytes = Encode({"A"}) + (replies == 2 ? Encode({"A"}) : "");
    const Outcome outcome = client.Wait(client.SubmitCommand(bytes, 2, seconds(5), replies));
    EXPECT_TRUE(outcome.IsError(ErrorCode::kAuth)) << outcome;
    EXPECT_EQ(outcome.error_text, "NOAUTH Authentication required.");
    EXPECT_FALSE(outcome.maybe_sent);
    EXPECT_TRUE(client.Call({"A"}).IsReply("+OK\r\n")) << "on a new connection";
  }
}

TEST(CommandExchangeTest, ARefusalBehindAnotherReplyIsAScripts) {
  FakeRedis server(Replying("B", {.bytes = "-NOAUTH Authentication required.\r\n"}));
  FetchClient client(OneConnectionTo(server));
  Request* const both = client.SubmitCommand(Encode({"A"}) + Encode({"B"}), 2, seconds(5), 2);
  EXPECT_TRUE(client.Wait(both).IsReply("+OK\r\n-NOAUTH Authentication required.\r\n"));
  EXPECT_TRUE(client.Call({"A"}).IsReply("+OK\r\n"));
  EXPECT_EQ(server.connections_accepted(), 1);
}

// --- The limit of a reply. ---

class CommandLimitTest : public testing::TestWithParam<std::string> {
 protected:
  CommandLimitTest() : server_(Replying("CMD", {.bytes = GetParam()})) {}

  Outcome CallWithLimit(size_t max_reply_bytes) {
    Options options = OneConnectionTo(server_);
    options.max_reply_bytes = max_reply_bytes;
    FetchClient client(options);
    const Outcome outcome = client.Call({"CMD"});
    EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n")) << "goes on, on a new connection";
    return outcome;
  }

  FakeRedis server_;
};

INSTANTIATE_TEST_SUITE_P(Replies, CommandLimitTest,
                         testing::Values("$100\r\n" + std::string(100, 'v') + "\r\n",
                                         "*3\r\n:10000000\r\n:10000000\r\n:10000000\r\n",
                                         "+" + std::string(50, 'v') + "\r\n"));

TEST_P(CommandLimitTest, AReplyOfTheLimitIsHandedOn) {
  EXPECT_TRUE(CallWithLimit(GetParam().size()).IsReply(GetParam()));
}

TEST_P(CommandLimitTest, AReplyOfOneByteMoreFailsAndSaysSo) {
  const Outcome outcome = CallWithLimit(GetParam().size() - 1);
  EXPECT_TRUE(outcome.IsError(ErrorCode::kUpstream)) << outcome;
  EXPECT_EQ(outcome.error_text,
            "Redis sent a reply that is too large; the command may have been carried out");
  EXPECT_TRUE(outcome.maybe_sent);
}

TEST(CommandExchangeTest, FailsWhatIsNotAReply) {
  FakeRedis server(Replying("CMD", {.bytes = "HTTP/1.1 400\r\n"}));
  FetchClient client(OneConnectionTo(server));
  const Outcome outcome = client.Call({"CMD"});
  EXPECT_TRUE(outcome.IsError(ErrorCode::kProtocol)) << outcome;
  EXPECT_TRUE(outcome.maybe_sent);
  EXPECT_EQ(server.Count("CMD"), 1u);
}

// --- Losses and time-outs. ---

TEST(CommandExchangeTest, IsNeverSentTwiceAfterALoss) {
  FakeRedis server(Replying("INCR", kClose));
  FetchClient client(OneConnectionTo(server));
  const Outcome outcome = client.Call({"INCR", "k"});
  EXPECT_TRUE(outcome.IsError(ErrorCode::kUnavailable)) << outcome;
  EXPECT_EQ(outcome.error_text,
            "Server closed the connection; the command may have been carried out");
  EXPECT_TRUE(outcome.maybe_sent);
  EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n"));
  EXPECT_EQ(server.Count("INCR"), 1u);
}

TEST(CommandExchangeTest, NothingOfALostBatchIsSentTwice) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "HOLD") return Answer{.bytes = "+OK\r\n", .held = true};
    if (command.name() == "INCR" && command.key() == "2") return kClose;
    return std::nullopt;
  });
  FetchClient client(OneConnectionTo(server));
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

TEST(CommandExchangeTest, WhatMayBeRepeatedIsSentAgain) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() == "TTL" && command.connection == 1) return kClose;
    return std::nullopt;
  });
  FetchClient client(OneConnectionTo(server));
  Request* const request = client.SubmitCommand(Encode({"TTL", "k"}), 2, seconds(5), 1, true);
  EXPECT_TRUE(client.Wait(request).IsReply("+OK\r\n"));
  EXPECT_EQ(server.Count("TTL"), 2u);
}

TEST(CommandExchangeTest, IsSentOnAnotherConnectionWhenTheFirstClosedWhileIdle) {
  FakeRedis server;
  FetchClient client(OneConnectionTo(server));
  // On a busy machine the second call may come before the connection is idle: then it is sent on
  // the closed one, and not again.
  EXPECT_TRUE(Await([&] {
    EXPECT_TRUE(client.Call({"INCR", "1"}).IsReply("+OK\r\n"));
    server.CloseConnections();
    return client.Call({"INCR", "2"}).IsReply("+OK\r\n");
  }));
  EXPECT_EQ(server.Keys("INCR").back(), "2");
}

TEST(CommandExchangeTest, IsNotSentWhereNobodyListens) {
  FakeRedis server;
  server.GoDown();
  FetchClient client(OneConnectionTo(server));
  const Outcome outcome = client.Call({"INCR", "k"});
  EXPECT_EQ(outcome.kind, FetchResult::Kind::kError);
  EXPECT_FALSE(outcome.maybe_sent);
  EXPECT_EQ(outcome.error_text.find("carried out"), std::string::npos);
}

TEST(CommandExchangeTest, ALateReplyGoesToNobodyElse) {
  FakeRedis server(Echoing("slow"));
  FetchClient client(OneConnectionTo(server));
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

TEST(CommandExchangeTest, ACommandThatFailedByItsDeadlineIsNotLookedAtAgain) {
  FakeRedis server(Replying("SET", {.bytes = "+OK\r\n", .held = true}));
  FetchClient client(OneConnectionTo(server));
  EXPECT_TRUE(client.Call({"OTHER"}).IsReply("+OK\r\n"));
  server.Freeze();
  // More than the socket holds: it fails while it is being sent, and its bytes may go.
  Request* const big =
      client.SubmitCommand(Encode({"SET", "k", std::string(16 << 20, 'v')}), 2, milliseconds(50));
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

TEST(CommandExchangeTest, StopFailsWhatIsUnderWay) {
  FakeRedis server(Echoing("held"));
  FetchClient client(OneConnectionTo(server));
  Request* const request = client.SubmitCommand(Encode({"ECHO", "held"}));
  ASSERT_TRUE(Await([&] { return server.Count("ECHO") == 1; }));
  client.fetchers().Stop();
  const Outcome outcome = client.Wait(request);
  EXPECT_TRUE(outcome.IsError(ErrorCode::kStopping)) << outcome;
  EXPECT_TRUE(outcome.maybe_sent);
}

// --- GETs and commands. ---

TEST(CommandExchangeTest, NothingIsMixedUpWithGetsOnOneConnection) {
  FakeRedis server(Echoing());
  for (int i = 0; i < 500; ++i) server.Set(std::to_string(i), "value " + std::to_string(i));
  FetchClient client(OneConnectionTo(server));
  std::vector<Request*> gets;
  std::vector<Request*> commands;
  for (int i = 0; i < 500; ++i) {
    gets.push_back(client.Submit(std::to_string(i)));
    commands.push_back(client.SubmitCommand(Encode({"ECHO", std::to_string(i)}),
                                            static_cast<uint8_t>(i % 3 == 0 ? 3 : 2)));
  }
  for (int i = 0; i < 500; ++i) {
    const auto index = static_cast<size_t>(i);
    EXPECT_TRUE(client.Wait(gets[index]).IsValue("value " + std::to_string(i)));
    EXPECT_TRUE(client.Wait(commands[index]).IsReply(FakeRedis::Bulk(std::to_string(i))));
  }
  EXPECT_EQ(server.connections_accepted(), 1);
  EXPECT_EQ(client.Surplus(), 0);
}

TEST(CommandExchangeTest, CommandsAreSentTogetherUpToTheLimitOnOperations) {
  FakeRedis server(Echoing("held"));
  Options options = OneConnectionTo(server);
  options.ops_limit = 3;
  FetchClient client(options);
  Request* const held = client.SubmitCommand(Encode({"ECHO", "held"}));
  ASSERT_TRUE(Await([&] { return server.Count("ECHO") == 1; }));
  server.SetScript([](const FakeRedis::Command& command) -> std::optional<Answer> {
    if (command.name() != "ECHO") return std::nullopt;
    return Answer{.bytes = FakeRedis::Bulk(command.key()), .held = true};
  });
  std::vector<Request*> rest;
  for (int i = 0; i < 4; ++i) rest.push_back(client.SubmitCommand(Encode({"ECHO", "x"})));
  server.Release();
  EXPECT_TRUE(client.Wait(held).IsReply("$4\r\nheld\r\n"));
  ASSERT_TRUE(Await([&] { return server.Count("ECHO") == 4; }));
  EXPECT_EQ(server.Count("ECHO"), 4u) << "the fifth waits for a reply";
  while (!client.IsDone(rest.back())) server.Release();
  for (Request* request : rest) EXPECT_TRUE(client.Wait(request).IsReply("$1\r\nx\r\n"));
}

TEST(CommandExchangeTest, NeitherKindWaitsForAllOfTheOther) {
  FakeRedis server(Echoing("held"));
  Options options = OneConnectionTo(server);
  options.ops_limit = 1;
  FetchClient client(options);
  Request* const held = client.SubmitCommand(Encode({"ECHO", "held"}));
  ASSERT_TRUE(Await([&] { return server.Count("ECHO") == 1; }));
  std::vector<Request*> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(client.SubmitCommand(Encode({"ECHO", "x"})));
  for (int i = 0; i < 3; ++i) requests.push_back(client.Submit("k"));
  server.Release();
  client.Wait(held);
  for (Request* request : requests) client.Wait(request);
  EXPECT_EQ(Names(&server), (std::vector<std::string>{"PING", "ECHO", "GET", "PTTL", "ECHO", "GET",
                                                      "PTTL", "ECHO", "GET", "PTTL", "ECHO"}));
}

TEST(CommandExchangeTest, TellsTheSinkOfTheFetch) {
  struct Other final : FetchSink {
    void OnFetched(Fetch*, const FetchResult& result) override {
      kind = result.kind;
      called = true;
    }
    FetchResult::Kind kind = FetchResult::Kind::kError;
    std::atomic<bool> called = false;
  };
  FakeRedis server(Replying("CLOSE", kClose));
  FetchClient client(OneConnectionTo(server));
  for (const std::string name : {"A", "CLOSE"}) {
    Other sink;
    Fetch fetch;
    const std::string bytes = Encode({name});
    fetch.command = bytes;
    fetch.sink = &sink;
    fetch.SetDeadline(Now() + seconds(5));
    ASSERT_TRUE(client.fetchers().Submit(&fetch));
    ASSERT_TRUE(Await([&] { return sink.called.load(); }));
    EXPECT_EQ(sink.kind, name == "A" ? FetchResult::Kind::kReply : FetchResult::Kind::kError);
  }
}

}  // namespace
}  // namespace rp::redis
