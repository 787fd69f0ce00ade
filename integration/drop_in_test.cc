// With -forward, what Redis does for one request at a time is Redis's, whatever it is about; and
// what is refused costs the client nothing else.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"
#include "test/support/fake_scripts.h"

namespace rp::integration {
namespace {

class DropInTest : public ::testing::Test {
 protected:
  // The replies to the command, from Redis and through the proxy, in both versions of the protocol.
  void ExpectSame(const std::string& command) {
    for (const std::string hello : {"HELLO 2\r\n", "HELLO 3\r\n"}) {
      RespClient there(redis_.port());
      RespClient here(RespPort(proxy_));
      (void)there.Exchange(hello);
      (void)here.Exchange(hello);
      EXPECT_EQ(here.Exchange(command + "\r\n"), there.Exchange(command + "\r\n"))
          << hello << command;
    }
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"}};
};

TEST_F(DropInTest, CommandsAboutTheServerAreAnsweredByRedis) {
  redis_.Set("k", "v");
  for (const char* command : {"CONFIG GET maxmemory",
                              "CONFIG GET *",
                              "CONFIG GET save appendonly",
                              "CONFIG GET",
                              "CONFIG SET maxmemory 100mb",
                              "CONFIG SET maxmemory x",
                              "CONFIG SET nosuch 1",
                              "CONFIG REWRITE",
                              "CONFIG RESETSTAT",
                              "CONFIG HELP",
                              "CONFIG FOO",
                              "CONFIG",
                              "COMMAND",
                              "COMMAND COUNT",
                              "COMMAND INFO get set nosuch",
                              "COMMAND DOCS get",
                              "COMMAND GETKEYS MSET a 1 b 2",
                              "COMMAND GETKEYS nosuch a",
                              "COMMAND GETKEYSANDFLAGS SET a 1",
                              "COMMAND LIST FILTERBY PATTERN x*",
                              "COMMAND HELP",
                              "COMMAND FOO",
                              "DBSIZE",
                              "DBSIZE x",
                              "CLIENT",
                              "CLIENT FOO",
                              "CLIENT HELP",
                              "CLIENT LIST ID 99999999",
                              "CLIENT LIST TYPE pubsub x",
                              "CLIENT KILL",
                              "CLIENT KILL 1.2.3.4:5",
                              "CLIENT KILL ID 99999999",
                              "CLIENT KILL TYPE nosuch",
                              "CLIENT PAUSE x",
                              "CLIENT PAUSE 0",
                              "CLIENT UNPAUSE",
                              "CLIENT UNBLOCK 99999999",
                              "CLIENT UNBLOCK x",
                              "ACL WHOAMI",
                              "ACL LIST",
                              "ACL CAT nosuch",
                              "LATENCY LATEST",
                              "LATENCY RESET",
                              "MEMORY USAGE k",
                              "MEMORY USAGE",
                              "OBJECT ENCODING k",
                              "OBJECT HELP",
                              "SLOWLOG LEN",
                              "MODULE LIST",
                              "PUBSUB CHANNELS",
                              "LASTSAVE",
                              "ROLE",
                              "INFO replication",
                              "INFO keyspace",
                              "INFO nosuch",
                              "INFO replication keyspace"}) {
    ExpectSame(command);
  }
}

TEST_F(DropInTest, WhatChangesRedisChangesRedis) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("CONFIG SET maxmemory 104857600\r\n"), "+OK\r\n");
  EXPECT_EQ(redis_.Command({"CONFIG", "GET", "maxmemory"}), "maxmemory\n104857600\n");
  EXPECT_EQ(client.Exchange("SET k 1\r\nINCR k\r\nDBSIZE\r\nSET other 1\r\nDBSIZE\r\n"),
            "+OK\r\n:2\r\n:1\r\n+OK\r\n:2\r\n");
  EXPECT_NE(redis_.Command({"INFO", "commandstats"}).find("cmdstat_incr:"), std::string::npos);
  EXPECT_NE(client.Exchange("INFO commandstats\r\n").find("cmdstat_incr:calls=1,"),
            std::string::npos);
  EXPECT_EQ(client.Exchange("CONFIG RESETSTAT\r\n"), "+OK\r\n");
  EXPECT_EQ(redis_.Command({"INFO", "commandstats"}).find("cmdstat_incr:"), std::string::npos);
  const std::string clients = client.Exchange("CLIENT LIST\r\n");
  EXPECT_NE(clients.find(" name=redis-proxy "), std::string::npos) << "Redis's own clients";
  // A client that blocks in Redis itself is woken through the proxy.
  RespClient blocked(redis_.port());
  const std::string id = blocked.Exchange("CLIENT ID\r\n");
  blocked.Send("BLPOP none 0\r\n");
  const std::string unblock = "CLIENT UNBLOCK " + id.substr(1);
  EXPECT_TRUE(Eventually([&] { return client.Exchange(unblock) == ":1\r\n"; }));
  EXPECT_EQ(blocked.Read(5), "*-1\r\n");
}

TEST_F(DropInTest, WhatOnlyLooksLikeWaitingGoesThrough) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("XGROUP CREATE s g $ MKSTREAM\r\n"), "+OK\r\n");
  ExpectSame("XREADGROUP GROUP g c BLOCK 0 STREAMS s 0");
  ExpectSame("XREADGROUP GROUP g c BLOCK 0 STREAMS s s > 0");
  EXPECT_TRUE(client.Exchange("XREADGROUP GROUP g c BLOCK 0 STREAMS s >\r\n").starts_with("-"));
}

