#include "redis/fetchers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "test/support/fake_redis.h"
#include "test/support/fake_scripts.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

std::string Key(int number) { return "key" + std::to_string(number); }

TEST(FetchersTest, TellsAValueFromAMissingKey) {
  FakeRedis server;
  server.Set("present", "value");
  server.Set("empty", "");
  FetchClient client(OptionsFor(server.address()));
  EXPECT_TRUE(client.Get("present").IsValue("value"));
  EXPECT_TRUE(client.Get("empty").IsValue(""));
  EXPECT_TRUE(client.Get("absent").IsMissing());
}

TEST(FetchersTest, WorksOverAUnixSocket) {
  FakeRedis server({}, FakeRedis::Transport::kUnix);
  server.Set("k", "v");
  FetchClient client(OptionsFor(server.address()));
  EXPECT_TRUE(client.Get("k").IsValue("v"));
}

TEST(FetchersTest, TellTheVersionOfTheRedisThatTheyAreConnectedTo) {
  FakeRedis server(OfVersion("6.2.14"));
  ServerVersion version;
  Options options = OneConnectionTo(server.address());
  options.version = &version;
  FetchClient client(options);
  EXPECT_TRUE(client.Get("k").IsMissing());
  EXPECT_EQ(version.ToString(), "6.2.14");
  for (const auto& [script, expected] :
       {std::pair(OfVersion("7.2.4"), "7.2.4"),
        std::pair(ReplyTo("HELLO", {.bytes = "-ERR unknown command\r\n"}), "")}) {
    server.SetScript(script);
    server.CloseConnections();
    EXPECT_TRUE(client.Get("k").IsMissing());
    EXPECT_EQ(version.ToString(), expected) << "another one has taken its place";
  }
}

TEST(FetchersTest, KeepsEveryByteOfKeysAndValues) {
  FakeRedis server;
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  bytes += std::string("\r\n$1\r\n\0", 7);
  server.Set(bytes, bytes);
  server.Set("", "of the empty key");
  FetchClient client(OptionsFor(server.address()));
  EXPECT_TRUE(client.Get(bytes).IsValue(bytes));
  EXPECT_TRUE(client.Get("").IsValue("of the empty key"));
}

TEST(FetchersTest, PassesTheTimeToLiveThrough) {
  FakeRedis server;
  server.Set("mortal", "v", 1500);
  server.Set("immortal", "v", -1);
  server.Set("gone", "v", -2);
  FetchClient client(OptionsFor(server.address()));
  EXPECT_EQ(client.Get("mortal").ttl_ms, 1500);
  EXPECT_EQ(client.Get("immortal").ttl_ms, kTtlNone);
  EXPECT_EQ(client.Get("gone").ttl_ms, kTtlGone);
}

TEST(FetchersTest, PassesTheTimeToLiveOfAWrongTypeThroughButOfNoOtherError) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() == "PTTL") return FakeRedis::Answer{.bytes = ":1500\r\n"};
    if (command.key() == "list") return FakeRedis::Answer{.bytes = "-WRONGTYPE no\r\n"};
    if (command.key() == "secret") return FakeRedis::Answer{.bytes = "-NOPERM no\r\n"};
    return std::nullopt;
  });
  FetchClient client(OptionsFor(server.address()));
  EXPECT_EQ(client.Get("list").ttl_ms, 1500);
  EXPECT_EQ(client.Get("secret").ttl_ms, kTtlGone);
  EXPECT_EQ(client.Get("absent").ttl_ms, kTtlGone);
}

// It may be another server than before, whose values must not be mixed with those of the other.
TEST(FetchersTest, AsksAServerThatDoesNotSayWhoItIsForNoValueButSendsItCommands) {
  const std::string busy = "BUSY Redis is busy running a script.";
  FakeRedis server([&](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "INFO" && command.name() != "PING") return std::nullopt;
    return FakeRedis::Answer{.bytes = "-" + busy + "\r\n"};
  });
  Options options = OptionsFor(server.address());
  options.asks_identity = true;
  FetchClient client(options);
  const Outcome refused = client.Get("k");
  EXPECT_TRUE(refused.IsError(ErrorCode::kScriptRuns)) << refused;
  EXPECT_EQ(server.Count("GET"), 0u);
  EXPECT_LE(server.connections_accepted(), 4) << "few attempts";
  EXPECT_TRUE(client.Call({"SCRIPT", "KILL"}).IsReply("+OK\r\n"));
  server.SetScript({});
  EXPECT_TRUE(client.Get("k").IsMissing());
}

