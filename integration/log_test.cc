// The log and whoever reads it, or does not: nothing that happens to standard error stops the
// server from serving, or from stopping.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "test/support/stuck_pipe.h"

namespace rp::integration {
namespace {

// A handler that never answers a GET.
std::optional<FakeRedis::Answer> Silence(const FakeRedis::Command& command) {
  if (command.name() != "GET") return std::nullopt;
  return FakeRedis::Answer{.held = true};
}

// Hits, misses, and a Redis that goes and comes, of which each makes lines.
void ExpectToServe(const Proxy& proxy, RedisServer* redis) {
  redis->Set("a", "1");
  EXPECT_EQ(Fetch(proxy.port(), "a").body, "1");
  EXPECT_TRUE(Fetch(proxy.port(), "a").IsHit());
  redis->Kill();
  EXPECT_TRUE(Eventually([&] { return Fetch(proxy.port(), "b").status == 503; }));
  EXPECT_TRUE(Fetch(proxy.port(), "a").IsHit());
  redis->Restart();
  redis->Set("b", "2");
  EXPECT_TRUE(Eventually([&] { return Fetch(proxy.port(), "b").body == "2"; }));
}

TEST(LogTest, APipeThatNobodyReadsKeepsNobodyFromBeingServedAndFromStopping) {
  const StuckPipe log;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-log-level", "debug"}, {.log_fd = log.write_fd()});
  ExpectToServe(proxy, &redis);
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(LogTest, AReaderThatHasGoneKeepsNobodyFromBeingServedAndFromStopping) {
  StuckPipe log;
  log.CloseReadEnd();
  RedisServer redis;
  Proxy proxy({"-redis", redis.address()}, {.log_fd = log.write_fd()});
  ExpectToServe(proxy, &redis);
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(LogTest, AFullDiskKeepsNobodyFromBeingServedAndFromStopping) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  RedisServer redis;
  Proxy proxy({"-redis", redis.address()}, {.log_fd = full.get()});
  ExpectToServe(proxy, &redis);
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST(LogTest, ASecondSignalEndsAtOnceThoughNobodyReadsTheLog) {
  const StuckPipe log;
  FakeRedis redis(Silence);
  Proxy proxy({"-redis", redis.address(), "-timeout", "1m"}, {.log_fd = log.write_fd()});
  HttpClient client(proxy.port());
  client.Send(GetRequest("a"));
  ASSERT_TRUE(Eventually([&] { return redis.Count("GET") == 1; }));
  proxy.Signal(SIGTERM);
  ASSERT_TRUE(Eventually([&] { return !HttpClient(proxy.port()).connected(); }));
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 1);
  EXPECT_LT(Now() - start, std::min<Duration>(Patience(1s), 3s));
}

TEST(LogTest, AStartThatFailsEndsWithItsStatusThoughNobodyReadsWhy) {
  const StuckPipe log;
  EXPECT_EQ(RunProxy({"-no-such-flag"}, 10s, {.log_fd = log.write_fd()}).status, 2);
  int port = 0;
  const UniqueFd taken = ListenOnLoopback(&port);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(RunProxy({"-http", address}, 10s, {.log_fd = log.write_fd()}).status, 1);
}

TEST(LogTest, AStartThatFailsEndsWithItsStatusThoughTheReaderHasGone) {
  StuckPipe log;
  log.CloseReadEnd();
  EXPECT_EQ(RunProxy({"-no-such-flag"}, 10s, {.log_fd = log.write_fd()}).status, 2);
}

// The clients whose coming `lines` tell of, in a row: counts up `*next`, but for those that are
// missing where lines were lost. Returns how many lines were.
uint64_t CheckClients(const std::string& lines, uint64_t* next) {
  uint64_t lost = 0;
  bool gap = false;  // lines were lost, and with them perhaps clients
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    EXPECT_TRUE(line.size() > 31 && line[10] == 'T' && line[23] == 'Z') << "torn: " << line;
    const size_t lost_at = line.find("log: ");
    const size_t client_at = line.find("client ");
    if (lost_at != std::string::npos) {
      lost += std::strtoull(line.c_str() + lost_at + 5, nullptr, 10);
      gap = true;
    } else if (client_at != std::string::npos && line.find("connected from") != std::string::npos) {
      const uint64_t client = std::strtoull(line.c_str() + client_at + 7, nullptr, 10);
      EXPECT_TRUE(client == *next || (gap && client > *next)) << "not " << *next << ": " << line;
      *next = client + 1;
      gap = false;
    }
  }
  return lost;
}

TEST(LogTest, AReaderThatComesBackFindsWholeLinesInOrderAndHowManyAreMissing) {
  StuckPipe log;
  FakeRedis redis;
  Proxy proxy({"-redis", redis.address(), "-log-level", "debug"}, {.log_fd = log.write_fd()});
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(HttpClient(proxy.port()).connected());
  EXPECT_EQ(Fetch(proxy.port(), "a").status, 200);
  std::string lines;
  EXPECT_TRUE(Eventually([&] {
    lines += log.Read();
    return lines.find(" lost here\n") != std::string::npos;
  })) << lines;
  // This one's line is behind all that is missing.
  EXPECT_EQ(Fetch(proxy.port(), "a").status, 200);
  proxy.Signal(SIGTERM);
  EXPECT_TRUE(Eventually([&] {
    lines += log.Read();
    return lines.ends_with("stopped\n");
  })) << lines;
  EXPECT_EQ(proxy.Wait(), 0);
  uint64_t next = 1;
  const uint64_t lost = CheckClients(lines, &next);
  // At least 601 connections came and went, and a page holds less than a hundred lines.
  EXPECT_GE(lost, 2 * 601 - 512 - 100U);
  EXPECT_GE(next, 603U);
}

TEST(LogTest, DebugTellsOfConnectionsThatInfoDoesNotMention) {
  for (const std::string& level : {std::string("debug"), std::string("info")}) {
    SCOPED_TRACE(level);
    const bool debug = level == "debug";
    RedisServer redis;
    Proxy proxy({"-redis", redis.address(), "-log-level", level, "-coherent", "-expire", "10ms"});
    redis.Set("a", "1");
    EXPECT_EQ(Fetch(proxy.port(), "a").body, "1");
    if (debug) {
      EXPECT_TRUE(proxy.WaitForLog(": connected from "));
      EXPECT_TRUE(proxy.WaitForLog("closed: the client closed the connection"));
      EXPECT_TRUE(proxy.WaitForLog("redis: opened a connection to " + redis.address()));
      // A value is not stored if the report of its write comes while it is fetched.
      EXPECT_TRUE(Eventually([&] {
        return Fetch(proxy.port(), "a").body == "1" && proxy.WaitForLog("sweep: ", 50ms);
      }));
    }
    redis.Command({"FLUSHALL"});
    if (debug) {
      EXPECT_TRUE(proxy.WaitForLog("coherent: Redis was flushed"));
    }
    redis.Kill();
    EXPECT_TRUE(proxy.WaitForLog("lost track of writes"));
    EXPECT_NE(Fetch(proxy.port(), "b").status, 200);
    if (debug) {
      EXPECT_TRUE(proxy.WaitForLog("redis: closed a connection to"));
      EXPECT_TRUE(proxy.WaitForLog("redis: an attempt to"));
    }
    proxy.Signal(SIGTERM);
    EXPECT_EQ(proxy.Wait(), 0);
    EXPECT_EQ(CountOccurrences(proxy.Log(), "Z debug ") > 0, debug);
    EXPECT_GT(CountOccurrences(proxy.Log(), "Z info  "), 0U);
  }
}

}  // namespace
}  // namespace rp::integration
