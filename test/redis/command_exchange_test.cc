#include "redis/command_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "test/support/fake_redis.h"
#include "test/support/fake_scripts.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;

const Answer kClose{.bytes = "", .close = true};

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
    FakeRedis server(ReplyTo("CMD", {.bytes = reply}));
    FetchClient client(OneConnectionTo(server.address()));
    for (const uint8_t version : {uint8_t{2}, uint8_t{3}}) {
      const Outcome outcome = client.Call({"CMD"}, version);
      EXPECT_TRUE(outcome.IsReply(reply)) << reply << outcome;
    }
    EXPECT_EQ(server.connections_accepted(), 1);
  }
}

TEST(CommandExchangeTest, SendsTheBytesAsTheyAre) {
  FakeRedis server;
  FetchClient client(OneConnectionTo(server.address()));
  const std::vector<std::string> arguments = {"SET", std::string("\0\r\n*1", 5), "", "\xff"};
  EXPECT_TRUE(client.Call(arguments).IsReply("+OK\r\n"));
  EXPECT_EQ(server.commands().back().arguments, arguments);
}

TEST(CommandExchangeTest, ReadsAReplyThatComesInPieces) {
  const std::string reply = "*2\r\n$3\r\nabc\r\n*1\r\n:12\r\n";
  FakeRedis server(ReplyTo("CMD", {.bytes = reply, .drip = milliseconds(1)}));
  FetchClient client(OneConnectionTo(server.address()));
  EXPECT_TRUE(client.Call({"CMD"}).IsReply(reply));
}

TEST(CommandExchangeTest, ReadsABigReply) {
  const std::string value(20 << 20, 'v');
  FakeRedis server(ReplyTo("CMD", {.bytes = FakeRedis::Bulk(value)}));
  FetchClient client(OneConnectionTo(server.address()));
  EXPECT_TRUE(client.Call({"CMD"}).IsReply(FakeRedis::Bulk(value)));
}

TEST(CommandExchangeTest, SendsMoreThanTheSocketHoldsWhileTheServerAnswers) {
  FakeRedis server(Echo());
  FetchClient client(OneConnectionTo(server.address()));
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
  FakeRedis server(Echo());
  FetchClient client(OneConnectionTo(server.address()));
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
  FetchClient client(OneConnectionTo(server.address()));
  Request* const both =
      client.SubmitCommand(Encode({"FIRST"}) + Encode({"SECOND"}), 3, seconds(5), /*replies=*/2);
  EXPECT_TRUE(client.Wait(both).IsReply(":1\r\n:2\r\n"));
}

TEST(CommandExchangeTest, SaysHelloOnceAroundARunOfResp3) {
  FakeRedis server(ReplyTo("HOLD", {.bytes = "+OK\r\n", .held = true}));
  FetchClient client(OneConnectionTo(server.address()));
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
  FakeRedis server(ReplyTo("HELLO", {.bytes = "-ERR unknown command\r\n"}));
  FetchClient client(OneConnectionTo(server.address()));
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
  FetchClient client(OneConnectionTo(server.address()));
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
    FetchClient client(OneConnectionTo(server.address()));
    const std::string bytes = Encode({"A"}) + (replies == 2 ? Encode({"A"}) : "");
    const Outcome outcome = client.Wait(client.SubmitCommand(bytes, 2, seconds(5), replies));
    EXPECT_TRUE(outcome.IsError(ErrorCode::kAuth)) << outcome;
    EXPECT_EQ(outcome.error_text, "NOAUTH Authentication required.");
    EXPECT_EQ(outcome.maybe_sent, replies == 1) << "a script may have said so";
    EXPECT_TRUE(client.Call({"A"}).IsReply("+OK\r\n")) << "on a new connection";
  }
}

TEST(CommandExchangeTest, ARefusalBehindAnotherReplyIsAScripts) {
  FakeRedis server(ReplyTo("B", {.bytes = "-NOAUTH Authentication required.\r\n"}));
  FetchClient client(OneConnectionTo(server.address()));
  Request* const both = client.SubmitCommand(Encode({"A"}) + Encode({"B"}), 2, seconds(5), 2);
  EXPECT_TRUE(client.Wait(both).IsReply("+OK\r\n-NOAUTH Authentication required.\r\n"));
  EXPECT_TRUE(client.Call({"A"}).IsReply("+OK\r\n"));
  EXPECT_EQ(server.connections_accepted(), 1);
}

// --- The limit of a reply. ---

class CommandLimitTest : public testing::TestWithParam<std::string> {
 protected:
  CommandLimitTest() : server_(ReplyTo("CMD", {.bytes = GetParam()})) {}

