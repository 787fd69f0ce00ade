// The Redis protocol in front of the cache, beside HTTP.

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

class RespTest : public ::testing::Test {
 protected:
  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0"}};
};

TEST_F(RespTest, IsOffUnlessAskedFor) {
  const Proxy proxy({"-redis", redis_.address()});
  EXPECT_EQ(RespPort(proxy), 0);
}

TEST_F(RespTest, AValueReadOverHttpIsAHitOverResp) {
  redis_.Set("key", "old");
  EXPECT_EQ(RunShell("curl -s http://127.0.0.1:" + std::to_string(proxy_.port()) + "/key"), "old");
  redis_.Set("key", "new");
  EXPECT_EQ(RespClient(RespPort(proxy_)).Exchange("GET key\r\n"), "$3\r\nold\r\n");
  EXPECT_EQ(redis_.GetCount(), 1);
}

TEST_F(RespTest, AValueReadOverRespIsAHitOverHttp) {
  redis_.Set("key", "old");
  EXPECT_EQ(RespClient(RespPort(proxy_)).Exchange("GET key\r\n"), "$3\r\nold\r\n");
  redis_.Set("key", "new");
  EXPECT_EQ(RunShell("curl -s http://127.0.0.1:" + std::to_string(proxy_.port()) + "/key"), "old");
  EXPECT_EQ(redis_.GetCount(), 1);
}

TEST_F(RespTest, APipelineOfAThousandIsAnsweredInOrder) {
  std::string requests;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    if (i % 3 != 0) redis_.Set("k" + number, "value " + number);
    requests += i % 7 == 0 ? RespCommand({"ECHO", number}) : RespCommand({"GET", "k" + number});
    const std::string value = i % 7 == 0 ? number : "value " + number;
    expected += i % 7 != 0 && i % 3 == 0
                    ? "$-1\r\n"
                    : "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  RespClient client(RespPort(proxy_));
  for (int round = 0; round < 3; ++round) EXPECT_EQ(client.Exchange(requests), expected);
}

TEST_F(RespTest, MgetAnswersFarMoreKeysThanAPipelineHolds) {
  std::vector<std::string> command = {"MGET"};
  std::string expected = "*5000\r\n";
  const std::string large = PatternBytes(3000);
  redis_.Set("large", large);
  for (int i = 0; i < 5000; ++i) {
    if (i < 100) redis_.Set("k" + std::to_string(i), std::to_string(i % 10));
    const bool is_large = i % 10 == 9;
    command.push_back(is_large ? "large" : "k" + std::to_string(i % 150));
    if (is_large) {
      expected += "$3000\r\n" + large + "\r\n";
    } else {
      expected += i % 150 < 100 ? "$1\r\n" + std::to_string(i % 10) + "\r\n" : "$-1\r\n";
    }
  }
  RespClient client(RespPort(proxy_));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(client.Exchange(RespCommand(command) + "PING\r\n"), expected + "+PONG\r\n");
  }
  command[0] = "EXISTS";
  EXPECT_EQ(client.Exchange(RespCommand(command)).substr(0, 1), ":");
}

TEST_F(RespTest, OneCommandTakesAtMost65536Keys) {
  redis_.Set("k", "v");
  std::vector<std::string> command(65537, "k");
  command[0] = "EXISTS";
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange(RespCommand(command)), ":65536\r\n");
  command.emplace_back("k");
  EXPECT_EQ(client.Exchange(RespCommand(command)),
            "-ERR too many keys in one command: at most 65536\r\n");
}

TEST_F(RespTest, LargeValuesArriveWhole) {
  const std::string value = PatternBytes(700000);
  redis_.Set("large", value);
  RespClient client(RespPort(proxy_));
  std::string requests;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    requests += "GET large\r\nGETRANGE large 1000 600000\r\n";
    expected += "$700000\r\n" + value + "\r\n$599001\r\n" + value.substr(1000, 599001) + "\r\n";
  }
  EXPECT_EQ(client.Exchange(requests), expected);
}

