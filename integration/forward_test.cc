// -forward: other commands go through to Redis, and a client reads what it has written.

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

class ForwardTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string Curl(const std::string& key) const {
    return RunShell("curl -s http://127.0.0.1:" + std::to_string(proxy_.port()) + "/" + key);
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"}};
};

TEST_F(ForwardTest, AClientReadsItsOwnWrites) {
  RespClient client(RespPort(proxy_));
  std::string requests;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string value = std::to_string(100 + i);
    requests += RespCommand({"SET", "key", value}) + "GET key\r\nMGET key other key\r\n";
    expected +=
        "+OK\r\n$3\r\n" + value + "\r\n*3\r\n$3\r\n" + value + "\r\n$-1\r\n$3\r\n" + value + "\r\n";
  }
  EXPECT_EQ(client.Exchange(requests), expected) << "in one pipeline";
  for (int i = 0; i < 200; ++i) {
    const std::string value = std::to_string(100 + i);
    ASSERT_EQ(client.Exchange(RespCommand({"SET", "key", value})), "+OK\r\n");
    ASSERT_EQ(client.Exchange("GET key\r\n"), "$3\r\n" + value + "\r\n");
    ASSERT_EQ(Curl("key"), value) << "and so does anybody else from then on";
    if (i >= 20) i += 20;
  }
}

// A pipeline is run in its order, although the connections to Redis are many.
TEST_F(ForwardTest, ReadsBeforeAWriteDoNotSeeIt) {
  redis_.Set("key", "0");
  RespClient client(RespPort(proxy_));
  std::string requests;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    requests += "GET key\r\nINCR key\r\n";
    const std::string before = std::to_string(i);
    expected += "$" + std::to_string(before.size()) + "\r\n" + before +
                "\r\n:" + std::to_string(i + 1) + "\r\n";
  }
  EXPECT_EQ(client.Exchange(requests), expected);
}

TEST_F(ForwardTest, WritesOfEveryShapeDropTheirKeys) {
  RespClient client(RespPort(proxy_));
  const std::string warm = "MGET a b c d\r\n";
  EXPECT_EQ(client.Exchange("MSET a 1 b 2 c 3 d 4\r\n"), "+OK\r\n");
  EXPECT_EQ(client.Exchange(warm), "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
  EXPECT_EQ(client.Exchange("RENAME a b\r\n" + warm),
            "+OK\r\n*4\r\n$-1\r\n$1\r\n1\r\n$1\r\n3\r\n$1\r\n4\r\n");
  EXPECT_EQ(client.Exchange("DEL c d\r\n" + warm), ":2\r\n*4\r\n$-1\r\n$1\r\n1\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(client.Exchange("EVAL \"return redis.call('set', KEYS[1], ARGV[1])\" 1 c 9\r\n" + warm),
            "+OK\r\n*4\r\n$-1\r\n$1\r\n1\r\n$1\r\n9\r\n$-1\r\n");
  EXPECT_EQ(
      client.Exchange("MSET a 1 d 4\r\nGET d\r\nLPUSH l 7\r\nSORT l STORE a\r\nGET a\r\n"),
      "+OK\r\n$1\r\n4\r\n:1\r\n:1\r\n-WRONGTYPE Operation against a key holding the wrong kind of "
      "value\r\n");
  EXPECT_EQ(client.Exchange("FLUSHALL\r\n" + warm), "+OK\r\n*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n");
}

