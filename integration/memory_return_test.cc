// Memory comes back: what a client, a hung Redis or a full cache took is the kernel's again once it
// is not needed any more, as far as an operator sees it: resident memory.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr size_t kMegabyte = 1 << 20;

class MemoryReturnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Sanitized()) GTEST_SKIP() << "a sanitizer keeps freed memory";
  }

  static std::vector<std::string> Flags(const std::string& redis,
                                        const std::vector<std::string>& more) {
    std::vector<std::string> flags = {"-redis", redis, "-resp", "127.0.0.1:0"};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  static void ExpectToFallTo(const Proxy& proxy, size_t bytes) {
    EXPECT_TRUE(Eventually([&] { return proxy.ResidentBytes() <= bytes; }))
        << proxy.ResidentBytes() / kMegabyte << " MB, expected at most " << bytes / kMegabyte;
  }

  // Has the cache filled with DEBUG POPULATE's keys, which have values of `value_bytes`.
  static void Fill(RespClient* client, int keys, size_t value_bytes) {
    constexpr int kBatch = 1000;
    const size_t reply_bytes =
        std::string("*1000\r\n").size() +
        kBatch * (1 + std::to_string(value_bytes).size() + 2 + value_bytes + 2);
    for (int i = 0; i < keys; i += kBatch) {
      std::vector<std::string> command = {"MGET"};
      for (int k = i; k < i + kBatch; ++k) command.push_back("key:" + std::to_string(k));
      client->Send(RespCommand(command));
      ASSERT_EQ(client->Read(reply_bytes).size(), reply_bytes);
    }
  }
};

TEST_F(MemoryReturnTest, OfManyKeysThatWereAskedForWhileRedisHung) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    return command.name() == "GET" ? std::optional(FakeRedis::Answer{.held = true}) : std::nullopt;
  });
  Proxy proxy(Flags(redis.address(), {"-timeout", "200ms"}));
  RespClient warm_up(RespPort(proxy));
  ASSERT_EQ(warm_up.Exchange("GET k\r\n"), "-TIMEOUT Redis did not answer in time\r\n");
  const size_t before = proxy.ResidentBytes();
  std::vector<std::string> command = {"MGET"};
  for (int i = 0; i < 65536; ++i) {
    command.push_back(std::to_string(i) + std::string(470, 'x'));
  }
  RespClient client(RespPort(proxy));
  client.Send(RespCommand(command));
  ASSERT_EQ(client.ReadThrough("\r\n"), "-TIMEOUT Redis did not answer in time\r\n");
  ExpectToFallTo(proxy, before + 8 * kMegabyte);
}

TEST_F(MemoryReturnTest, OfTransactions) {
  RedisServer redis;
  Proxy proxy(Flags(redis.address(), {"-coherent", "-forward"}));
  RespClient watcher(RespPort(proxy));
  ASSERT_EQ(watcher.Exchange("MULTI\r\nSET k v\r\nEXEC\r\n"), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  const size_t before = proxy.ResidentBytes();
  std::string commands = "MULTI\r\n";
  std::string queued = "+OK\r\n";
  for (int i = 0; i < 60'000; ++i) {
    commands += RespCommand({"SET", "k", PatternBytes(1000)});
    queued += "+QUEUED\r\n";
  }
  for (const std::string end : {"EXEC", "DISCARD", "NOSUCH", "RESET", "QUIT", ""}) {
    {
      RespClient client(RespPort(proxy));
      client.Send(commands + end + (end.empty() ? "" : "\r\n"));
      ASSERT_EQ(client.Read(queued.size()), queued);
      EXPECT_GT(proxy.ResidentBytes(), before + 30 * kMegabyte) << end;
      if (end == "EXEC") {
        EXPECT_EQ(client.Read(8), "*60000\r\n");
      }
      if (end == "EXEC" || end == "NOSUCH") client.Send("PING\r\n");
      if (!end.empty())
        client.ReadThrough(end == "DISCARD" || end == "QUIT" ? "+OK\r\n"
                           : end == "RESET"                  ? "+RESET\r\n"
                           : end == "EXEC"                   ? "+PONG\r\n"
                                                             : "+QUEUED\r\n");
    }
    EXPECT_TRUE(Eventually([&] {
      watcher.Exchange("PING\r\n");
      return proxy.ResidentBytes() <= before + 12 * kMegabyte;
    })) << end
        << ": " << (proxy.ResidentBytes() - before) / kMegabyte << " MB more";
  }
}

// One worker, which need not wake another.
TEST_F(MemoryReturnTest, OfACacheThatWasFlushedAndWithoutPauses) {
  constexpr int kKeys = 200'000;
  constexpr int kSliceKeys = 2048;  // the server's kSweepBudget
  RedisServer redis;
  ASSERT_EQ(redis.Command({"DEBUG", "POPULATE", std::to_string(kKeys), "key", "200"}), "OK");
  Proxy proxy(Flags(redis.address(), {"-coherent", "-capacity", "1000000", "-workers", "1"}));
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange("PING\r\n"), "+PONG\r\n");
  const size_t before = proxy.ResidentBytes();
  Fill(&client, kKeys, 200);
  if (HasFatalFailure()) return;
  ASSERT_GT(proxy.ResidentBytes(), before + 40 * kMegabyte);
  const long switches = proxy.VoluntarySwitches();
  ASSERT_EQ(redis.Command({"FLUSHALL"}), "OK");
  ExpectToFallTo(proxy, before + 8 * kMegabyte);
  EXPECT_LT(proxy.VoluntarySwitches() - switches, kKeys / kSliceKeys)
      << "after each slice a thread has slept";
  EXPECT_TRUE(Eventually([&] {
    const std::string info = client.Exchange("INFO proxy\r\n");
    return info.find("\r\nproxy_cache_entries:0\r\n") != std::string::npos;
  }));
}

