// -reactors: several threads share the clients of one port, and nobody can tell from outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

// So many connections that the kernel gives some to each of two reactors.
constexpr int kMany = 64;

// How often the thread of that reactor has gone to sleep so far; -1: there is none. A reactor does
// so after each request that comes alone, and an idle one does not.
long SleepsOf(const Proxy& proxy, int reactor) {
  const std::string folder = "/proc/" + std::to_string(proxy.pid()) + "/task";
  const std::string name = "reactor-" + std::to_string(reactor) + "\n";
  for (const auto& task : std::filesystem::directory_iterator(folder)) {
    const bool wanted = reactor == 0 ? task.path().filename() == std::to_string(proxy.pid())
                                     : ReadFile(task.path().string() + "/comm") == name;
    if (!wanted) continue;
    const std::string status = ReadFile(task.path().string() + "/status");
    const size_t at = status.find("\nvoluntary_ctxt_switches:");
    if (at != std::string::npos) return std::atol(status.c_str() + status.find(':', at) + 1);
  }
  return -1;
}

// Whether `client` is with that reactor: it wakes for each of its requests.
bool IsWith(const Proxy& proxy, int reactor, HttpClient* client) {
  for (int i = 0; i < 3; ++i) {
    const long before = SleepsOf(proxy, reactor);
    EXPECT_EQ(client->Get("key").status, 200);
    if (!Eventually([&] { return SleepsOf(proxy, reactor) > before; }, 100ms)) return false;
  }
  return true;
}

// A client of that reactor, on a proxy that has "key" in its cache.
std::unique_ptr<HttpClient> ClientOf(const Proxy& proxy, int reactor) {
  for (int i = 0; i < kMany; ++i) {
    auto client = std::make_unique<HttpClient>(proxy.port());
    if (IsWith(proxy, reactor, client.get())) return client;
  }
  ADD_FAILURE() << "no client is with reactor " << reactor;
  return std::make_unique<HttpClient>(proxy.port());
}

// A handler that answers every GET but those of "never".
std::optional<FakeRedis::Answer> SilenceOnNever(const FakeRedis::Command& command) {
  if (command.name() != "GET" || command.key() != "never") return std::nullopt;
  return FakeRedis::Answer{.held = true};
}

TEST(ReactorsTest, BothGetClientsAndAValueReadThroughOneIsAHitThroughTheOther) {
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address(), "-reactors", "2", "-expire", "0"});
  ASSERT_TRUE(Fetch(proxy.port(), "key").IsMiss());
  const long before[] = {SleepsOf(proxy, 0), SleepsOf(proxy, 1)};
  std::vector<HttpClient> clients;
  for (int i = 0; i < kMany; ++i) {
    clients.emplace_back(proxy.port());
    EXPECT_TRUE(clients.back().Get("key").IsHit());
  }
  EXPECT_EQ(redis.Count("GET"), 1u);
  EXPECT_GE(SleepsOf(proxy, 0) - before[0], 10);
  EXPECT_GE(SleepsOf(proxy, 1) - before[1], 10);
}

TEST(ReactorsTest, BothSpeakTheRedisProtocolAndTellAllTheirClientsApart) {
  FakeRedis redis;
  const Proxy proxy(
      {"-redis", redis.address(), "-reactors", "2", "-expire", "0", "-resp", "127.0.0.1:0"});
  const long before[] = {SleepsOf(proxy, 0), SleepsOf(proxy, 1)};
  std::vector<RespClient> clients;
  std::vector<std::string> ids;
  for (int i = 0; i < kMany; ++i) {
    clients.emplace_back(RespPort(proxy));
    EXPECT_EQ(clients.back().Exchange("GET key\r\n"), "$12\r\nvalue of key\r\n");
    ids.push_back(clients.back().Exchange("CLIENT ID\r\n"));
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end()) << "an id was given twice";
  const std::string count = "connected_clients:" + std::to_string(kMany) + "\r\n";
  for (RespClient& client : clients) {
    const std::string info = client.Exchange("INFO clients\r\n");
    EXPECT_NE(info.find(count), std::string::npos) << info;
  }
  EXPECT_EQ(redis.Count("GET"), 1u);
  EXPECT_GE(SleepsOf(proxy, 0) - before[0], 10);
  EXPECT_GE(SleepsOf(proxy, 1) - before[1], 10);
}