// As behind a balancer, or at a service that draws a run_id for each connection.
TEST(FetchersTest, AServerThatIsAnotherOneEachTimeIsNotConnectedToWithoutEnd) {
  std::atomic<int> asked = 0;
  FakeRedis server([&](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "INFO") return std::nullopt;
    return FakeRedis::Answer{.bytes =
                                 FakeRedis::Bulk("run_id:" + std::to_string(++asked) + "\r\n")};
  });
  Options options = OptionsFor(server.address());
  options.asks_identity = true;
  options.connections = 2;
  FetchClient client(options);
  const TimePoint start = Now();
  int gets = 0;
  while (Now() - start < std::chrono::seconds(1)) {
    // Two at a time, for both connections.
    Request* const first = client.Submit("a");
    Request* const second = client.Submit("b");
    EXPECT_TRUE(client.Wait(first).IsMissing());
    EXPECT_TRUE(client.Wait(second).IsMissing());
    gets += 2;
  }
  EXPECT_GT(gets, 2);
  EXPECT_LE(server.connections_accepted(), 20);
}

TEST(FetchersTest, NamesTheServerOfWhatCameFromRedisAndOfNothingElse) {
  FakeRedis server([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.key() == "list") return FakeRedis::Answer{.bytes = "-WRONGTYPE no\r\n"};
    if (command.key() == "held") return FakeRedis::Answer{.bytes = "$-1\r\n", .held = true};
    return std::nullopt;
  });
  server.Set("k", "v");
  FetchClient client(OptionsFor(server.address()));
  const uint64_t server_id = client.Get("k").server;
  EXPECT_NE(server_id, 0u);
  EXPECT_EQ(client.Get("absent").server, server_id);
  EXPECT_EQ(client.Get("list").server, server_id);
  const Outcome held = client.Get("held", milliseconds(20));
  EXPECT_TRUE(held.IsError(ErrorCode::kTimeout)) << held;
  EXPECT_EQ(held.server, 0u);
}

TEST(FetchersTest, ServesAValueWhoseTimeToLiveIsSecretButNotForTheCache) {
  FakeRedis server([](const FakeRedis::Command& command) {
    return command.name() == "PTTL" ? std::optional(FakeRedis::Answer{.bytes = "-NOPERM no\r\n"})
                                    : std::nullopt;
  });
  server.Set("k", "v");
  FetchClient client(OptionsFor(server.address()));
  const Outcome outcome = client.Get("k");
  EXPECT_TRUE(outcome.IsValue("v")) << outcome;
  EXPECT_EQ(outcome.ttl_ms, kTtlGone);
}

TEST(FetchersTest, KnowsATimeBeforeTheCommandsWereSent) {
  FakeRedis server(HoldGets());
  FetchClient client(OptionsFor(server.address()));
  Request* const request = client.Submit("k");
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  const TimePoint received = Now();
  server.Release();
  EXPECT_LE(client.Wait(request).sent_at, received);
}

TEST(FetchersTest, ClassifiesErrorRepliesAndKeepsTheirText) {
  FakeRedis server;
  FetchClient client(OneConnectionTo(server.address()));
  const struct {
    std::string text;
    ErrorCode code;
  } rows[] = {
      {"WRONGTYPE Operation against a key", ErrorCode::kWrongType},
      {"NOPERM no", ErrorCode::kNoPermission},
      {"BUSY Redis is busy running a script", ErrorCode::kScriptRuns},
      {"ERR whatever", ErrorCode::kUpstream},
  };
  for (const auto& row : rows) {
    server.SetScript(ReplyTo("GET", {.bytes = "-" + row.text + "\r\n"}));
    const Outcome outcome = client.Get("k");
    EXPECT_TRUE(outcome.IsError(row.code)) << outcome;
    EXPECT_EQ(outcome.error_text, row.text);
  }
  EXPECT_EQ(server.connections_accepted(), 1) << "an error reply costs no connection";
}