// Whatever a command does to the keys a and b, who sent it reads the same here as in Redis.
TEST_F(ForwardTest, ReadsBehindAnyWriteAreWhatRedisSays) {
  RespClient there(redis_.port());
  RespClient here(RespPort(proxy_));
  const std::string set_up =
      "FLUSHALL\r\nMSET a 1 b 2\r\nRPUSH list 3 1 2\r\nSADD set x y\r\nZADD zset 1 m\r\n"
      "GEOADD geo 13 38 Palermo\r\nPFADD log x y z\r\n";
  const std::string sha = redis_.Command({"SCRIPT", "LOAD", "return redis.call('del', KEYS[2])"});
  redis_.Command({"FUNCTION", "LOAD",
                  "#!lua name=lib\nredis.register_function('f', function(keys, args) "
                  "return redis.call('set', keys[1], args[1]) end)"});
  const std::string read = "GET a\r\nGET b\r\nGET log\r\nMGET a b c\r\nEXISTS a b\r\nTYPE a\r\n";
  const std::string other_port = std::to_string(redis_.port());
  for (const std::string& write : std::vector<std::string>{
           "SET a 5",
           "SET a 5 GET",
           "SETEX a 100 5",
           "GETSET a 5",
           "GETDEL a",
           "GETEX a PXAT 1",
           "PEXPIRE a -1",
           "APPEND a x",
           "SETRANGE a 3 x",
           "INCRBYFLOAT a 0.5",
           "MSETNX a 5 c 6",
           "COPY b a REPLACE",
           "RENAMENX a c",
           "MOVE a 1",
           "UNLINK a b",
           "BITOP NOT a b",
           "BITFIELD a SET u8 0 65",
           "RESTORE a 0 x REPLACE",
           "LMPOP 1 list LEFT",
           "LMOVE list a LEFT LEFT",
           "RPOPLPUSH list b",
           "SORT list STORE a",
           "SINTERSTORE a set",
           "SUNIONSTORE a set",
           "ZUNIONSTORE a 1 zset",
           "ZRANGESTORE a zset 0 -1",
           "GEOSEARCHSTORE a geo FROMLONLAT 13 38 BYRADIUS 9 km",
           "GEORADIUS geo 13 38 9 km STORE b",
           "PFMERGE a log",
           "PFCOUNT log",
           "PFADD log new",
           "EVAL \"return redis.call('incr', KEYS[1])\" 1 a",
           "EVAL \"redis.call('del', KEYS[1]) return redis.error_reply('no')\" 1 a",
           "EVALSHA " + sha + " 2 a b",
           "FCALL f 1 b 7",
           "MIGRATE 127.0.0.1 " + other_port + " a 9 1000",
           "MIGRATE 127.0.0.1 " + other_port + " \"\" 9 1000 REPLACE KEYS a b",
           "SWAPDB 0 5",
           "FLUSHDB",
           "FLUSHALL ASYNC",
       }) {
    // RESTORE of what is no dump fails, and a Redis does not migrate to itself while it waits: what
    // matters is that both say the same of the keys.
    (void)there.Exchange(set_up);
    ASSERT_TRUE(Eventually([&] { return here.Exchange(read) == there.Exchange(read); }))
        << "the keys are in the cache before " << write;
    const std::string replies = here.Exchange(write + "\r\n" + read);
    const std::string expected = there.Exchange(read);
    EXPECT_TRUE(replies.ends_with(expected)) << write << ": " << replies << "not " << expected;
    EXPECT_GT(replies.size(), expected.size()) << write;
  }
}

// RESP2 and RESP3 replies as Redis spells them.
TEST_F(ForwardTest, RepliesAreThoseOfRedisByteForByte) {
  RespClient setup(redis_.port());
  EXPECT_EQ(setup.Exchange(
                "HSET h a 1 b 2\r\nSADD s x\r\nZADD z 1.5 m 2 n\r\nRPUSH l a b c\r\nSET n 5\r\n"
                "XADD x 1-1 f v\r\n"),
            ":2\r\n:1\r\n:2\r\n:3\r\n+OK\r\n$3\r\n1-1\r\n");
  for (const char* hello : {"HELLO 2\r\n", "HELLO 3\r\n"}) {
    RespClient there(redis_.port());
    RespClient here(RespPort(proxy_));
    (void)there.Exchange(hello);
    (void)here.Exchange(hello);
    for (const char* command : {"HGETALL h",
                                "SMEMBERS s",
                                "ZSCORE z m",
                                "ZRANGE z 0 -1 WITHSCORES",
                                "LRANGE l 0 -1",
                                "LRANGE none 0 -1",
                                "HGET h none",
                                "INCRBYFLOAT n 0",
                                "LPOS l zz",
                                "OBJECT ENCODING n",
                                "OBJECT",
                                "HGET n f",
                                "SET",
                                "NOSUCH a b",
                                "SCAN 0 MATCH n",
                                "EVAL 'return {1,{2,\"x\"},false}' 0",
                                "EVAL 'return redis.error_reply(\"MY err\")' 0",
                                "SETEX n abc 1",
                                "GEOPOS z none",
                                "XRANGE x - +",
                                "XINFO STREAM x",
                                "SISMEMBER s x",
                                "DUMP none",
                                "APPEND n \"\"",
                                "COPY n n2 REPLACE",
                                "PFCOUNT none",
                                "BITCOUNT n",
                                "SETBIT n 0 0",
                                "XREAD STREAMS x 0"}) {
      const std::string request = std::string(command) + "\r\n";
      EXPECT_EQ(here.Exchange(request), there.Exchange(request)) << hello << command;
    }
  }
}