TEST(ReactorsTest, ASignalLetsWhatIsInFlightWithEachFinish) {
  for (const int signal : {SIGTERM, SIGINT}) {
    SCOPED_TRACE(signal);
    FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
      if (command.name() != "GET" || command.key() == "key") return std::nullopt;
      return FakeRedis::Answer{.bytes = FakeRedis::Bulk("late"), .delay = 700ms};
    });
    Proxy proxy({"-redis", redis.address(), "-reactors", "2", "-expire", "0"});
    ASSERT_EQ(Fetch(proxy.port(), "key").status, 200);
    const auto first = ClientOf(proxy, 0);
    const auto second = ClientOf(proxy, 1);
    const auto idle = ClientOf(proxy, 1);
    first->Send(GetRequest("a"));
    second->Send(GetRequest("b"));
    ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 3; }));
    proxy.Signal(signal);
    EXPECT_TRUE(idle->IsClosed());
    EXPECT_TRUE(Eventually([&] { return !HttpClient(proxy.port()).connected(); }));
    for (HttpClient* client : {first.get(), second.get()}) {
      const HttpResponse response = client->Read();
      EXPECT_EQ(response.body, "late");
      EXPECT_EQ(response.Header("connection"), "close");
      EXPECT_TRUE(client->IsClosed());
    }
    EXPECT_EQ(proxy.Wait(), 0);
  }
}

TEST(ReactorsTest, IdleClientsOfBothDoNotHoldUpTheEnd) {
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address(), "-reactors", "2"});
  std::vector<HttpClient> clients;
  for (int i = 0; i < kMany; ++i) {
    clients.emplace_back(proxy.port());
    ASSERT_EQ(clients.back().Get("key").status, 200);
  }
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
  EXPECT_LT(Now() - start, Patience(2s));
  for (HttpClient& client : clients) EXPECT_TRUE(client.IsClosed());
}

// Each is in turn the only one that still has something to do.
TEST(ReactorsTest, WhatDoesNotFinishWithEitherIsGivenUpAfterFiveSeconds) {
  for (const int reactor : {0, 1}) {
    SCOPED_TRACE(reactor);
    FakeRedis redis(SilenceOnNever);
    Proxy proxy({"-redis", redis.address(), "-timeout", "1m", "-reactors", "2", "-expire", "0"});
    ASSERT_EQ(Fetch(proxy.port(), "key").status, 200);
    const auto client = ClientOf(proxy, reactor);
    client->Send(GetRequest("never"));
    ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 2; }));
    const TimePoint start = Now();
    proxy.Signal(SIGTERM);
    EXPECT_EQ(proxy.Wait(20s), 0);
    EXPECT_GE(Now() - start, 4s);
    EXPECT_LE(Now() - start, 5s + Patience(1s));
    EXPECT_TRUE(client->IsClosed());
  }
}

TEST(ReactorsTest, ASecondSignalEndsAtOnceWhicheverIsNotFinished) {
  for (const int reactor : {0, 1}) {
    SCOPED_TRACE(reactor);
    FakeRedis redis(SilenceOnNever);
    // A reactor that has ended is not joined then, which ThreadSanitizer takes for a leak.
    Proxy proxy({"-redis", redis.address(), "-timeout", "1m", "-reactors", "2", "-expire", "0"},
                {.environment = {"TSAN_OPTIONS=halt_on_error=1 report_thread_leaks=0"}});
    ASSERT_EQ(Fetch(proxy.port(), "key").status, 200);
    const auto client = ClientOf(proxy, reactor);
    client->Send(GetRequest("never"));
    ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 2; }));
    proxy.Signal(SIGTERM);
    ASSERT_TRUE(Eventually([&] { return !HttpClient(proxy.port()).connected(); }));
    const TimePoint start = Now();
    proxy.Signal(SIGTERM);
    EXPECT_EQ(proxy.Wait(), 1);
    EXPECT_LT(Now() - start, std::min<Duration>(Patience(1s), 3s));
  }
}

TEST(ReactorsTest, APortThatSeveralShareIsTakenForOtherProxies) {
  FakeRedis redis;
  for (const auto& [mine, theirs] :
       std::vector<std::pair<std::string, std::string>>{{"2", "2"}, {"2", "1"}, {"1", "2"}}) {
    SCOPED_TRACE(mine + " and " + theirs);
    const Proxy proxy({"-redis", redis.address(), "-reactors", mine, "-resp", "127.0.0.1:0"});
    for (const int port : {proxy.port(), RespPort(proxy)}) {
      const std::string address = "127.0.0.1:" + std::to_string(port);
      for (const std::vector<std::string>& flags :
           {std::vector<std::string>{"-http", address},
            std::vector<std::string>{"-http", "127.0.0.1:0", "-resp", address}}) {
        std::vector<std::string> all = {"-redis", redis.address(), "-reactors", theirs};
        all.insert(all.end(), flags.begin(), flags.end());
        const RunResult result = RunProxy(all);
        EXPECT_EQ(result.status, 1);
        EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1u) << result.standard_error;
        EXPECT_NE(result.standard_error.find(address + ": Address already in use"),
                  std::string::npos)
            << result.standard_error;
      }
    }
    EXPECT_EQ(Fetch(proxy.port(), "key").status, 200);
  }
}

