// How the server ends, and how it lives when it runs out of file descriptors or has all the clients
// it may have.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <thread>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

FakeRedis::Script AnswerGets(Duration delay) {
  return [delay](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("late"), .delay = delay};
  };
}

// A handler that never answers a GET.
std::optional<FakeRedis::Answer> Silence(const FakeRedis::Command& command) {
  if (command.name() != "GET") return std::nullopt;
  return FakeRedis::Answer{.held = true};
}

[[nodiscard]] bool StopsAccepting(const Proxy& proxy) {
  return Eventually([&] { return !HttpClient(proxy.port()).connected(); });
}

TEST(ShutdownTest, ASignalLetsWhatIsInFlightFinish) {
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    SCOPED_TRACE(signal);
    FakeRedis redis(AnswerGets(700ms));
    Proxy proxy({"-redis", redis.address()});
    HttpClient client(proxy.port());
    client.Send(GetRequest("a") + GetRequest("b"));
    ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 2; }));
    proxy.Signal(signal);
    EXPECT_TRUE(StopsAccepting(proxy));
    for (const int other : {SIGALRM, SIGHUP}) proxy.Signal(other);  // must not cut it short
    EXPECT_TRUE(proxy.Running());
    EXPECT_EQ(client.Read().body, "late");
    EXPECT_EQ(client.Read().body, "late");
    EXPECT_TRUE(client.IsClosed());
    client.Close();
    EXPECT_EQ(proxy.Wait(), 0);
  }
}

// It held the end up for the five seconds of the drain: the line was taken for a request.
TEST(ShutdownTest, AnEmptyLineBehindAFullPipelineIsNoRequest) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk("late"), .held = true};
  });
  Proxy proxy({"-redis", redis.address(), "-header-timeout", "0", "-log-level", "debug"});
  HttpClient client(proxy.port());
  std::string requests;
  for (int i = 0; i < 64; ++i) requests += GetRequest("k" + std::to_string(i));
  client.Send(requests + "\r\n");
  ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 64; }));
  proxy.Signal(SIGTERM);
  EXPECT_TRUE(StopsAccepting(proxy));
  redis.Release();
  for (int i = 0; i < 64; ++i) ASSERT_EQ(client.Read().body, "late") << i;
  EXPECT_TRUE(client.IsClosed());
  client.Close();
  EXPECT_EQ(proxy.Wait(), 0);
  EXPECT_EQ(proxy.Log().find("client 1: closed: the server stops"), std::string::npos)
      << "it waited for the end of the drain";
}

// All that end a process by default, but for those that tell of a bug in it.
TEST(ShutdownTest, NoOtherSignalEndsTheServer) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address()});
  const std::vector<std::pair<int, std::string>> table = {
      {SIGHUP, "SIGHUP"},
      {SIGUSR1, "SIGUSR1"},
      {SIGUSR2, "SIGUSR2"},
      {SIGALRM, "SIGALRM"},
      {SIGVTALRM, "SIGVTALRM"},
      {SIGPROF, "SIGPROF"},
      {SIGIO, "SIGPOLL"},
      {SIGPWR, "SIGPWR"},
      {SIGSTKFLT, "SIGSTKFLT"},
      {SIGXCPU, "SIGXCPU"},
      {SIGTRAP, "SIGTRAP"},
      {SIGSYS, "SIGSYS"},
      {SIGRTMIN, "signal " + std::to_string(SIGRTMIN)},
      {SIGRTMAX, "signal " + std::to_string(SIGRTMAX)}};
  for (const auto& [signal, name] : table) {
    proxy.Signal(signal);
    EXPECT_TRUE(proxy.WaitForLog(name + ": ignored")) << signal;
  }
  for (const int signal : {SIGPIPE, SIGXFSZ}) proxy.Signal(signal);
  EXPECT_EQ(Fetch(proxy.port(), "a").status, 200);
  EXPECT_TRUE(proxy.Running());
}

TEST(ShutdownTest, AnAnswerBeingSentIsSentWhole) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-max-value", "64mb"});
  const std::string value = PatternBytes(32 * 1024 * 1024);
  redis.Set("big", value);
  HttpClient client(proxy.port());
  client.Send(GetRequest("big"));
  ASSERT_TRUE(client.Stirs(Patience(10s)));
  proxy.Signal(SIGTERM);
  EXPECT_TRUE(StopsAccepting(proxy));
  EXPECT_TRUE(client.Read().body == value);
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(ShutdownTest, IdleConnectionsDoNotHoldUpTheEnd) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address()});
  HttpClient silent(proxy.port());
  HttpClient kept_alive(proxy.port());
  ASSERT_EQ(kept_alive.Get("a").status, 200);
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
  EXPECT_LT(Now() - start, Patience(2s));
  EXPECT_TRUE(silent.IsClosed());
  EXPECT_TRUE(kept_alive.IsClosed());
}

TEST(ShutdownTest, WhatDoesNotFinishIsGivenUpAfterFiveSeconds) {
  FakeRedis redis(Silence);
  Proxy proxy({"-redis", redis.address(), "-timeout", "1m"});
  HttpClient client(proxy.port());
  client.Send(GetRequest("a"));
  ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 1; }));
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(20s), 0);
  EXPECT_GE(Now() - start, 4s);
  EXPECT_LE(Now() - start, 5s + Patience(1s));
}

TEST(ShutdownTest, ASecondSignalEndsAtOnce) {
  FakeRedis redis(Silence);
  Proxy proxy({"-redis", redis.address(), "-timeout", "1m"});
  HttpClient client(proxy.port());
  client.Send(GetRequest("a"));
  ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 1; }));
  proxy.Signal(SIGTERM);
  ASSERT_TRUE(StopsAccepting(proxy));
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_TRUE(proxy.Wait().has_value());
  EXPECT_LT(Now() - start, std::min<Duration>(Patience(1s), 3s));
}

TEST(ShutdownTest, RunningOutOfFileDescriptorsNeitherSpinsNorDies) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address()}, {.max_open_files = 40});
  HttpClient first(proxy.port());
  ASSERT_EQ(first.Get("a").status, 200);
  {
    std::vector<HttpClient> clients;
    for (int i = 0; i < 60; ++i) clients.emplace_back(proxy.port());
    EXPECT_TRUE(first.Get("a").IsHit());
    const Duration before = proxy.CpuTime();
    std::this_thread::sleep_for(1s);
    EXPECT_LT(proxy.CpuTime() - before, 400ms);
    EXPECT_TRUE(first.Get("a").IsHit());
    EXPECT_LE(CountOccurrences(proxy.Log(), "\n"), 20U) << "one line, not one per attempt";
  }
  EXPECT_TRUE(Eventually([&] { return Fetch(proxy.port(), "b").status == 200; }));
  EXPECT_TRUE(first.Get("a").IsHit());
}

TEST(ShutdownTest, MaxClientsAreServedAndOneMoreIsNot) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address(), "-max-clients", "3"});
  std::vector<HttpClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(proxy.port());
    EXPECT_EQ(clients.back().Get("a").status, 200);
  }
  HttpClient too_many(proxy.port());
  const HttpResponse refused = too_many.Get("a");
  EXPECT_TRUE(refused.status == 503 || refused.problem == "closed") << refused.status;
  for (HttpClient& client : clients) EXPECT_EQ(client.Get("a").status, 200);
  clients.pop_back();
  EXPECT_TRUE(Eventually([&] { return Fetch(proxy.port(), "a").status == 200; }));
}

}  // namespace
}  // namespace rp::integration
