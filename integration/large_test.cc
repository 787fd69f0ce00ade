// Large commands and large replies: whole, from end to end, whatever the clients do.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr size_t kLargeBytes = 50 << 20;

// Bytes of which no part is like another.
std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

std::string BulkReply(const std::string& value) {
  return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

// Whether the program gives back its memory for so many bytes. A sanitizer keeps freed memory.
bool IsFreed(const Proxy& proxy) {
  return Sanitized() || Eventually([&] { return proxy.ResidentBytes() < kLargeBytes; });
}

class LargeTest : public ::testing::Test {
 protected:
  static std::string Exchange(RespClient* client, const std::string& bytes, size_t reply_bytes) {
    client->Send(bytes);
    return client->Read(reply_bytes);
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"}};
  RespClient client_{RespPort(proxy_)};
};

TEST_F(LargeTest, AValueGoesToRedisAndComesBack) {
  const std::string value = Pattern(kLargeBytes);
  ASSERT_EQ(Exchange(&client_, RespCommand({"SET", "k", value}), 5), "+OK\r\n");
  EXPECT_TRUE(redis_.Command({"GET", "k"}) == value);
  const std::string reply = BulkReply(value);
  EXPECT_TRUE(Exchange(&client_, RespCommand({"GETRANGE", "k", "0", "-1"}), reply.size()) == reply);
  EXPECT_TRUE(Exchange(&client_,
                       RespCommand({"EVAL", "return redis.call('get', KEYS[1])", "1", "k"}),
                       reply.size()) == reply);
  EXPECT_EQ(client_.Exchange("PING\r\n"), "+PONG\r\n");
}

TEST_F(LargeTest, AnEchoIsTheArgument) {
  for (const size_t bytes :
       {size_t{32 * 1024 - 1}, size_t{32 * 1024}, size_t{100'000}, kLargeBytes}) {
    const std::string value = Pattern(bytes);
    const std::string reply = BulkReply(value) + BulkReply(value) + "+PONG\r\n";
    const std::string requests =
        RespCommand({"ECHO", value}) + RespCommand({"PING", value}) + "PING\r\n";
    EXPECT_TRUE(Exchange(&client_, requests, reply.size()) == reply) << bytes;
  }
}

TEST_F(LargeTest, ACommandOfAMillionArgumentsIsCarriedOut) {
  constexpr int kArguments = 1'000'000;
  std::string keys;
  std::string elements;
  for (int i = 0; i < kArguments; ++i) {
    const std::string number = std::to_string(i);
    keys += "$" + std::to_string(number.size() + 1) + "\r\nk" + number + "\r\n";
    elements += "$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
  }
  ASSERT_EQ(redis_.Command({"MSET", "k0", "v", "k999999", "v", "other", "v"}), "OK");
  const std::string count = std::to_string(kArguments + 1);
  EXPECT_EQ(client_.Exchange("GET k999999\r\n"), "$1\r\nv\r\n");
  EXPECT_EQ(client_.Exchange("*" + count + "\r\n$3\r\nDEL\r\n" + keys), ":2\r\n");
  EXPECT_EQ(client_.Exchange("GET k999999\r\n"), "$-1\r\n") << "it is dropped from the cache";
  EXPECT_EQ(redis_.Command({"DBSIZE"}), "1");
  EXPECT_EQ(client_.Exchange("*" + std::to_string(kArguments + 2) +
                             "\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n" + elements),
            ":1000000\r\n");
  EXPECT_EQ(redis_.Command({"LINDEX", "list", "-1"}), "999999");
  const std::string reply = "*1000000\r\n" + elements;
  EXPECT_TRUE(Exchange(&client_, "LRANGE list 0 -1\r\n", reply.size()) == reply);
}

// Its turn comes when the commands before it are answered.
TEST_F(LargeTest, ACommandWaitsForThoseBeforeIt) {
  const std::string value = Pattern(200'000);
  std::string requests;
  std::string replies;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    requests +=
        "GET " + key + "\r\n" + RespCommand({"SET", key, value}) + RespCommand({"STRLEN", key});
    replies += "$-1\r\n+OK\r\n:200000\r\n";
  }
  EXPECT_EQ(Exchange(&client_, requests, replies.size()), replies);
}

TEST_F(LargeTest, AKeyMayBeLarge) {
  const std::string key = Pattern(1 << 20);
  ASSERT_EQ(Exchange(&client_, RespCommand({"SET", key, "value"}), 5), "+OK\r\n");
  EXPECT_EQ(Exchange(&client_, RespCommand({"GET", key}), 11), "$5\r\nvalue\r\n");
  EXPECT_EQ(Exchange(&client_, RespCommand({"MGET", "a", key}), 20),
            "*2\r\n$-1\r\n$5\r\nvalue\r\n");
  EXPECT_EQ(Exchange(&client_, RespCommand({"EXISTS", key, "a"}), 4), ":1\r\n");
  ASSERT_EQ(Exchange(&client_, RespCommand({"SET", key, "new"}), 5), "+OK\r\n");
  EXPECT_EQ(Exchange(&client_, RespCommand({"GET", key}), 9), "$3\r\nnew\r\n");
}

TEST_F(LargeTest, ASlowReaderGetsAllOfALargeReplyAndOneThatLeavesHarmsNobody) {
  const std::string value = Pattern(kLargeBytes);
  redis_.Set("k", value);
  const std::string reply = BulkReply(value);
  const std::string range = RespCommand({"GETRANGE", "k", "0", "-1"});
  RespClient slow(RespPort(proxy_));
  slow.Send(range);
  {
    RespClient leaves(RespPort(proxy_));
    leaves.Send(range);
    EXPECT_TRUE(leaves.Read(1000) == reply.substr(0, 1000));
  }
  EXPECT_TRUE(Exchange(&client_, range, reply.size()) == reply);
  std::string read;
  while (read.size() < reply.size()) {
    const size_t step = std::min<size_t>(reply.size() - read.size(), 1 << 20);
    read += slow.Read(step);
    ASSERT_EQ(client_.Exchange("PING\r\n"), "+PONG\r\n");
  }
  EXPECT_TRUE(read == reply);
  redis_.Set("k", "");
  EXPECT_TRUE(IsFreed(proxy_)) << "what was sent: " << proxy_.ResidentBytes();
}

TEST(LargeTimeoutTest, ALargeWriteToAHungRedisFailsInTimeAndIsFreed) {
  RedisServer redis;
  Relay relay(redis.port());
  Proxy proxy({"-redis", relay.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent",
               "-timeout", "500ms"});
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange("SET k old\r\n"), "+OK\r\n");
  relay.Freeze();
  client.Send(RespCommand({"SET", "k", Pattern(kLargeBytes)}));
  EXPECT_TRUE(client.ReadThrough("\r\n").starts_with("-TIMEOUT"));
  EXPECT_TRUE(IsFreed(proxy));
  relay.DropAll();
  relay.Thaw();
  EXPECT_TRUE(Eventually([&] { return client.Exchange("SET k new\r\n") == "+OK\r\n"; }));
  EXPECT_EQ(redis.Command({"GET", "k"}), "new");
}

}  // namespace
}  // namespace rp::integration