// An argument may have 512 MB as in Redis; this is beyond every smaller limit of ours.
TEST_F(RespTest, LargeCommandsArriveWhole) {
  const std::string text = PatternBytes(80'000'000);
  RespClient client(RespPort(proxy_));
  EXPECT_TRUE(client.Exchange(RespCommand({"ECHO", text})) == "$80000000\r\n" + text + "\r\n");
}

TEST_F(RespTest, TtlIsThatOfTheKey) {
  redis_.Set("key", "value");
  ASSERT_EQ(redis_.Command({"EXPIRE", "key", "1000"}), "1");
  RedisClient client("127.0.0.1:" + std::to_string(RespPort(proxy_)));
  for (int round = 0; round < 2; ++round) {
    EXPECT_NEAR(std::stod(client.Command({"TTL", "key"})), 1000, 60);
    EXPECT_NEAR(std::stod(client.Command({"PTTL", "key"})), 1e6, 6e4);
    EXPECT_NEAR(std::stod(client.Command({"EXPIRETIME", "key"})),
                std::stod(redis_.Command({"EXPIRETIME", "key"})), 2);
    EXPECT_NEAR(std::stod(client.Command({"PEXPIRETIME", "key"})),
                std::stod(redis_.Command({"PEXPIRETIME", "key"})), 2000);
  }
}

// The last second of the year 9999: some 8000 years, and a clock in nanoseconds holds 292.
TEST_F(RespTest, ATtlBeyondWhatTheClockHoldsIsThatOfTheKey) {
  redis_.Set("key", "value");
  ASSERT_EQ(redis_.Command({"EXPIREAT", "key", "253402300799"}), "1");
  RedisClient client("127.0.0.1:" + std::to_string(RespPort(proxy_)));
  for (int round = 0; round < 2; ++round) {
    EXPECT_NEAR(std::stod(client.Command({"TTL", "key"})),
                std::stod(redis_.Command({"TTL", "key"})), 60);
    EXPECT_NEAR(std::stod(client.Command({"PTTL", "key"})),
                std::stod(redis_.Command({"PTTL", "key"})), 6e4);
    EXPECT_EQ(client.Command({"GET", "key"}), "value");
  }
  EXPECT_EQ(redis_.GetCount(), 1) << "it is cached all the same";
}

TEST_F(RespTest, TtlIsAskedOfRedisWhereMaxAgeHidesIt) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-max-age", "1m"});
  redis_.Set("key", "value");
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("GET key\r\nTTL key\r\nPTTL key\r\nTTL missing\r\n"),
            "$5\r\nvalue\r\n:-1\r\n:-1\r\n:-2\r\n");
}

// What is not a string has a type and an end too.
TEST_F(RespTest, WhatTheCacheDoesNotKnowOfAKeyIsAskedOfRedis) {
  redis_.Command({"RPUSH", "list", "a"});
  redis_.Command({"EXPIREAT", "list", "4102444800"});
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("TYPE list\r\nEXPIRETIME list\r\nPEXPIRETIME list\r\nTYPE missing\r\n"
                            "EXISTS list missing\r\n"),
            "+list\r\n:4102444800\r\n:4102444800000\r\n+none\r\n:1\r\n");
  const std::string ttl = client.Exchange("PTTL list\r\n");
  EXPECT_EQ(ttl.substr(0, 1), ":");
  EXPECT_GT(std::stod(ttl.substr(1)), 1e9);
}

TEST_F(RespTest, AskingForTheTypeOfAKeyDoesNotFetchItsValue) {
  redis_.Set("key", "value");
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("TYPE key\r\nTTL key\r\n"), "+string\r\n:-1\r\n");
  EXPECT_EQ(redis_.GetCount(), 0);
  EXPECT_EQ(client.Exchange("GET key\r\n"), "$5\r\nvalue\r\n");
  redis_.Kill();
  EXPECT_EQ(client.Exchange("TYPE key\r\nTTL key\r\n"), "+string\r\n:-1\r\n") << "from the cache";
}

