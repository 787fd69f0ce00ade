// The fetchers when Redis hangs, closes, refuses, lies or is away.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "redis/fetchers.h"
#include "test/support/fake_redis.h"
#include "test/support/fake_scripts.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;
using Command = FakeRedis::Command;

FakeRedis::Script FailPing(const std::string& text) {
  return ReplyTo("PING", {.bytes = "-" + text + "\r\n"});
}

Answer Close() {
  Answer answer;
  answer.close = true;
  return answer;
}

Options Quick(const FakeRedis& server, Duration timeout, int connections = 4) {
  Options options = OptionsFor(server.address());
  options.timeout = timeout;
  options.connections = connections;
  return options;
}

size_t Occurrences(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(OutageTest, AHungRedisCostsEachFetchItsTimeoutAndNoMore) {
  FakeRedis server;
  server.Set("k", "v");
  FetchClient client(Quick(server, milliseconds(100)));
  ASSERT_TRUE(client.Get("k").IsValue("v"));
  server.Freeze();
  for (int i = 0; i < 3; ++i) {
    const TimePoint start = Now();
    const Outcome outcome = client.Get("k", milliseconds(100));
    EXPECT_TRUE(outcome.IsError(ErrorCode::kTimeout)) << outcome;
    EXPECT_GE(outcome.done_at - start, milliseconds(99));
    EXPECT_LT(outcome.done_at - start, milliseconds(500));
  }
  server.Thaw();
  EXPECT_TRUE(client.AwaitValue("k", "v"));
}

TEST(OutageTest, AHungRedisIsServedFromAgainWithinASecondOfItsReturn) {
  FakeRedis server;
  server.Set("k", "v");
  FetchClient client(Quick(server, milliseconds(100)));
  ASSERT_TRUE(client.Get("k").IsValue("v"));
  server.Freeze();
  for (int i = 0; i < 8; ++i) static_cast<void>(client.Get("k", milliseconds(100)));
  server.Thaw();
  const TimePoint start = Now();
  EXPECT_TRUE(client.AwaitValue("k", "v"));
  EXPECT_LT(Now() - start, seconds(1));
}

TEST(OutageTest, AHungRedisDoesNotFillTheQueueWithTheDead) {
  FakeRedis server;
  server.Freeze();
  Options options = Quick(server, seconds(10));
  options.max_pending = 2;
  FetchClient client(options);
  Request* const first = client.Submit("1", milliseconds(20));
  Request* const second = client.Submit("2", milliseconds(20));
  EXPECT_EQ(client.Submit("3"), nullptr);
  EXPECT_TRUE(client.Wait(first).IsError(ErrorCode::kTimeout));
  EXPECT_TRUE(client.Wait(second).IsError(ErrorCode::kTimeout));
  EXPECT_NE(client.Submit("4"), nullptr);
}

TEST(OutageTest, ADrippingReplyDoesNotOutliveTheTimeout) {
  FakeRedis server(
      ReplyTo("GET", {.bytes = FakeRedis::Bulk(std::string(1000, 'v')), .drip = milliseconds(5)}));
  FetchClient client(Quick(server, milliseconds(100)));
  const TimePoint start = Now();
  const Outcome outcome = client.Get("k", milliseconds(100));
  EXPECT_TRUE(outcome.IsError(ErrorCode::kTimeout)) << outcome;
  EXPECT_LT(outcome.done_at - start, milliseconds(500));
  server.SetScript({});
  EXPECT_TRUE(client.Get("k").IsMissing());
}

TEST(OutageTest, AReplyThatDripsInTimeIsWhole) {
  FakeRedis server(ReplyTo("GET", {.bytes = "$10\r\n0123456789\r\n", .drip = milliseconds(1)}));
  FetchClient client(OptionsFor(server.address()));
  EXPECT_TRUE(client.Get("k").IsValue("0123456789"));
}

TEST(OutageTest, ABatchCutShortIsTriedAgainOnlyWhereUnanswered) {
  // The connection dies in the middle of the reply to "key5", once.
  std::atomic<bool> cut{false};
  FakeRedis server([&](const Command& command) -> std::optional<Answer> {
    if (command.name() != "GET") return std::nullopt;
    const std::string value = FakeRedis::Bulk("of " + command.key());
    if (command.key() == "opener") return Answer{.bytes = value, .held = true};
    if (command.key() == "key5" && !cut.exchange(true)) {
      return Answer{.bytes = value.substr(0, 7), .close = true};
    }
    return Answer{.bytes = value};
  });
  FetchClient client(OneConnectionTo(server.address()));
  std::vector<Request*> requests = {client.Submit("opener")};
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  for (int i = 0; i < 10; ++i) requests.push_back(client.Submit("key" + std::to_string(i)));
  server.Release();
  for (Request* const request : requests) {
    EXPECT_TRUE(client.Wait(request).IsValue("of " + request->key_bytes)) << request->key_bytes;
  }
  // Keys 0 to 4 were answered before the cut, keys 5 to 9 sent once more, in order.
  const std::vector<std::string> gets = server.Keys("GET");
  ASSERT_EQ(gets.size(), 1u + 10u + 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(gets[11 + i], "key" + std::to_string(5 + i));
  EXPECT_EQ(server.connections_accepted(), 2);
}

TEST(OutageTest, GivesUpAfterTwoRetriesOnConnectionsThatAreLost) {
  FakeRedis server(ReplyTo("GET", Close()));
  FetchClient client(OneConnectionTo(server.address()));
  const Outcome outcome = client.Get("k");
  EXPECT_TRUE(outcome.IsError(ErrorCode::kUnavailable)) << outcome;
  EXPECT_EQ(server.Count("GET"), 3u);
}

TEST(OutageTest, AConnectionClosedWhileIdleCostsNothing) {
  FakeRedis server;
  FetchClient client(OptionsFor(server.address()));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(client.Get("k").IsMissing());
    server.CloseConnections();
  }
  EXPECT_EQ(server.Count("GET"), 5u) << "a dead connection is noticed before anything is sent";
}

TEST(OutageTest, AUsedConnectionThatDiesUnderTheCommandsIsOneFreeRetry) {
  FakeRedis server;
  FetchClient client(OneConnectionTo(server.address()));
  EXPECT_TRUE(client.Get("k").IsMissing());
  server.SetScript(ReplyTo("GET", Close()));
  EXPECT_TRUE(client.Get("k").IsError(ErrorCode::kUnavailable));
  EXPECT_EQ(server.Count("GET"), 1u + 1u + 3u);
}

TEST(OutageTest, ARefusedConnectionIsUnavailableAndThenAwayAtOnce) {
  FakeRedis server;
  server.GoDown();
  FetchClient client(OptionsFor(server.address()));
  const Outcome first = client.Get("k");
  EXPECT_TRUE(first.IsError(ErrorCode::kUnavailable)) << first;
  EXPECT_EQ(first.error_text, "cannot connect: Connection refused");
  ASSERT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kAway); }));
  for (int i = 0; i < 20; ++i) {
    const TimePoint start = Now();
    const Outcome outcome = client.Get("k");
    EXPECT_TRUE(outcome.IsError(ErrorCode::kAway)) << outcome;
    EXPECT_LT(outcome.done_at - start, milliseconds(200));
  }
}