TEST(FetchersTest, RetriesAReplyOfTheWrongTypeOnceAndThenGivesUp) {
  FakeRedis server(ReplyTo("GET", {.bytes = ":1\r\n"}));
  FetchClient client(OptionsFor(server.address()));
  const Outcome outcome = client.Get("k");
  EXPECT_TRUE(outcome.IsError(ErrorCode::kProtocol)) << outcome;
  EXPECT_EQ(server.Count("GET"), 2u);
}

TEST(FetchersTest, RetriesGarbageOnceAndThenGivesUp) {
  FakeRedis server(ReplyTo("GET", {.bytes = "HTTP/1.1 400 Bad Request\r\n\r\n"}));
  FetchClient client(OptionsFor(server.address()));
  const Outcome outcome = client.Get("k");
  EXPECT_TRUE(outcome.IsError(ErrorCode::kProtocol)) << outcome;
  EXPECT_EQ(server.Count("GET"), 2u);
  server.SetScript({});
  EXPECT_TRUE(client.Get("k").IsMissing());
}

TEST(FetchersTest, NeverHasTwoGetsUnansweredWithALimitOfOne) {
  FakeRedis server(AnswerLate(milliseconds(1)));
  Options options = OptionsFor(server.address());
  options.ops_limit = 1;
  FetchClient client(options);
  std::vector<Request*> requests;
  for (int i = 0; i < 50; ++i) requests.push_back(client.Submit(Key(i)));
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(client.Wait(requests[static_cast<size_t>(i)]).IsValue("of " + Key(i)));
  }
  EXPECT_EQ(server.unanswered_gets_max(), 1);
  EXPECT_EQ(server.connections_accepted(), 1);
}

TEST(FetchersTest, ReachesButNeverExceedsALimitThatDoesNotDivideEvenly) {
  FakeRedis server(HoldGets());
  server.Freeze();
  Options options = OptionsFor(server.address());
  options.ops_limit = 5;
  FetchClient client(options);
  std::vector<Request*> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(client.Submit(Key(i)));
  server.Thaw();  // only now, so that each fetcher finds its whole share waiting
  EXPECT_TRUE(Await([&] { return server.unanswered_gets_max() == 5; }));
  server.SetScript(AnswerLate(milliseconds(1)));
  server.Release();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(client.Wait(requests[static_cast<size_t>(i)]).IsValue("of " + Key(i)));
  }
  EXPECT_EQ(server.unanswered_gets_max(), 5);
  EXPECT_EQ(server.connections_accepted(), 4);
}

TEST(FetchersTest, SendsAllThatWaitsInOnePipelineOfAtMostThirtyTwo) {
  FakeRedis server(HoldGets());
  FetchClient client(OneConnectionTo(server.address()));
  std::vector<Request*> requests = {client.Submit("first")};
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  for (int i = 0; i < 33; ++i) requests.push_back(client.Submit(Key(i)));
  server.Release();
  EXPECT_TRUE(Await([&] { return server.Count("GET") == 33; }));
  EXPECT_EQ(server.unanswered_gets_max(), 32);
  server.SetScript(AnswerLate(Duration::zero()));
  server.Release();
  for (Request* const request : requests) {
    EXPECT_TRUE(client.Wait(request).IsValue("of " + request->key_bytes));
  }
  EXPECT_EQ(server.unanswered_gets_max(), 32);
}

TEST(FetchersTest, HandsOnEachReplyBeforeTheRestOfItsBatchHasCome) {
  FakeRedis server(HoldGets());
  FetchClient client(OneConnectionTo(server.address()));
  Request* const opener = client.Submit("opener");
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  Request* const quick = client.Submit("quick");
  Request* const slow = client.Submit("slow");
  server.SetScript([](const FakeRedis::Command& command) {
    return command.key() == "slow" && command.name() == "GET"
               ? std::optional(FakeRedis::Answer{.bytes = "$-1\r\n", .held = true})
               : std::nullopt;
  });
  server.Release();
  EXPECT_TRUE(client.Wait(opener).IsValue("of opener"));
  EXPECT_TRUE(client.Wait(quick).IsMissing());
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 3; }));
  EXPECT_FALSE(client.IsDone(slow));
  server.SetScript({});
  server.Release();
  EXPECT_TRUE(client.Wait(slow).IsMissing());
}