TEST(ReactorsTest, HttpAndTheRedisProtocolCannotShareAPort) {
  const std::string address = "127.0.0.1:" + std::to_string(ProbablyFreePort());
  const RunResult result = RunProxy({"-http", address, "-resp", address, "-reactors", "2"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.standard_error.find("Address already in use"), std::string::npos)
      << result.standard_error;
}

// Sixty of them find no descriptor for their socket, or none for anything else.
TEST(ReactorsTest, WithTooFewFileDescriptorsNoneStarts) {
  for (const char* limit : {"40", "150"}) {
    SCOPED_TRACE(limit);
    const std::string output =
        RunShell("exec 2>&1; ulimit -n " + std::string(limit) + "; " + ProxyBinary() +
                 " -http 127.0.0.1:0 -reactors 64; echo status $?");
    EXPECT_NE(output.find("status 1\n"), std::string::npos) << output;
    EXPECT_EQ(CountOccurrences(output, "\n"), 2u) << output;
  }
}

// The first of sixty-four threads find room for their stacks of 1 MiB, and the last do not.
TEST(ReactorsTest, WithTooLittleAddressSpaceForTheirThreadsNoneStarts) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer takes terabytes of address space";
  FakeRedis redis;
  for (const rlim_t mib : {40u, 50u, 60u}) {
    SCOPED_TRACE(mib);
    const RunResult result = RunProxy({"-http", "127.0.0.1:0", "-redis", redis.address(),
                                       "-reactors", "64", "-log-level", "warn"},
                                      10s, {.max_address_space = mib << 20});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.standard_error.starts_with("redis-proxy: cannot start: "))
        << result.standard_error;
    EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1u) << result.standard_error;
  }
}

TEST(ReactorsTest, MaxClientsHoldsOverBothAndAllProtocols) {
  constexpr int kMost = 40;
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address(), "-reactors", "2", "-resp", "127.0.0.1:0",
                     "-max-clients", std::to_string(kMost)});
  std::vector<HttpClient> clients;
  for (int i = 0; i < kMost - 1; ++i) {
    clients.emplace_back(proxy.port());
    EXPECT_EQ(clients.back().Get("key").status, 200);
  }
  auto last = std::make_unique<RespClient>(RespPort(proxy));
  EXPECT_EQ(last->Exchange("PING\r\n"), "+PONG\r\n");
  for (int i = 0; i < 8; ++i) {  // with either reactor
    EXPECT_EQ(Fetch(proxy.port(), "key").status, 503);
    EXPECT_EQ(RespClient(RespPort(proxy)).Read(SIZE_MAX), "-ERR max number of clients reached\r\n");
  }
  for (HttpClient& client : clients) EXPECT_EQ(client.Get("key").status, 200);
  last.reset();
  EXPECT_TRUE(Eventually([&] { return Fetch(proxy.port(), "key").status == 200; }));
}

TEST(ReactorsTest, TheFlagHasBounds) {
  for (const char* wrong : {"", "0", "65", "-1", "x"}) {
    const RunResult result = RunProxy({"-reactors", wrong});
    EXPECT_EQ(result.status, 2) << wrong;
    EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1u) << result.standard_error;
    EXPECT_NE(result.standard_error.find("-reactors"), std::string::npos) << result.standard_error;
  }
  FakeRedis redis;
  for (const char* right : {"1", "64"}) {
    const Proxy proxy({"-redis", redis.address(), "-reactors", right});
    EXPECT_EQ(Fetch(proxy.port(), "key").status, 200);
    EXPECT_TRUE(proxy.WaitForLog(" reactors=" + std::string(right) + " "));
    const int last = std::atoi(right) - 1;
    EXPECT_TRUE(Eventually([&] { return SleepsOf(proxy, last) >= 0; }));
    EXPECT_EQ(SleepsOf(proxy, last + 1), -1);
  }
}

}  // namespace
}  // namespace rp::integration