TEST(OutageTest, RecoversByItselfWithinASecondOfRedisBeingBack) {
  FakeRedis server;
  server.Set("k", "v");
  FetchClient client(OptionsFor(server.address()));
  ASSERT_TRUE(client.Get("k").IsValue("v"));
  server.GoDown();
  ASSERT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kAway); }));
  server.ComeUp();
  const TimePoint start = Now();
  EXPECT_TRUE(client.AwaitValue("k", "v"));
  EXPECT_LT(Now() - start, seconds(1));
}

TEST(OutageTest, NoticesWithoutAnyRequestThatRedisIsBack) {
  FakeRedis server;
  server.GoDown();
  FetchClient client(OptionsFor(server.address()));
  server.ComeUp();
  EXPECT_TRUE(Await([&] { return server.Count("PING") == 1; }));
}

TEST(OutageTest, SaysOnceThatRedisIsLostAndOnceThatItIsBack) {
  FakeRedis server;
  server.Set("k", "v");
  testing::internal::CaptureStderr();
  {
    Options options = OptionsFor(server.address());
    options.password = "s3cret";
    FetchClient client(options);
    EXPECT_TRUE(client.Get("k").IsValue("v"));
    server.GoDown();
    EXPECT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kAway); }));
    server.ComeUp();
    EXPECT_TRUE(client.AwaitValue("k", "v"));
    server.SetScript(ReplyTo("AUTH", {.bytes = "-WRONGPASS invalid password\r\n"}));
    server.CloseConnections();
    EXPECT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kAuth); }));
    EXPECT_TRUE(client.Get("k").IsError(ErrorCode::kAuth));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Occurrences(log, "redis: connected to " + server.address()), 1u) << log;
  EXPECT_EQ(Occurrences(log, "lost the connection to " + server.address() + ": Connection refused"),
            1u)
      << log;
  EXPECT_EQ(Occurrences(log, server.address() + " is back after "), 1u) << log;
  EXPECT_EQ(Occurrences(log, "refuses the credentials (WRONGPASS invalid password): check"), 1u)
      << log;
  EXPECT_EQ(Occurrences(log, "\n"), 4u) << log;
  EXPECT_EQ(Occurrences(log, "s3cret"), 0u) << log;
}