TEST(FetchersTest, UsesAnotherConnectionWhenOneIsHeldUp) {
  FakeRedis server([](const FakeRedis::Command& command) {
    return command.key() == "stuck" && command.name() == "GET"
               ? std::optional(FakeRedis::Answer{.bytes = "$-1\r\n", .held = true})
               : std::nullopt;
  });
  FetchClient client(OptionsFor(server.address()));
  Request* const stuck = client.Submit("stuck");
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  EXPECT_TRUE(client.Get("free").IsMissing());
  EXPECT_EQ(server.connections_accepted(), 2);
  server.Release();
  EXPECT_TRUE(client.Wait(stuck).IsMissing());
}

// One fetch is under way, and there is room for three more.
class FetchersLimitTest : public ::testing::Test {
 protected:
  FetchersLimitTest() : client_(Limited(server_)) {}

  void SetUp() override {
    ASSERT_NE(client_.Submit("under way"), nullptr);
    ASSERT_TRUE(Await([this] { return server_.Count("GET") == 1; }));
  }

  static Options Limited(const FakeRedis& server) {
    Options options = OptionsFor(server.address());
    options.ops_limit = 1;
    options.max_pending = 3;
    return options;
  }

  FakeRedis server_{HoldGets()};
  FetchClient client_;
};

TEST_F(FetchersLimitTest, RefusesTheFetchOneOverTheLimitOfWhatWaits) {
  EXPECT_NE(client_.Submit("1"), nullptr);
  EXPECT_NE(client_.Submit("2"), nullptr);
  EXPECT_NE(client_.Submit("3"), nullptr);
  EXPECT_EQ(client_.Submit("4"), nullptr);
}

TEST_F(FetchersLimitTest, TakesOfManyAsManyAsMayWait) {
  const std::vector<Request*> requests = client_.SubmitTogether({"1", "2", "3", "4", "5"});
  for (size_t i = 0; i < 3; ++i) EXPECT_NE(requests[i], nullptr) << i;
  EXPECT_EQ(requests[3], nullptr);
  EXPECT_EQ(requests[4], nullptr);
}

TEST(FetchersTest, SendsTogetherWhatWasSubmittedTogether) {
  FakeRedis server(HoldGets());
  FetchClient client(OneConnectionTo(server.address()));
  const std::vector<Request*> requests = client.SubmitTogether({"1", "2", "3", "4", "5", "6"});
  // None is answered yet, so that the last were sent with the first.
  EXPECT_TRUE(Await([&] { return server.Count("GET") == 6; }));
  server.Release();
  EXPECT_TRUE(client.Wait(requests[0]).IsValue("of 1"));
  EXPECT_TRUE(client.Wait(requests[5]).IsValue("of 6"));
}

// Who hears of outcomes may wait for the pause with telling others.
TEST(FetchersTest, PausesBeforeItWaitsForTheNextReply) {
  FakeRedis server([](const FakeRedis::Command& command) {
    const bool held = command.name() == "GET" && command.arguments[1] == "held";
    return held ? std::optional(FakeRedis::Answer{.bytes = "$-1\r\n", .held = true}) : std::nullopt;
  });
  FetchClient client(OneConnectionTo(server.address()));
  const std::vector<Request*> requests = client.SubmitTogether({"a", "held"});
  EXPECT_TRUE(client.Wait(requests[0]).IsMissing());
  EXPECT_TRUE(Await([&] { return client.pauses() == 1; }));
  EXPECT_EQ(client.pauses(), 1);
  server.Release();
  EXPECT_TRUE(client.Wait(requests[1]).IsMissing());
  EXPECT_TRUE(Await([&] { return client.pauses() == 2; }));
}

TEST(FetchersTest, PausesAfterFailures) {
  FakeRedis server(HoldGets());
  FetchClient client(OneConnectionTo(server.address()));
  EXPECT_TRUE(client.Get("late", milliseconds(20)).IsError(ErrorCode::kTimeout));
  EXPECT_TRUE(Await([&] { return client.pauses() == 1; })) << "at its own deadline, under way";
  Request* const waiting = client.Submit("waiting");
  client.fetchers().Stop();
  EXPECT_TRUE(client.Wait(waiting).IsError(ErrorCode::kStopping));
  EXPECT_GE(client.pauses(), 2);
}

}  // namespace
}  // namespace rp::redis
