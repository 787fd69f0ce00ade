// The command line: what each flag does, and that a wrong one ends the program with one line that
// names it before anything has begun.
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

const char* const kAllFlags[] = {"-redis",
                                 "-http",
                                 "-expire",
                                 "-max-age",
                                 "-capacity",
                                 "-max-memory",
                                 "-max-value",
                                 "-redis-ops-limit",
                                 "-redis-connections",
                                 "-redis-db",
                                 "-workers",
                                 "-reactors",
                                 "-timeout",
                                 "-max-clients",
                                 "-content-type",
                                 "-log-level",
                                 "-version",
                                 "-header-timeout",
                                 "-idle-timeout",
                                 "-write-timeout",
                                 "-resp-idle-timeout",
                                 "-health"};

// Runs the program, which must refuse its flags in one line that contains every one of `names`.
void ExpectRefused(const std::vector<std::string>& flags, const std::vector<std::string>& names) {
  const RunResult result = RunProxy(flags, 5s);
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.standard_output, "");
  EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U) << result.standard_error;
  for (const std::string& name : names) {
    EXPECT_NE(result.standard_error.find(name), std::string::npos)
        << "no " << name << " in: " << result.standard_error;
  }
}

TEST(FlagsTest, AWrongValueIsRefusedByNameAndValue) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {"-redis", {"", "localhost:0", "localhost:65536", "[::1:6379", ":x"}},
      {"-http", {"", "8080", "localhost", ":65536", ":-1", "[::1]", ":80x"}},
      {"-expire", {"", "abc", "-1s", "5", "2x", "1h-3m", "99999999999h"}},
      {"-max-age", {"", "soon", "-1s", "5"}},
      {"-capacity", {"", "many", "-1", "1.5", "0x10", "99999999999999999999"}},
      {"-max-memory", {"", "-1", "1zb", "mb", "99999999999gb"}},
      {"-max-value", {"", "-1", "1 mb", "big"}},
      {"-redis-ops-limit", {"", "0", "-1", "x"}},
      {"-redis-connections", {"", "0", "-1", "x"}},
      {"-redis-db", {"", "-1", "x"}},
      {"-workers", {"", "0", "-1", "x"}},
      {"-timeout", {"", "-1s", "1", "never"}},
      {"-max-clients", {"", "0", "-1", "x"}},
      {"-header-timeout", {"", "-1s", "1", "never"}},
      {"-idle-timeout", {"", "-1s", "1", "never"}},
      {"-write-timeout", {"", "-1s", "1", "never"}},
      {"-resp-idle-timeout", {"", "-1s", "1", "never"}},
      {"-content-type", {"", "text/plain\r\nX-Evil: 1"}},
      {"-log-level", {"", "loud"}},
  };
  for (const auto& [flag, values] : table) {
    for (const std::string& value : values) {
      SCOPED_TRACE(flag + " '" + value + "'");
      ExpectRefused({flag, value}, {flag, value.substr(0, value.find('\r'))});
    }
  }
}

TEST(FlagsTest, EveryWayToWriteAFlagIsCheckedAlike) {
  ExpectRefused({"-capacity=x"}, {"-capacity", "x"});
  ExpectRefused({"--capacity", "x"}, {"-capacity", "x"});
  ExpectRefused({"--capacity=x"}, {"-capacity", "x"});
}

TEST(FlagsTest, WhatIsNotAFlagIsRefusedByName) {
  ExpectRefused({"-nonsense"}, {"-nonsense"});
  ExpectRefused({"-nonsense=1"}, {"-nonsense"});
  ExpectRefused({"-capacity", "5", "leftover"}, {"leftover"});
  ExpectRefused({"-"}, {"-"});
  ExpectRefused({"---capacity", "5"}, {"--capacity"});
}

TEST(FlagsTest, AFlagWithoutItsValueIsRefused) {
  for (const std::string flag : {"-redis", "-http", "-expire", "-capacity", "-log-level"}) {
    ExpectRefused({flag}, {flag});
  }
}

TEST(FlagsTest, ARefusedFlagStartsNothing) {
  const int port = ProbablyFreePort();
  ExpectRefused({"-http", "127.0.0.1:" + std::to_string(port), "-capacity", "x"}, {"-capacity"});
  EXPECT_FALSE(HttpClient(port).connected());
}

TEST(FlagsTest, HelpListsEveryFlagWithItsDefault) {
  for (const char* flag : {"-h", "--h"}) {
    const RunResult result = RunProxy({flag});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.standard_error, "");
    for (const char* name : kAllFlags) {
      EXPECT_NE(result.standard_output.find(name), std::string::npos) << name;
    }
    for (const char* value : {"localhost:6379", ":8080", "2m", "100000", "1mb", "128", "1s",
                              "10000", "application/octet-stream", "info", "10s", "75s", "30s"}) {
      EXPECT_NE(result.standard_output.find(value), std::string::npos) << value;
    }
  }
}