TEST_F(ForwardTest, LargeValuesGoThroughBothWays) {
  const std::string value = PatternBytes(5'000'000);
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange(RespCommand({"SET", "large", value})), "+OK\r\n");
  EXPECT_EQ(redis_.Command({"STRLEN", "large"}), "5000000");
  EXPECT_EQ(client.Exchange("GETDEL large\r\n"), "$5000000\r\n" + value + "\r\n");
}

TEST_F(ForwardTest, WhatWouldTieUpASharedConnectionIsRefusedByName) {
  RespClient client(RespPort(proxy_));
  for (const char* command : {"BLPOP l 0", "WATCH k", "SUBSCRIBE c", "PSUBSCRIBE c", "MONITOR",
                              "SYNC", "WAIT 1 0", "DEBUG SLEEP 1", "SCRIPT DEBUG YES", "SHUTDOWN",
                              "READONLY", "XREAD BLOCK 0 STREAMS x $", "REPLICAOF NO ONE"}) {
    std::string name(command);
    name = name.substr(0, name.find(' '));
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    const std::string reply = client.Exchange(std::string(command) + "\r\n");
    EXPECT_TRUE(reply.starts_with("-ERR ")) << command << ": " << reply;
    EXPECT_NE(reply.find(name), std::string::npos) << command << ": " << reply;
    EXPECT_EQ(CountOccurrences(reply, "\r\n"), 1u) << reply;
  }
  const std::string tracking = client.Exchange("CLIENT TRACKING ON\r\n");
  EXPECT_TRUE(tracking.starts_with("-ERR ")) << tracking;
  EXPECT_EQ(client.Exchange("PING\r\n"), "+PONG\r\n");
}

TEST_F(ForwardTest, RepliesCanBeSwitchedOffForWrites) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("CLIENT REPLY SKIP\r\nSET k 1\r\nGET k\r\n"), "$1\r\n1\r\n");
  EXPECT_EQ(client.Exchange("CLIENT REPLY OFF\r\nINCR k\r\nINCR k\r\nCLIENT REPLY ON\r\nGET k\r\n"),
            "+OK\r\n$1\r\n3\r\n");
}