  Outcome CallWithLimit(size_t max_reply_bytes) {
    Options options = OneConnectionTo(server_.address());
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
  FakeRedis server(ReplyTo("CMD", {.bytes = "HTTP/1.1 400\r\n"}));
  FetchClient client(OneConnectionTo(server.address()));
  const Outcome outcome = client.Call({"CMD"});
  EXPECT_TRUE(outcome.IsError(ErrorCode::kProtocol)) << outcome;
  EXPECT_TRUE(outcome.maybe_sent);
  EXPECT_EQ(server.Count("CMD"), 1u);
}

// --- GETs and commands. ---

TEST(CommandExchangeTest, NothingIsMixedUpWithGetsOnOneConnection) {
  FakeRedis server(Echo());
  for (int i = 0; i < 500; ++i) server.Set(std::to_string(i), "value " + std::to_string(i));
  FetchClient client(OneConnectionTo(server.address()));
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
  FakeRedis server(Echo("held"));
  Options options = OneConnectionTo(server.address());
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
  FakeRedis server(Echo("held"));
  Options options = OneConnectionTo(server.address());
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
    void OnFetched(Fetch*, const FetchResult& result, TimePoint) override {
      kind = result.kind;
      called = true;
    }
    FetchResult::Kind kind = FetchResult::Kind::kError;
    std::atomic<bool> called = false;
  };
  FakeRedis server(ReplyTo("CLOSE", kClose));
  FetchClient client(OneConnectionTo(server.address()));
  for (const std::string name : {"A", "CLOSE"}) {
    Other sink;
    Fetch fetch;
    fetch.command = OutgoingOf(Encode({name}));
    fetch.sink = &sink;
    fetch.SetDeadline(Now() + seconds(5));
    ASSERT_TRUE(client.fetchers().Submit(&fetch));
    ASSERT_TRUE(Await([&] { return sink.called.load(); }));
    EXPECT_EQ(sink.kind, name == "A" ? FetchResult::Kind::kReply : FetchResult::Kind::kError);
  }
}

// Keeps what it is told.
struct Listener final : FetchSink {
  void OnFetched(Fetch*, const FetchResult& result, TimePoint) override {
    kind = result.kind;
    code = result.error_code;
    owner = result.owner;
    value = result.owner == nullptr ? std::string_view() : result.value;
    bytes = result.value.size();
    called = true;
  }
  FetchResult::Kind kind = FetchResult::Kind::kError;
  ErrorCode code = ErrorCode::kInternal;
  std::shared_ptr<const void> owner;
  std::string_view value;
  size_t bytes = 0;
  std::atomic<bool> called = false;
};

TEST(CommandExchangeTest, PassesALargeReplyOnWithoutACopy) {
  for (const size_t value_bytes :
       {kSharedReplyBytes - 11, kSharedReplyBytes - 10, size_t{5} << 20}) {
    const std::string reply = FakeRedis::Bulk(std::string(value_bytes, 'v'));
    FakeRedis server(ReplyTo("A", {.bytes = reply}));
    Listener listener;
    {
      FetchClient client(OneConnectionTo(server.address()));
      Fetch fetch;
      fetch.command = OutgoingOf(Encode({"A"}));
      fetch.sink = &listener;
      fetch.SetDeadline(Now() + seconds(5));
      ASSERT_TRUE(client.fetchers().Submit(&fetch));
      ASSERT_TRUE(Await([&] { return listener.called.load(); }));
    }
    EXPECT_EQ(listener.bytes, reply.size());
    EXPECT_EQ(listener.owner != nullptr, reply.size() >= kSharedReplyBytes);
    if (listener.owner != nullptr) {
      EXPECT_EQ(listener.value, reply) << "it outlives the connection";
    }
  }
}

// Pieces of more than one system call takes, in RESP3 too.
TEST(CommandExchangeTest, SendsALargeCommandInItsPieces) {
  FakeRedis server(ReplyTo("SET", {.bytes = "+OK\r\n"}));
  FetchClient client(OneConnectionTo(server.address()));
  const std::string part(10'000, 'p');
  const std::vector<std::string> arguments(300, part);
  std::vector<std::string> words = {"SET"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (const uint8_t version : {uint8_t{2}, uint8_t{3}}) {
    auto outgoing = std::make_shared<Outgoing>();
    outgoing->AddText("*301\r\n$3\r\nSET\r\n");
    for (const std::string& argument : arguments) outgoing->AddText(FakeRedis::Bulk(argument));
    Listener listener;
    Fetch fetch;
    fetch.command = std::move(outgoing);
    fetch.resp_version = version;
    fetch.sink = &listener;
    fetch.SetDeadline(Now() + seconds(5));
    ASSERT_TRUE(fetch.IsLarge());
    ASSERT_TRUE(client.fetchers().Submit(&fetch));
    ASSERT_TRUE(Await([&] { return listener.called.load(); }));
    EXPECT_EQ(listener.kind, FetchResult::Kind::kReply);
    EXPECT_EQ(server.Count("SET"), version - 1u);
    for (const FakeRedis::Command& command : server.commands()) {
      if (command.name() != "SET") continue;
      EXPECT_EQ(command.arguments, words);
    }
  }
}

// The owner is told in time and frees its fetch; what is still being sent stays.
TEST(CommandExchangeTest, ALargeCommandOutlivesItsFetchUntilTheConnectionIsGivenUp) {
  FakeRedis server;
  Options options = OneConnectionTo(server.address());
  options.timeout = std::chrono::milliseconds(300);
  FetchClient client(std::move(options));
  ASSERT_TRUE(client.Call({"PING"}).IsReply("+PONG\r\n"));
  server.Freeze();
  std::weak_ptr<const Outgoing> sent;
  Listener listener;
  {
    Fetch fetch;
    fetch.command = OutgoingOf(Encode({"SET", "k", std::string(64 << 20, 'v')}));
    fetch.sink = &listener;
    fetch.SetDeadline(Now() + std::chrono::milliseconds(20));
    sent = fetch.command;
    ASSERT_TRUE(client.fetchers().Submit(&fetch));
    ASSERT_TRUE(Await([&] { return listener.called.load(); }));
  }
  EXPECT_EQ(listener.code, ErrorCode::kTimeout);
  EXPECT_TRUE(Await([&] { return sent.expired(); }));
  server.Thaw();
}

}  // namespace
}  // namespace rp::redis