TEST_F(DropInTest, ClientInfoHasTheCommandInTheQueryBuffer) {
  const auto buffered = [](int port) {
    RespClient client(port);
    client.Send(RespCommand({"CLIENT", "INFO"}));
    const std::string info = client.ReadThrough("\n\r\n");
    const size_t at = info.find(" qbuf=");
    return info.substr(at, info.find(' ', at + 1) - at);
  };
  EXPECT_EQ(buffered(RespPort(proxy_)), buffered(redis_.port()));
}

// Redis's text, and behind it, where it was asked for, that of the proxy.
TEST_F(DropInTest, InfoIsRedissWithASectionOfTheProxyBehind) {
  for (const auto& [hello, type] : {std::pair("HELLO 2\r\n", '$'), std::pair("HELLO 3\r\n", '=')}) {
    RespClient client(RespPort(proxy_));
    (void)client.Exchange(hello);
    for (const char* command : {"INFO", "info default", "INFO all", "INFO everything"}) {
      const std::string reply = client.Exchange(std::string(command) + "\r\n");
      const size_t line = reply.find("\r\n");
      EXPECT_EQ(reply.substr(0, line), type + std::to_string(reply.size() - line - 4)) << command;
      EXPECT_NE(reply.find("\r\nredis_git_sha1:"), std::string::npos) << reply;
      EXPECT_NE(reply.find("\r\n\r\n# Proxy\r\nproxy_version:"), std::string::npos) << reply;
      EXPECT_EQ(CountOccurrences(reply, "# Proxy\r\n"), 1u);
      EXPECT_TRUE(reply.ends_with("\r\n\r\n"));
    }
    const std::string own = client.Exchange("INFO Proxy\r\n");
    EXPECT_EQ(own.find("# Server"), std::string::npos) << own;
    EXPECT_NE(own.find("\r\nproxy_cache_hits:"), std::string::npos) << own;
    EXPECT_EQ(client.Exchange("INFO server\r\n").find("proxy_"), std::string::npos);
  }
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("CLIENT REPLY SKIP\r\nINFO\r\nPING\r\n"), "+PONG\r\n");
  const std::string last = client.Exchange("SET k 1\r\nINFO keyspace proxy\r\nGET k\r\n");
  EXPECT_NE(last.find("# Keyspace\r\ndb0:keys=1,"), std::string::npos) << last;
  EXPECT_TRUE(last.starts_with("+OK\r\n$")) << last;
  EXPECT_TRUE(last.ends_with("\r\n\r\n$1\r\n1\r\n")) << last;
}