TEST_F(ForwardTest, ManyClientsWriteAndReadTheirOwnKeys) {
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([this, c] {
      RespClient client(RespPort(proxy_));
      const std::string key = "own" + std::to_string(c);
      std::string requests;
      std::string expected;
      for (int i = 1; i <= 200; ++i) {
        requests += "INCR " + key + "\r\nGET " + key + "\r\n";
        const std::string number = std::to_string(i);
        expected +=
            ":" + number + "\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
      }
      EXPECT_EQ(client.Exchange(requests), expected);
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(ForwardTest, ADrainRunsWhatHasArrived) {
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("SET n 0\r\n"), "+OK\r\n");
  redis_.Freeze();
  client.Send("INCR n\r\nINCR n\r\nINCR n\r\nGET n\r\n");
  EXPECT_EQ(RespClient(RespPort(proxy)).Exchange("PING\r\n"), "+PONG\r\n") << "they have arrived";
  proxy.Signal(SIGTERM);
  EXPECT_TRUE(proxy.WaitForLog("SIGTERM"));
  redis_.Thaw();
  EXPECT_EQ(client.Read(SIZE_MAX), ":1\r\n:2\r\n:3\r\n$1\r\n3\r\n");
  EXPECT_EQ(proxy.Wait(), 0);
}

// Nobody can know whether a write was carried out when Redis dies under it: it is not repeated, and
// the client is told.
TEST_F(ForwardTest, AWriteWithoutAnAnswerIsAnErrorAndNotRepeated) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent",
                     "-timeout", "300ms"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("SET n 1\r\nGET n\r\n"), "+OK\r\n$1\r\n1\r\n");
  redis_.Freeze();
  const std::string reply = client.Exchange("INCR n\r\n");
  EXPECT_TRUE(reply.starts_with("-TIMEOUT ")) << reply;
  redis_.Thaw();
  // The write may or may not have reached Redis before it was stopped; never twice.
  const std::string after = redis_.Command({"GET", "n"});
  EXPECT_TRUE(after == "1" || after == "2") << after;
  EXPECT_TRUE(Eventually([&] {
    return client.Exchange("GET n\r\n") == "$1\r\n" + redis_.Command({"GET", "n"}) + "\r\n";
  }));
}

TEST_F(ForwardTest, IsThereAgainAfterRedisWasAway) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("SET k 1\r\n"), "+OK\r\n");
  redis_.Kill();
  const std::string reply = client.Exchange("SET k 2\r\n");
  EXPECT_TRUE(reply.starts_with("-")) << reply;
  redis_.Restart();
  EXPECT_TRUE(Eventually([&] { return client.Exchange("SET k 3\r\n") == "+OK\r\n"; }));
  EXPECT_EQ(client.Exchange("GET k\r\n"), "$1\r\n3\r\n");
}

TEST(ForwardStartTest, WorksWhenRedisComesLater) {
  RedisServer redis;
  redis.Kill();
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"});
  RespClient client(RespPort(proxy));
  EXPECT_TRUE(client.Exchange("SET k 1\r\n").starts_with("-"));
  redis.Restart();
  EXPECT_TRUE(Eventually([&] { return client.Exchange("SET k 2\r\n") == "+OK\r\n"; }));
}

TEST(ForwardStartTest, SaysWhatToDoWhereCommandIsRenamed) {
  RedisServer redis({.arguments = {"--rename-command", "COMMAND", ""}});
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"});
  RespClient client(RespPort(proxy));
  for (int i = 0; i < 3; ++i) {
    const std::string reply = client.Exchange("SET k 1\r\n");
    EXPECT_TRUE(reply.starts_with("-ERR Redis refuses COMMAND, which -forward needs")) << reply;
  }
  EXPECT_TRUE(proxy.WaitForLog("Redis refuses COMMAND"));
  EXPECT_EQ(CountOccurrences(proxy.Log(), "Redis refuses COMMAND"), 1U);
}

TEST(ForwardStartTest, TimesOutWhereRedisHangsFromTheStart) {
  RedisServer redis;
  redis.Freeze();
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent",
                     "-timeout", "300ms"});
  RespClient client(RespPort(proxy));
  for (int i = 0; i < 3; ++i) {
    const std::string reply = client.Exchange("SET k 1\r\n");
    EXPECT_TRUE(reply.starts_with("-TIMEOUT ")) << reply;
  }
  redis.Thaw();
  EXPECT_TRUE(Eventually([&] { return client.Exchange("SET k 2\r\n") == "+OK\r\n"; }));
}

TEST(ForwardStartTest, IsOffUnlessAskedFor) {
  RedisServer redis;
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-coherent"});
  EXPECT_EQ(RespClient(RespPort(proxy)).Exchange("SET k 1\r\nGET k\r\n"),
            "-ERR 'set' is not available: this endpoint serves reads\r\n$-1\r\n");
}

}  // namespace
}  // namespace rp::integration