TEST_F(RespTest, InfoCountsHitsAndMisses) {
  redis_.Set("key", "value");
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("GET key\r\nGET key\r\n"), "$5\r\nvalue\r\n$5\r\nvalue\r\n");
  EXPECT_EQ(client.Exchange("GET key\r\n"), "$5\r\nvalue\r\n");
  const std::string info = client.Exchange("INFO\r\n");
  EXPECT_EQ(info.find("keyspace_hits:0\r\n"), std::string::npos) << info;
  EXPECT_EQ(info.find("keyspace_misses:0\r\n"), std::string::npos) << info;
  EXPECT_NE(info.find("keyspace_hits:"), std::string::npos) << info;
  EXPECT_NE(info.find("keyspace_misses:"), std::string::npos) << info;
  EXPECT_NE(info.find("loading:0\r\n"), std::string::npos) << info;
}

TEST_F(RespTest, RepliesLargerThanAHeadArriveWhole) {
  RedisClient client("127.0.0.1:" + std::to_string(RespPort(proxy_)));
  EXPECT_NE(client.Command({"COMMAND"}).find("pexpiretime"), std::string::npos);
  const std::string text = PatternBytes(200000);
  EXPECT_EQ(client.Command({"ECHO", text}), text);
}

TEST_F(RespTest, AFailureAnswersAWholeMgetOnce) {
  redis_.Set("key", "value");
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("GET key\r\n"), "$5\r\nvalue\r\n");
  redis_.Kill();
  const std::string reply = client.Exchange("MGET key missing key\r\nPING\r\nGET key\r\n");
  EXPECT_EQ(CountOccurrences(reply, "\r\n"), 4u) << reply;
  EXPECT_TRUE(reply.starts_with("-")) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n+PONG\r\n$5\r\nvalue\r\n")) << reply;
}

// Far more than may wait for Redis at a time.
TEST_F(RespTest, MgetOfManyKeysThatAreNotCachedSucceeds) {
  std::vector<std::string> command = {"MGET"};
  for (int i = 0; i < 60000; ++i) command.push_back("k" + std::to_string(i));
  redis_.Set("k59999", "last");
  RespClient client(RespPort(proxy_));
  const std::string reply = client.Exchange(RespCommand(command));
  EXPECT_EQ(reply.substr(0, 13), "*60000\r\n$-1\r\n");
  EXPECT_EQ(reply.size(), 8 + 59999 * 5 + 10u);
  EXPECT_TRUE(reply.ends_with("$4\r\nlast\r\n"));
}

// Together they want far more keys than there are requests for so few clients.
TEST_F(RespTest, SlowReadersOfManyHitsLeaveRoomForOthers) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-max-clients", "32"});
  const std::string value = PatternBytes(1100);
  std::vector<std::string> command = {"MGET"};
  std::string expected = "*500\r\n";
  for (int i = 0; i < 500; ++i) {
    redis_.Set("k" + std::to_string(i), value);
    command.push_back("k" + std::to_string(i));
    expected += "$1100\r\n" + value + "\r\n";
  }
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange(RespCommand(command)), expected);
  std::vector<std::string> long_command = {"MGET"};
  for (int i = 0; i < 60'000; ++i) long_command.push_back("k" + std::to_string(i % 500));
  std::vector<std::unique_ptr<RespClient>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(std::make_unique<RespClient>(RespPort(proxy)));
    slow.back()->Send(RespCommand(long_command));
    EXPECT_EQ(slow.back()->Read(8), "*60000\r\n") << "its answer is ready, and is not read";
    EXPECT_EQ(client.Exchange(RespCommand(command)), expected);
  }
}

