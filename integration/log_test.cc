// The log and whoever reads it, or does not: nothing that happens to standard error stops the
// server from serving, or from stopping.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "integration/fake_redis.h"
#include "integration/http_client.h"
#include "integration/proxy_process.h"
#include "integration/redis_server.h"
#include "test/support/stuck_pipe.h"

namespace rp::integration {
namespace {

// A handler that never answers a GET.
std::optional<FakeReply> Silence(const FakeRedis::Command& command) {
  if (command[0] != "GET") return std::nullopt;
  return FakeReply{};
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
  Proxy proxy({"-redis", redis.address()}, {.log_fd = log.write_fd()});
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
  ASSERT_TRUE(Eventually([&] { return redis.get_count() == 1; }));
  proxy.Signal(SIGTERM);
  ASSERT_TRUE(Eventually([&] { return !HttpClient(proxy.port()).connected(); }));
  const TimePoint start = Now();
  proxy.Signal(SIGTERM);
  EXPECT_EQ(proxy.Wait(), 1);
  EXPECT_LT(Now() - start, std::min<Duration>(Patience(1s), 3s));
}

TEST(LogTest, AStartThatFailsEndsWithItsStatusThoughNobodyReadsWhy) {
  const StuckPipe log;
  EXPECT_EQ(RunProxy({"-no-such-flag"}, 10s, log.write_fd()).status, 2);
  int port = 0;
  const UniqueFd taken = ListenOnLoopback(&port);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(RunProxy({"-http", address}, 10s, log.write_fd()).status, 1);
}

TEST(LogTest, AStartThatFailsEndsWithItsStatusThoughTheReaderHasGone) {
  StuckPipe log;
  log.CloseReadEnd();
  EXPECT_EQ(RunProxy({"-no-such-flag"}, 10s, log.write_fd()).status, 2);
}

}  // namespace
}  // namespace rp::integration
