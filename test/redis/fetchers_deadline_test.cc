// The fetchers' deadlines, and their end.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "redis/fetchers.h"
#include "test/support/fake_redis.h"
#include "test/support/fake_scripts.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

// One GET in flight, and a timeout that no test waits for.
Options OneGetAtATime(const std::string& address) {
  Options options = OptionsFor(address);
  options.timeout = seconds(10);
  options.ops_limit = 1;
  return options;
}

TEST(FetchersDeadlineTest, FailsAFetchSubmittedAfterItsDeadlineWithoutSendingIt) {
  FakeRedis server;
  FetchClient client(OptionsFor(server.address()));
  EXPECT_TRUE(client.Get("warm up").IsMissing());
  EXPECT_TRUE(client.Get("late", Duration(-1)).IsError(ErrorCode::kTimeout));
  EXPECT_EQ(server.Keys("GET"), std::vector<std::string>{"warm up"});
}

TEST(FetchersDeadlineTest, FailsAFetchAtItsOwnDeadlineWhileItsReplyIsOutstanding) {
  FakeRedis server(HoldGets());
  Options options = OptionsFor(server.address());
  options.timeout = seconds(10);
  options.connections = 1;
  FetchClient client(options);
  const TimePoint start = Now();
  EXPECT_TRUE(client.Get("k", milliseconds(50)).IsError(ErrorCode::kTimeout));
  EXPECT_GE(Now() - start, milliseconds(50));
  EXPECT_LT(Now() - start, seconds(2));
  // The reply comes after all, and is not taken for the next one.
  Request* const next = client.Submit("next");
  server.SetScript({});
  server.Release();
  EXPECT_TRUE(client.Wait(next).IsMissing());
  EXPECT_EQ(server.connections_accepted(), 1);
}

TEST(FetchersDeadlineTest, FailsAFetchAtItsDeadlineWhileEveryFetcherIsHeldUp) {
  FakeRedis server(HoldGets());
  FetchClient client(OneGetAtATime(server.address()));
  Request* const stuck = client.Submit("stuck");
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  const TimePoint start = Now();
  EXPECT_TRUE(client.Get("waits", milliseconds(50)).IsError(ErrorCode::kTimeout));
  EXPECT_LT(Now() - start, seconds(2));
  server.Release();
  EXPECT_TRUE(client.Wait(stuck).IsValue("of stuck"));
  EXPECT_EQ(server.Count("GET"), 1u);
}

TEST(FetchersDeadlineTest, HonoursADeadlineThatWasMovedWhileTheFetchWaited) {
  FakeRedis server(HoldGets());
  FetchClient client(OneGetAtATime(server.address()));
  Request* const stuck = client.Submit("stuck");
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  Request* const moved = client.Submit("moved", milliseconds(100));
  Request* const left = client.Submit("left", milliseconds(100));
  moved->SetDeadline(Now() + seconds(10));
  EXPECT_TRUE(client.Wait(left).IsError(ErrorCode::kTimeout));
  server.SetScript({});
  server.Release();
  EXPECT_TRUE(client.Wait(stuck).IsValue("of stuck"));
  EXPECT_TRUE(client.Wait(moved).IsMissing());
}

TEST(FetchersDeadlineTest, HonoursADeadlineThatWasMovedWhileTheReplyWasOutstanding) {
  FakeRedis server(HoldGets());
  Options options = OptionsFor(server.address());
  options.timeout = seconds(10);
  FetchClient client(options);
  Request* const moved = client.Submit("moved", milliseconds(100));
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  moved->SetDeadline(Now() + seconds(10));
  EXPECT_TRUE(client.Get("left", milliseconds(200)).IsError(ErrorCode::kTimeout));
  server.Release();
  EXPECT_TRUE(client.Wait(moved).IsValue("of moved"));
}

TEST(FetchersDeadlineTest, TakesTheSameFetchAgainFromInsideItsOutcome) {
  FakeRedis server;
  server.Set("k", "v");
  FetchClient client(OptionsFor(server.address()));
  std::atomic<int> rounds{0};
  client.OnEach([&](Request* request) {
    if (++rounds <= 3) {
      EXPECT_TRUE(client.fetchers().Submit(request));
    }
  });
  EXPECT_TRUE(client.Get("k").IsValue("v"));
  EXPECT_TRUE(Await([&] { return rounds == 4; }));
  EXPECT_EQ(server.Count("GET"), 4u);
}

TEST(FetchersDeadlineTest, StopsAtOnceWhileRedisHangsAndFailsWhatWaited) {
  FakeRedis server(HoldGets());
  FetchClient client(OneGetAtATime(server.address()));
  Request* const sent = client.Submit("sent");
  Request* const waiting = client.Submit("waiting");
  ASSERT_TRUE(Await([&] { return server.Count("GET") == 1; }));
  const TimePoint start = Now();
  client.fetchers().Stop();
  EXPECT_LT(Now() - start, seconds(2));
  EXPECT_TRUE(client.Wait(sent).IsError(ErrorCode::kStopping));
  EXPECT_TRUE(client.Wait(waiting).IsError(ErrorCode::kStopping));
  EXPECT_EQ(client.Submit("too late"), nullptr);
}

TEST(FetchersDeadlineTest, StopsAtOnceWhileConnectingToAHungRedis) {
  FakeRedis server;
  server.Freeze();
  Options options = OptionsFor(server.address());
  options.timeout = seconds(10);
  FetchClient client(options);
  Request* const waiting = client.Submit("waiting");
  const TimePoint start = Now();
  client.fetchers().Stop();
  EXPECT_LT(Now() - start, seconds(2));
  EXPECT_TRUE(client.Wait(waiting).IsError(ErrorCode::kStopping));
}

TEST(FetchersDeadlineTest, StopsWithoutAnyRequestMade) {
  FakeRedis server;
  FetchClient client(OptionsFor(server.address()));
}

}  // namespace
}  // namespace rp::redis