TEST_F(RespTest, ATimeoutIsAnsweredAsSuch) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-timeout", "200ms"});
  redis_.Freeze();
  std::vector<std::string> command = {"MGET"};
  for (int i = 0; i < 20000; ++i) command.push_back("k" + std::to_string(i));
  RespClient client(RespPort(proxy));
  const std::string reply = client.Exchange(RespCommand(command) + "GET a\r\nPING\r\n");
  redis_.Thaw();
  EXPECT_TRUE(reply.starts_with("-TIMEOUT ") || reply.starts_with("-BUSY ")) << reply;
  EXPECT_EQ(CountOccurrences(reply, "\r\n"), 3u) << reply;
  EXPECT_TRUE(reply.ends_with("+PONG\r\n")) << reply;
}

TEST_F(RespTest, OneClientTooManyIsToldSo) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-max-clients", "2"});
  RespClient first(RespPort(proxy));
  EXPECT_EQ(first.Exchange("PING\r\n"), "+PONG\r\n");
  const UniqueFd second = ConnectToLoopback(proxy.port());  // HTTP counts as well
  RespClient third(RespPort(proxy));
  EXPECT_EQ(third.Read(SIZE_MAX), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(first.Exchange("PING\r\n"), "+PONG\r\n");
}

TEST_F(RespTest, AClientThatLeavesMakesRoomForAnother) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-max-clients", "1"});
  for (const std::string last_words : {"", "QUIT\r\n", "*x\r\n", "POST\r\n", "GET key\r\n"}) {
    std::optional<RespClient> client;
    EXPECT_TRUE(Eventually([&] {
      client.emplace(RespPort(proxy));
      return client->Exchange("PING\r\n") == "+PONG\r\n";
    })) << "before "
        << last_words;
    client->Send(last_words);
  }
}

TEST_F(RespTest, ADrainAnswersWhatWasAsked) {
  redis_.Set("key", "value");
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0"});
  RespClient idle(RespPort(proxy));
  EXPECT_EQ(idle.Exchange("GET key\r\n"), "$5\r\nvalue\r\n");
  RespClient midway(RespPort(proxy));
  EXPECT_EQ(midway.Exchange("PING\r\n"), "+PONG\r\n");
  midway.Send("PING\r\n*2\r\n$3\r\nGET\r\n$3\r\nk");
  EXPECT_EQ(midway.Read(7), "+PONG\r\n");
  proxy.Signal(SIGTERM);
  EXPECT_EQ(idle.Read(SIZE_MAX), "");
  midway.Send("ey\r\n");
  EXPECT_EQ(midway.Read(SIZE_MAX), "$5\r\nvalue\r\n");
  EXPECT_EQ(proxy.Wait(), 0);
}

TEST_F(RespTest, UsersFromTheEnvironmentAreAskedForAndHttpIsNot) {
  redis_.Set("key", "value");
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0"},
                    {.environment = {"REDIS_PROXY_AUTH=alice:one,bob:two"}});
  RespClient client(RespPort(proxy));
  client.Send("GET key\r\nPING\r\nAUTH one\r\nAUTH alice two\r\nAUTH bob two\r\nGET key\r\n");
  EXPECT_EQ(client.ReadThrough("value\r\n"),
            "-NOAUTH Authentication required.\r\n+PONG\r\n"
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            "+OK\r\n$5\r\nvalue\r\n");
  EXPECT_EQ(RunShell("curl -s http://127.0.0.1:" + std::to_string(proxy.port()) + "/key"), "value");
}

TEST(RespFlagsTest, AMalformedSecretIsNamedAndNotShown) {
  // The environment of RunProxy is that of this process.
  ASSERT_EQ(setenv("REDIS_PROXY_AUTH", "alice:one,hunter2", 1), 0);
  const RunResult result = RunProxy({"-resp", "127.0.0.1:0"});
  ASSERT_EQ(unsetenv("REDIS_PROXY_AUTH"), 0);
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.standard_error.find("REDIS_PROXY_AUTH: expected"), std::string::npos);
  EXPECT_EQ(result.standard_error.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace rp::integration