TEST(OutageTest, SaysHowLongAHungRedisLeftRequestsUnanswered) {
  FakeRedis server(ReplyTo("GET", {.bytes = "$-1\r\n", .held = true}));
  const Duration timeout = milliseconds(200);
  Duration hung{};
  testing::internal::CaptureStderr();
  {
    FetchClient client(Quick(server, timeout, 2));
    Request* const requests[] = {client.Submit("a"), client.Submit("b")};
    ASSERT_TRUE(Await([&] { return server.connections_accepted() == 2; }));
    server.SetScript({});
    server.Release();
    for (Request* const request : requests) client.Wait(request);
    server.Freeze();
    // Two lose their connections, and the attempt to connect fails in the time of the third.
    EXPECT_TRUE(client.Get("k", timeout).IsError(ErrorCode::kTimeout));
    const TimePoint lost_at = Now();
    for (int i = 0; i < 3; ++i) client.Get("k", timeout);
    hung = Now() - lost_at;
    server.Thaw();
    EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_EQ(Occurrences(log, " is back after "), 1u) << log;
  EXPECT_GE(std::stod(log.substr(log.find(" after ") + 7)),
            std::chrono::duration<double>(hung).count() - 0.15);
}

// Keeps asking for a while, and returns how many connections were made meanwhile.
int ConnectionsWhileAsking(FakeRedis* server, FetchClient* client, Duration time) {
  const int before = server->connections_accepted();
  const TimePoint end = Now() + time;
  while (Now() < end) static_cast<void>(client->Get("k", milliseconds(100)));
  return server->connections_accepted() - before;
}

TEST(OutageTest, DoesNotStormARedisThatClosesEveryConnection) {
  FakeRedis server;
  server.CloseEachAtOnce(true);
  FetchClient client(OptionsFor(server.address()));
  // After 0, 10..20, 20..40, 40..80, 80..160 and 160..320 ms.
  EXPECT_LE(ConnectionsWhileAsking(&server, &client, milliseconds(600)), 7);
  server.CloseEachAtOnce(false);
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

TEST(OutageTest, DoesNotStormARedisThatClosesInsteadOfAnswering) {
  FakeRedis server(ReplyTo("GET", Close()));
  FetchClient client(OptionsFor(server.address()));
  EXPECT_LE(ConnectionsWhileAsking(&server, &client, milliseconds(600)), 12);
  server.SetScript({});
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

TEST(OutageTest, DoesNotStormARedisThatAnswersGarbage) {
  FakeRedis server(ReplyTo("GET", {.bytes = "garbage\r\n"}));
  FetchClient client(OptionsFor(server.address()));
  EXPECT_LE(ConnectionsWhileAsking(&server, &client, milliseconds(600)), 12);
}

TEST(OutageTest, RefusedCredentialsFailEveryFetchAtOnceUntilTheyAreAccepted) {
  FakeRedis server(FailPing("NOAUTH Authentication required."));
  FetchClient client(OptionsFor(server.address()));
  for (int i = 0; i < 3; ++i) {
    const TimePoint start = Now();
    const Outcome outcome = client.Get("k");
    EXPECT_TRUE(outcome.IsError(ErrorCode::kAuth)) << outcome;
    EXPECT_EQ(outcome.error_text, "NOAUTH Authentication required.");
    EXPECT_LT(outcome.done_at - start, milliseconds(200));
  }
  server.SetScript({});
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

// The deadline thread must not keep an error from one scan to the next.
TEST(OutageTest, AnOldRefusalOfTheCredentialsIsForgottenOnceRedisHasServed) {
  FakeRedis server(FailPing("WRONGPASS invalid username-password pair"));
  server.Set("k", "v");
  FetchClient client(OneConnectionTo(server.address()));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.Get("k").IsError(ErrorCode::kAuth));
  server.SetScript({});
  ASSERT_TRUE(client.AwaitValue("k", "v"));
  server.SetScript(ReplyTo("GET", {.bytes = "$-1\r\n", .held = true}));
  Request* const sent = client.Submit("hung");
  ASSERT_TRUE(Await([&] { return server.Keys("GET").back() == "hung"; }));
  for (int i = 0; i < 3; ++i) {
    const Outcome waiting = client.Get("k", milliseconds(20));
    EXPECT_TRUE(waiting.IsError(ErrorCode::kTimeout)) << waiting;
  }
  server.Release();
  client.Wait(sent);
}

TEST(OutageTest, APasswordSetAtRunTimeDropsTheConnection) {
  FakeRedis server;
  FetchClient client(OptionsFor(server.address()));
  EXPECT_TRUE(client.Get("k").IsMissing());
  server.SetScript([](const Command&) { return Answer{.bytes = "-NOAUTH no\r\n"}; });
  EXPECT_TRUE(client.Get("k").IsError(ErrorCode::kAuth));
  EXPECT_TRUE(Await([&] { return server.connections_accepted() >= 2; }));
  server.SetScript({});
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

TEST(OutageTest, ALoadingRedisIsBusySoonAndServesOnceLoaded) {
  FakeRedis server(FailPing("LOADING Redis is loading the dataset in memory"));
  FetchClient client(OptionsFor(server.address()));
  for (int i = 0; i < 5; ++i) {
    const TimePoint start = Now();
    const Outcome outcome = client.Get("k");
    EXPECT_TRUE(outcome.IsError(ErrorCode::kLoading)) << outcome;
    EXPECT_EQ(outcome.error_text, "LOADING Redis is loading the dataset in memory");
    EXPECT_LT(outcome.done_at - start, milliseconds(250));
  }
  server.SetScript({});
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

TEST(OutageTest, ARedisThatTakesNoMoreConnectionsIsServedFromWithThoseItTook) {
  std::atomic<int> pings{0};
  FakeRedis server([&](const Command& command) -> std::optional<Answer> {
    if (command.name() == "PING" && ++pings > 1) {
      return Answer{.bytes = "-ERR max number of clients reached\r\n", .close = true};
    }
    if (command.name() == "GET") return Answer{.bytes = "$-1\r\n", .delay = milliseconds(5)};
    return std::nullopt;
  });
  Options options = OptionsFor(server.address());
  options.ops_limit = 4;
  FetchClient client(options);
  std::vector<Request*> requests;
  for (int i = 0; i < 40; ++i) requests.push_back(client.Submit("k"));
  for (Request* const request : requests) EXPECT_TRUE(client.Wait(request).IsMissing());
  EXPECT_GT(pings, 1);
}

TEST(OutageTest, GarbageInsteadOfPongIsAProtocolError) {
  FakeRedis server(ReplyTo("PING", {.bytes = "HTTP/1.1 400 Bad Request\r\n"}));
  FetchClient client(OptionsFor(server.address()));
  const Outcome outcome = client.Get("k");
  EXPECT_TRUE(outcome.IsError(ErrorCode::kProtocol)) << outcome;
}

// The text of Redis is advice to the operator.
TEST(OutageTest, AWrongDatabaseIsSaidInTheLogAndNotToClients) {
  FakeRedis server(ReplyTo("SELECT", {.bytes = "-ERR DB index is out of range\r\n"}));
  Options options = OptionsFor(server.address());
  options.database = 99;
  testing::internal::CaptureStderr();
  {
    FetchClient client(options);
    // The second is answered with what the first attempt has found.
    for (int i = 0; i < 2; ++i) {
      const Outcome outcome = client.Get("k");
      EXPECT_TRUE(outcome.IsError(ErrorCode::kRefused)) << outcome;
      EXPECT_EQ(outcome.error_text, Describe(ErrorCode::kRefused).text);
    }
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("refuses the connection (ERR DB index is out of range): check"), log.npos)
      << log;
}

}  // namespace
}  // namespace rp::redis