TEST(FlagsTest, VersionIsOneLineOnStandardOutput) {
  const RunResult result = RunProxy({"-version"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(CountOccurrences(result.standard_output, "\n"), 1U) << result.standard_output;
  const std::regex form("redis-proxy [0-9]+\\.[0-9]+\\.[0-9]+(-g[0-9a-f]+(-dirty)?)?\n");
  EXPECT_TRUE(std::regex_match(result.standard_output, form)) << result.standard_output;
  EXPECT_EQ(result.standard_error, "");
}

TEST(FlagsTest, ATakenPortIsOneLineAndStatusOne) {
  int port = 0;
  const UniqueFd taken = ListenOnLoopback(&port);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const RunResult result = RunProxy({"-http", address});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U) << result.standard_error;
  EXPECT_NE(result.standard_error.find(std::to_string(port)), std::string::npos);
}

TEST(FlagsTest, GoodValuesInEveryFormStart) {
  FakeRedis redis;
  const std::vector<std::vector<std::string>> table = {
      {"-expire", "90s", "-capacity", "5"},
      {"-expire=2m", "--capacity=5"},
      {"--expire", "1h30m", "--max-age", "250ms"},
      {"-expire", "0", "-max-age", "0", "-max-memory", "0"},
      {"-max-memory", "1gb", "-max-value", "64kb"},
      {"-max-memory", "123456789", "-max-value", "0"},
      {"-workers", "1", "-redis-connections", "1", "-redis-ops-limit", "1"},
      {"-workers", "8", "-redis-connections", "16", "-redis-ops-limit", "1000"},
      {"-max-clients", "1"},
      {"-header-timeout", "1m", "-idle-timeout", "0"},
      {"-write-timeout", "1h", "-resp-idle-timeout", "5m"},
      {"-log-level", "debug"},
      {"-log-level", "info"},
      {"-timeout", "1.5s"},
  };
  for (std::vector<std::string> flags : table) {
    SCOPED_TRACE(flags[0] + " " + flags[1]);
    flags.insert(flags.end(), {"-redis", redis.address()});
    const Proxy proxy(flags);
    EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
  }
}

TEST(FlagsTest, TheStartLogShowsTheEffectiveSettings) {
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address(), "-capacity", "4321", "-redis-ops-limit", "77"});
  EXPECT_TRUE(proxy.WaitForLog(redis.address()));
  EXPECT_TRUE(proxy.WaitForLog("4321"));
  EXPECT_TRUE(proxy.WaitForLog("77"));
}

TEST(FlagsTest, NoRequestLeavesALineInTheLog) {
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "first").status, 200);
  ASSERT_TRUE(proxy.WaitForLog("redis:"));
  const size_t lines = CountOccurrences(proxy.Log(), "\n");
  for (int i = 0; i < 50; ++i) Fetch(proxy.port(), "k" + std::to_string(i % 25));
  HttpClient client(proxy.port());
  client.Send("nonsense\r\n\r\n");
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_EQ(CountOccurrences(proxy.Log(), "\n"), lines);
}

TEST(FlagsTest, ContentTypeIsSentWithValues) {
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address(), "-content-type", "application/json"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Fetch(proxy.port(), "k").Header("content-type"), "application/json");
  }
}

TEST(FlagsTest, RedisDbChoosesTheDatabase) {
  RedisServer redis;
  redis.Set("k", "in 0");
  ASSERT_EQ(redis.Command({"SELECT", "3"}), "OK");
  redis.Set("k", "in 3");
  const Proxy proxy({"-redis", redis.address(), "-redis-db", "3"});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "in 3");
}

TEST(FlagsTest, RedisMayBeAUnixSocket) {
  RedisServer redis({.unix_socket = true});
  redis.Set("k", "value");
  const Proxy proxy({"-redis", redis.address()});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value");
}

TEST(FlagsTest, RedisMayBeANameOrAnIpv6Address) {
  RedisServer redis({.arguments = {"--bind", "127.0.0.1", "-::1"}});
  redis.Set("k", "value");
  const std::string port = std::to_string(redis.port());
  EXPECT_EQ(Fetch(Proxy({"-redis", "localhost:" + port}).port(), "k").body, "value");
  // Asked over the address itself, a Redis that could not bind it would not answer.
  if (RedisClient("::1:" + port).Command({"PING"}) != "PONG") GTEST_SKIP() << "no IPv6 here";
  EXPECT_EQ(Fetch(Proxy({"-redis", "[::1]:" + port}).port(), "k").body, "value");
}

TEST(FlagsTest, HttpMayBeANameOrAllAddresses) {
  FakeRedis redis;
  for (const char* address : {"localhost:0", ":0", "0.0.0.0:0"}) {
    SCOPED_TRACE(address);
    const Proxy proxy({"-redis", redis.address(), "-http", address});
    EXPECT_EQ(Fetch(proxy.port(), "k").body, "value of k");
  }
}

TEST(FlagsTest, HttpMayBeAnIpv6Address) {
  if (ReadFile("/proc/net/if_inet6").empty()) GTEST_SKIP() << "no IPv6 here";
  FakeRedis redis;
  const Proxy proxy({"-redis", redis.address(), "-http", "[::1]:0"});
  EXPECT_NE(proxy.port(), 0);
  EXPECT_FALSE(HttpClient(proxy.port()).connected()) << "that is not the address asked for";
}

TEST(FlagsTest, TimeoutBoundsAMiss) {
  FakeRedis redis([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() == "GET") return FakeRedis::Answer{.held = true};
    return std::nullopt;
  });
  const Proxy proxy({"-redis", redis.address(), "-timeout", "100ms"});
  const TimePoint start = Now();
  EXPECT_EQ(Fetch(proxy.port(), "k").status, 504);
  EXPECT_GE(Now() - start, 99ms);
  EXPECT_LE(Now() - start, 100ms + Patience(200ms));
}

}  // namespace
}  // namespace rp::integration
