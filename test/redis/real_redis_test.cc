// The fetchers against a redis-server of their own, where one is installed.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "redis/fetchers.h"
#include "test/support/fetch_client.h"
#include "test/support/real_redis.h"

namespace rp::redis {
namespace {

// Copying is many times slower under a sanitizer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kBigBytes = 4 << 20;
#else
constexpr size_t kBigBytes = 64 << 20;
#endif

class RealRedisTest : public RealRedis {};

TEST_F(RealRedisTest, TellsEveryOutcomeApart) {
  Do({"SET", "k", "v"});
  Do({"SET", "mortal", "v", "PX", "60000"});
  Do({"LPUSH", "list", "element"});
  FetchClient client(OptionsFor(address()));
  EXPECT_TRUE(client.Get("k").IsValue("v"));
  EXPECT_EQ(client.Get("k").ttl_ms, kTtlNone);
  const int64_t ttl_ms = client.Get("mortal").ttl_ms;
  EXPECT_GT(ttl_ms, 0);
  EXPECT_LE(ttl_ms, 60000);
  EXPECT_TRUE(client.Get("absent").IsMissing());
  Do({"PEXPIRE", "list", "60000"});
  const Outcome list = client.Get("list");
  EXPECT_TRUE(list.IsError(ErrorCode::kWrongType));
  EXPECT_GT(list.ttl_ms, 0);
  EXPECT_LE(list.ttl_ms, 60000);
}

TEST_F(RealRedisTest, ReadsABigValueWithinTheTimeout) {
  const std::string value(kBigBytes, 'x');
  Do({"SET", "big", value});
  FetchClient client(OptionsFor(address()));
  const Outcome outcome = client.Get("big");
  EXPECT_TRUE(outcome.value == value) << outcome;
}

TEST_F(RealRedisTest, SelectsTheDatabase) {
  Do({"SELECT", "3"});
  Do({"SET", "k", "in three"});
  Options options = OptionsFor(address());
  EXPECT_TRUE(FetchClient(options).Get("k").IsMissing());
  options.database = 3;
  EXPECT_TRUE(FetchClient(options).Get("k").IsValue("in three"));
  options.database = 4;
  EXPECT_TRUE(FetchClient(options).Get("k").IsError(ErrorCode::kRefused));
}

TEST_F(RealRedisTest, AuthenticatesAsADefaultAndAsANamedUser) {
  Do({"SET", "k", "v"});
  Do({"ACL", "SETUSER", "proxy", "on", ">word", "~*", "+get", "+pttl"});
  Do({"CONFIG", "SET", "requirepass", "secret"});
  Options options = OptionsFor(address());
  EXPECT_TRUE(FetchClient(options).Get("k").IsError(ErrorCode::kAuth));
  options.password = "wrong";
  EXPECT_TRUE(FetchClient(options).Get("k").IsError(ErrorCode::kAuth));
  options.password = "secret";
  EXPECT_TRUE(FetchClient(options).Get("k").IsValue("v"));
  options.username = "proxy";
  options.password = "word";
  EXPECT_TRUE(FetchClient(options).Get("k").IsValue("v")) << "may GET and PTTL, but not PING";
}

TEST_F(RealRedisTest, ReadsFromARedisThatCannotWriteToItsDisk) {
  Do({"SET", "k", "v"});
  RefuseWrites();
  EXPECT_TRUE(FetchClient(OptionsFor(address())).Get("k").IsValue("v"));
}

TEST_F(RealRedisTest, SurvivesAStopAndARestart) {
  Do({"SET", "k", "v"});
  Options options = OptionsFor(address());
  options.timeout = milliseconds(100);
  FetchClient client(options);
  EXPECT_TRUE(client.Get("k").IsValue("v"));
  FreezeServer();
  EXPECT_TRUE(client.Get("k", milliseconds(100)).IsError(ErrorCode::kTimeout));
  ThawServer();
  EXPECT_TRUE(client.AwaitValue("k", "v"));
  StopServer();
  EXPECT_TRUE(Await([&] { return client.Get("k").IsError(ErrorCode::kAway); }));
  StartServer();
  EXPECT_TRUE(Await([&] { return client.Get("k").IsMissing(); }));
}

}  // namespace
}  // namespace rp::redis