// Nothing expires, so that no sweep comes by itself; and the last ones stay, at the end of malloc's
// heap.
TEST_F(MemoryReturnTest, OfKeysThatWereDeletedInRedis) {
  constexpr int kKeys = 100'000;
  constexpr int kBatch = 1000;
  RedisServer redis;
  ASSERT_EQ(redis.Command({"DEBUG", "POPULATE", std::to_string(kKeys), "key", "400"}), "OK");
  Proxy proxy(Flags(redis.address(), {"-coherent", "-expire", "0"}));
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange("PING\r\n"), "+PONG\r\n");
  const size_t before = proxy.ResidentBytes();
  Fill(&client, kKeys, 400);
  if (HasFatalFailure()) return;
  for (int i = 0; i < kKeys - kBatch; i += kBatch) {
    std::vector<std::string> command = {"DEL"};
    for (int k = i; k < i + kBatch; ++k) command.push_back("key:" + std::to_string(k));
    ASSERT_EQ(redis.Command(command), std::to_string(kBatch));
  }
  ExpectToFallTo(proxy, before + 12 * kMegabyte);
}

// One stays because it is used, at the end of malloc's heap.
TEST_F(MemoryReturnTest, OfEntriesThatExpired) {
  constexpr int kKeys = 60'000;
  RedisServer redis;
  ASSERT_EQ(redis.Command({"DEBUG", "POPULATE", std::to_string(kKeys), "key", "1000"}), "OK");
  Proxy proxy(Flags(redis.address(), {"-expire", "1s"}));
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange("PING\r\n"), "+PONG\r\n");
  const size_t before = proxy.ResidentBytes();
  Fill(&client, kKeys, 1000);
  if (HasFatalFailure()) return;
  EXPECT_TRUE(Eventually([&] {
    client.Exchange("STRLEN key:" + std::to_string(kKeys - 1) + "\r\n");
    return proxy.ResidentBytes() <= before + 8 * kMegabyte;
  })) << (proxy.ResidentBytes() - before) / kMegabyte
      << " MB more";
}

TEST_F(MemoryReturnTest, OfALargeCommandWhoseClientIsIdle) {
  constexpr size_t kArguments = 3'000'000;
  FakeRedis redis;
  Proxy proxy(Flags(redis.address(), {}));
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange("PING\r\n"), "+PONG\r\n");
  const size_t before = proxy.ResidentBytes();
  std::string command = "*" + std::to_string(kArguments) + "\r\n$4\r\nPING\r\n";
  for (size_t i = 1; i < kArguments; ++i) command += "$1\r\na\r\n";
  client.Send(command);
  ASSERT_EQ(client.ReadThrough("\r\n"), "-ERR wrong number of arguments for 'ping' command\r\n");
  ExpectToFallTo(proxy, before + 8 * kMegabyte);
}

TEST_F(MemoryReturnTest, OfALargeReplyThatWasForwarded) {
  constexpr size_t kBytes = 50 * kMegabyte;
  RedisServer redis;
  ASSERT_EQ(redis.Command({"RPUSH", "list", std::string(kBytes, 'v')}), "1");
  Proxy proxy(Flags(redis.address(), {"-forward", "-coherent"}));
  const size_t before = proxy.ResidentBytes();
  {
    RespClient client(RespPort(proxy));
    const std::string head = "*1\r\n$" + std::to_string(kBytes) + "\r\n";
    client.Send(RespCommand({"LRANGE", "list", "0", "-1"}));
    ASSERT_EQ(client.Read(head.size() + kBytes + 2).size(), head.size() + kBytes + 2);
  }
  ExpectToFallTo(proxy, before + 8 * kMegabyte);
}

TEST_F(MemoryReturnTest, OfALargeValueWhoseConnectionToRedisIsIdle) {
  RedisServer redis;
  const std::string value = PatternBytes(32 * kMegabyte);
  redis.Set("large", value);
  Proxy proxy(Flags(redis.address(), {}));
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("missing").status, 404);
  const size_t before = proxy.ResidentBytes();
  ASSERT_TRUE(client.Get("large").body == value);
  ExpectToFallTo(proxy, before + 8 * kMegabyte);
}

}  // namespace
}  // namespace rp::integration