// Not one of them costs the client another command, or its connection.
TEST_F(DropInTest, ARefusalLosesNothing) {
  RespClient client(RespPort(proxy_));
  const std::string shared = "all clients share the connections to Redis, and it would ";
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {"WATCH k", "'watch' is not available: " + shared + "change one"},
      {"BLPOP l 0", "'blpop' is not available: " + shared + "block one"},
      {"BZPOPMIN z 0", "'bzpopmin' is not available: " + shared + "block one"},
      {"XREAD BLOCK 0 STREAMS x $", "'xread block' is not available: " + shared + "block one"},
      {"WAIT 1 0", "'wait' is not available: " + shared + "block one"},
      {"SUBSCRIBE c", "'subscribe' is not available: " + shared + "change one"},
      {"PSUBSCRIBE c", "'psubscribe' is not available: " + shared + "change one"},
      {"SSUBSCRIBE c", "'ssubscribe' is not available: " + shared + "change one"},
      {"UNSUBSCRIBE", "'unsubscribe' is not available: " + shared + "change one"},
      {"CLIENT TRACKING ON", "'client|tracking' is not available: " + shared + "change one"},
      {"CLIENT CACHING YES", "'client|caching' is not available: " + shared + "change one"},
      {"CLIENT GETREDIR", "'client|getredir' is not available: " + shared + "describe one"},
      {"CLIENT TRACKINGINFO", "'client|trackinginfo' is not available: " + shared + "describe one"},
      {"MONITOR", "'monitor' is not available: " + shared + "change one"},
      {"SYNC", "'sync' is not available: " + shared + "change one"},
      {"PSYNC ? -1", "'psync' is not available: " + shared + "change one"},
      {"SCRIPT DEBUG YES", "'script|debug' is not available: " + shared + "change one"},
      {"READONLY", "'readonly' is not available: " + shared + "change one"},
      {"DEBUG SLEEP 1",
       "'debug' is not available: it may stop Redis or change its role for all clients"},
      {"SHUTDOWN",
       "'shutdown' is not available: it may stop Redis or change its role for all clients"},
      {"REPLICAOF NO ONE",
       "'replicaof' is not available: it may stop Redis or change its role for all clients"},
      {"SELECT 1", "DB index is out of range: only database 0 is available"},
  };
  int number = 0;
  for (const auto& [command, text] : refusals) {
    const std::string value = std::to_string(100 + ++number);
    EXPECT_EQ(client.Exchange(command + "\r\n"), "-ERR " + text + "\r\n");
    EXPECT_EQ(client.Exchange("SET k " + value + "\r\n"), "+OK\r\n") << "after " << command;
    EXPECT_EQ(client.Exchange("GET k\r\nPING\r\n"), "$3\r\n" + value + "\r\n+PONG\r\n");
    // In one write, as a pipeline does.
    EXPECT_EQ(client.Exchange(command + "\r\nAPPEND k 5\r\nGET k\r\n"),
              "-ERR " + text + "\r\n:4\r\n$4\r\n" + value + "5\r\n");
  }
  EXPECT_EQ(client.Exchange("UNWATCH\r\nSELECT 0\r\nGET k\r\n").substr(0, 10), "+OK\r\n+OK\r\n");
}

TEST_F(DropInTest, RedissErrorForTheNumberOfArgumentsComesBeforeARefusal) {
  for (const char* command :
       {"BLPOP", "BLPOP l", "WATCH", "WAIT 0 0 0", "SUBSCRIBE", "MONITOR x", "XREAD BLOCK 0",
        "CLIENT TRACKING", "CLIENT CACHING", "PSYNC", "REPLICAOF NO"}) {
    ExpectSame(command);
  }
}

TEST(DropInReadsTest, ARefusalLosesNothingWithoutForward) {
  RedisServer redis;
  redis.Set("k", "v");
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"});
  RespClient client(RespPort(proxy));
  for (const std::string command :
       {"watch k", "multi", "blpop l 0", "subscribe c", "monitor", "sync", "debug sleep 1",
        "shutdown", "wait 1 0", "client|tracking on", "client|list", "command|getkeys get k",
        "config|set a b", "set k w"}) {
    const std::string name = command.substr(0, command.find(' '));
    std::string words = command;
    if (const size_t bar = words.find('|'); bar != std::string::npos) words[bar] = ' ';
    EXPECT_EQ(
        client.Exchange(words + "\r\nGET k\r\nPING\r\n"),
        "-ERR '" + name + "' is not available: this endpoint serves reads\r\n$1\r\nv\r\n+PONG\r\n");
  }
  EXPECT_EQ(client.Exchange("SELECT 1\r\nUNWATCH\r\nGET k\r\n"),
            "-ERR DB index is out of range: only database 0 is available\r\n+OK\r\n$1\r\nv\r\n");
}

// HAProxy's usual check: "PING", then "info replication", which must say role:master.
TEST(DropInReadsTest, AnswersTheCheckOfALoadBalancer) {
  RedisServer redis;
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, std::vector<std::string>{"-forward", "-coherent"}}) {
    std::vector<std::string> all = {"-redis", redis.address(), "-resp", "127.0.0.1:0"};
    all.insert(all.end(), flags.begin(), flags.end());
    const Proxy proxy(all);
    const std::string replies =
        RespClient(RespPort(proxy)).Exchange("PING\r\ninfo replication\r\n");
    EXPECT_TRUE(replies.starts_with("+PONG\r\n$")) << replies;
    EXPECT_NE(replies.find("\r\nrole:master\r\nconnected_slaves:0\r\n"), std::string::npos)
        << replies;
  }
}

TEST(DropInReadsTest, DbsizeIsRedissAndNotTheCaches) {
  RedisServer redis;
  redis.Set("a", "1");
  redis.Set("b", "2");
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("GET missing\r\nDBSIZE\r\n"), "$-1\r\n:2\r\n");
  redis.Kill();
  EXPECT_TRUE(client.Exchange("DBSIZE\r\n").starts_with("-"));
}

// No connection but that with the script is open when Redis begins to refuse commands.
TEST(DropInScriptTest, OneThatNeverEndsIsKilledThroughTheProxy) {
  RedisServer redis({.arguments = {"--lua-time-limit", "1"}});
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent",
                     "-timeout", "20s"});
  RespClient looping(RespPort(proxy));
  RespClient client(RespPort(proxy));
  EXPECT_EQ(looping.Exchange("SET k 1\r\n"), "+OK\r\n");
  looping.Send(RespCommand({"EVAL", "while true do end", "0"}));
  const std::string busy = "BUSY Redis is busy running a script";
  EXPECT_TRUE(Eventually([&] { return redis.Command({"GET", "k"}).starts_with("-" + busy); }));
  EXPECT_TRUE(client.Exchange("INCR k\r\n").starts_with("-" + busy));
  EXPECT_TRUE(client.Exchange("GET other\r\n").starts_with("-" + busy));
  const std::string refused = client.Exchange("MULTI\r\nINCR k\r\nEXEC\r\n");
  EXPECT_TRUE(refused.starts_with("+OK\r\n+QUEUED\r\n-EXECABORT ")) << refused;
  EXPECT_NE(refused.find(busy), std::string::npos) << refused;
  EXPECT_EQ(client.Exchange("SCRIPT KILL\r\n"), "+OK\r\n");
  const std::string killed = looping.ReadThrough("\r\n");
  EXPECT_NE(killed.find("Script killed by user"), std::string::npos) << killed;
  EXPECT_EQ(client.Exchange("GET k\r\n"), "$1\r\n1\r\n");
}

// --- The version of the Redis behind. ---

// Returns the version that HELLO tells. INFO's must be the same.
std::string VersionOf(RespClient* client) {
  const std::string hello = client->Exchange("HELLO 2\r\n");
  const size_t at = hello.find("\r\n", hello.find("$7\r\nversion\r\n$") + 14) + 2;
  const std::string version = hello.substr(at, hello.find("\r\n", at) - at);
  const std::string info = client->Exchange("INFO server\r\n");
  EXPECT_NE(info.find("\r\nredis_version:" + version + "\r\n"), std::string::npos) << info;
  return version;
}

TEST(DropInVersionTest, FollowsTheRedisBehind) {
  FakeRedis redis(redis::OfVersion("6.2.14"));
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("GET a\r\n"), "$10\r\nvalue of a\r\n");
  EXPECT_EQ(VersionOf(&client), "6.2.14");
  redis.SetScript(redis::OfVersion("7.2.4"));
  redis.CloseConnections();
  EXPECT_EQ(client.Exchange("GET b\r\n"), "$10\r\nvalue of b\r\n");
  EXPECT_EQ(VersionOf(&client), "7.2.4");
}

TEST(DropInVersionTest, IsADefaultWhereRedisTellsNone) {
  FakeRedis redis(redis::ReplyTo("HELLO", {.bytes = "-ERR unknown command `HELLO`\r\n"}));
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(VersionOf(&client), "7.0.15");
  EXPECT_EQ(client.Exchange("GET a\r\n"), "$10\r\nvalue of a\r\n");
  EXPECT_EQ(VersionOf(&client), "7.0.15");
}

}  // namespace
}  // namespace rp::integration
