// Transactions (MULTI ... EXEC) through the endpoint: the same dialogues as with Redis itself, what
// a client reads around them, and what is refused.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

const char kAborted[] = "-EXECABORT Transaction discarded because of previous errors.\r\n";

std::vector<std::string> FlagsFor(const std::string& redis) {
  return {"-redis", redis, "-resp", "127.0.0.1:0", "-forward", "-coherent"};
}

class TransactionsTest : public ::testing::Test {
 protected:
  RedisServer redis_;
  Proxy proxy_{FlagsFor(redis_.address())};
};

// --- As with Redis. ---

// Each is a dialogue of lines, which are inline commands.
const std::vector<std::string> kDialogues = {
    "MULTI|EXEC|PING",
    "MULTI|SET a 1|GET a|PING|ECHO x|MGET a b|INCR a|EXEC|GET a",
    "SET a x|GET a|MULTI|INCR a|LPUSH a x|SET a 2|EXEC|GET a",
    "MULTI|SET a 1|DISCARD|GET a|EXEC",
    "EXEC|DISCARD|EXEC x|DISCARD x|MULTI x|GET a",
    "MULTI|MULTI|SET a 1|EXEC",
    "MULTI|MULTI x|SET a 1|EXEC|GET a",
    "MULTI|WATCH a|SET a 1|EXEC",
    "MULTI|WATCH|EXEC",
    "MULTI|SET a 1|EXEC x|EXEC|GET a",
    "MULTI|DISCARD x|SET a 1|DISCARD|EXEC",
    "MULTI|SET a 1|NOSUCH b|SET a 2|EXEC|GET a|PING",
    "MULTI|NOSUCH b|DISCARD|MULTI|SET a 1|EXEC",
    "MULTI|GET|EXEC",
    "MULTI|PING a b c|EXEC",
    "MULTI|ECHO|EXEC",
    "MULTI|CLIENT|EXEC",
    "MULTI|CLIENT nosuch|EXEC",
    "MULTI|CONFIG SET a|EXEC",
    "MULTI|XGROUP nosuch|EXEC",
    "MULTI|SAVE|EXEC",
    "MULTI|SHUTDOWN|EXEC",
    "MULTI|SET a 1|RESET|EXEC|GET a",
    "MULTI|RESET x|EXEC",
    "MULTI|SET a 1|QUIT",
    "MULTI|SET a 1|*x",
    "MULTI||SET a 1|EXEC",
    "MULTI|BLPOP l 0|WAIT 1 0|XREAD BLOCK 0 STREAMS s $|EXEC",
    "MULTI|CONFIG GET maxmemory|HSET h a 1|HGETALL h|SMEMBERS h|EXEC",
    "MULTI|EVAL \"return redis.call('multi')\" 0|EVAL \"return redis.call('set', KEYS[1], 1)\" 1 a"
    "|EXEC|GET a",
    "MULTI|DBSIZE|COMMAND COUNT|OBJECT ENCODING a|EXEC",
    "RPUSH l 3 1 2|SET d 1|GET d|MULTI|SORT l STORE d|SORT l|EXEC|TYPE d",
    "SET a 1|GET a|MULTI|FLUSHALL|GET a|EXEC|GET a",
    "CLIENT REPLY SKIP|MULTI|SET a 1|EXEC",
    "MULTI|SET a 1|GET a|EXEC|CLIENT REPLY OFF|MULTI|INCR a|EXEC|CLIENT REPLY ON|GET a",
};

std::string Lines(const std::string& dialogue) {
  std::string lines = dialogue + "\r\n";
  for (size_t at = 0; (at = lines.find('|', at)) != std::string::npos;)
    lines.replace(at, 1, "\r\n");
  return lines;
}

// HELLO, whose reply differs, comes first.
std::string Answers(int port, bool resp3, const std::string& lines, bool byte_by_byte) {
  RespClient client(port);
  if (resp3) (void)client.Exchange("HELLO 3\r\n");
  if (byte_by_byte) {
    for (size_t i = 0; i + 1 < lines.size(); ++i) client.Send(lines.substr(i, 1));
    return client.Exchange(lines.substr(lines.size() - 1));
  }
  return client.Exchange(lines);
}

TEST_F(TransactionsTest, DialoguesAreThoseOfRedisByteForByte) {
  for (const std::string& dialogue : kDialogues) {
    for (const bool resp3 : {false, true}) {
      const std::string lines = Lines(dialogue);
      redis_.Command({"FLUSHALL"});
      const std::string expected = Answers(redis_.port(), resp3, lines, false);
      for (const bool byte_by_byte : {false, true}) {
        // Through the endpoint, so that nothing older is in its cache.
        ASSERT_EQ(RespClient(RespPort(proxy_)).Exchange("FLUSHALL\r\n"), "+OK\r\n");
        EXPECT_EQ(Answers(RespPort(proxy_), resp3, lines, byte_by_byte), expected)
            << dialogue << " RESP3: " << resp3 << " byte by byte: " << byte_by_byte;
      }
    }
  }
}

// As Perl's and PHP's clients do, which wait for each answer.
TEST_F(TransactionsTest, EachAnswerComesAtOnce) {
  RespClient client(RespPort(proxy_));
  for (const auto& [request, answer] : std::vector<std::pair<std::string, std::string>>{
           {"MULTI\r\n", "+OK\r\n"},
           {"SET k 1\r\n", "+QUEUED\r\n"},
           {"GET k\r\n", "+QUEUED\r\n"},
           {"EXEC\r\n", "*2\r\n+OK\r\n$1\r\n1\r\n"},
           {"MULTI\r\n", "+OK\r\n"},
           {"NOSUCH\r\n", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"},
           {"EXEC\r\n", kAborted},
           {"GET k\r\n", "$1\r\n1\r\n"}}) {
    client.Send(request);
    ASSERT_EQ(client.Read(answer.size()), answer) << request;
  }
}

TEST_F(TransactionsTest, LargeValuesGoThrough) {
  const std::string value = PatternBytes(5'000'000);
  RespClient client(RespPort(proxy_));
  const std::string bulk = "$5000000\r\n" + value + "\r\n";
  EXPECT_EQ(
      client.Exchange("MULTI\r\n" + RespCommand({"SET", "a", value}) +
                      RespCommand({"SET", "b", value}) + "GET a\r\nGET b\r\nEXEC\r\n"),
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n+OK\r\n" + bulk + bulk);
}

TEST_F(TransactionsTest, TakesSoManyCommandsAndNoMore) {
  constexpr int kMost = 65536;
  const auto times = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  RespClient client(RespPort(proxy_));
  std::string replies = client.Exchange("MULTI\r\n" + times("INCR n\r\n", kMost) + "EXEC\r\n");
  EXPECT_EQ(CountOccurrences(replies, "+QUEUED\r\n"), size_t{kMost});
  EXPECT_NE(replies.find("*65536\r\n:1\r\n"), std::string::npos);
  EXPECT_TRUE(replies.ends_with(":65536\r\n"));
  replies = client.Exchange("MULTI\r\n" + times("INCR n\r\n", kMost + 1) + "EXEC\r\n");
  EXPECT_TRUE(replies.ends_with("-ERR too many commands in one transaction: at most 65536\r\n" +
                                std::string(kAborted)));
  EXPECT_EQ(redis_.Command({"GET", "n"}), "65536");
}

// --- What a client reads. ---

TEST_F(TransactionsTest, AClientReadsItsOwnWrites) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("SET x 1\r\nGET x\r\n"), "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(client.Exchange("GET x\r\nMULTI\r\nGET x\r\nSET x 2\r\nGET x\r\nEXEC\r\nGET x\r\n"),
            "$1\r\n1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$1\r\n1\r\n+OK\r\n$1\r\n2\r\n"
            "$1\r\n2\r\n");
  RespClient other(RespPort(proxy_));
  EXPECT_EQ(other.Exchange("GET x\r\n"), "$1\r\n2\r\n") << "and so does anybody else";
}

TEST_F(TransactionsTest, AFlushWithAnErrorLeavesTheCacheAsItIs) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("SET k 1\r\n"), "+OK\r\n");
  EXPECT_TRUE(Eventually([&] {  // what Redis reports of the SET may come a little later
    const int64_t gets = redis_.GetCount();
    EXPECT_EQ(client.Exchange("GET k\r\nMULTI\r\nFLUSHALL NOPE\r\nEXEC\r\nGET k\r\n"),
              "$1\r\n1\r\n+OK\r\n+QUEUED\r\n*1\r\n-ERR syntax error\r\n$1\r\n1\r\n");
    return redis_.GetCount() == gets;
  })) << "k stays in the cache";
  EXPECT_EQ(client.Exchange("MULTI\r\nFLUSHALL\r\nEXEC\r\nGET k\r\n"),
            "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$-1\r\n");
}

TEST_F(TransactionsTest, TwoClientsDoNotMix) {
  RespClient a(RespPort(proxy_));
  RespClient b(RespPort(proxy_));
  a.Send("MULTI\r\nSET k a\r\n");
  EXPECT_EQ(a.Read(14), "+OK\r\n+QUEUED\r\n");
  b.Send("MULTI\r\nSET k b\r\n");
  EXPECT_EQ(b.Read(14), "+OK\r\n+QUEUED\r\n");
  a.Send("GET k\r\n");
  EXPECT_EQ(a.Read(9), "+QUEUED\r\n");
  EXPECT_EQ(b.Exchange("GET k\r\nEXEC\r\n"), "+QUEUED\r\n*2\r\n+OK\r\n$1\r\nb\r\n");
  EXPECT_EQ(b.Exchange("GET k\r\n"), "$1\r\nb\r\n");
  EXPECT_EQ(a.Exchange("EXEC\r\n"), "*2\r\n+OK\r\n$1\r\na\r\n");
  EXPECT_EQ(b.Exchange("GET k\r\n"), "$1\r\na\r\n");
}

// Both counters are the same inside each transaction: no other command comes in between.
TEST_F(TransactionsTest, TheyAreAtomicUnderLoad) {
  constexpr int kClients = 8;
  constexpr int kRounds = 200;
  std::vector<std::thread> clients;
  std::atomic<int> mixed = 0;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([this, &mixed] {
      RespClient client(RespPort(proxy_));
      for (int i = 0; i < kRounds; ++i) {
        const std::string replies =
            client.Exchange("MULTI\r\nINCR a\r\nGET a\r\nINCR b\r\nGET b\r\nEXEC\r\nGET other\r\n");
        const size_t array = replies.find("*4\r\n");
        const size_t half = replies.find(':', array + 5);
        if (array == std::string::npos || half == std::string::npos ||
            replies.substr(array + 4, half - array - 4) + "$-1\r\n" != replies.substr(half)) {
          ++mixed;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(mixed, 0);
  EXPECT_EQ(redis_.Command({"GET", "a"}), std::to_string(kClients * kRounds));
  EXPECT_EQ(RespClient(RespPort(proxy_)).Exchange("GET a\r\n"), "$4\r\n1600\r\n");
}

// --- What is refused. ---

TEST_F(TransactionsTest, WhatWouldChangeTheConnectionIsRefusedAndLosesNothing) {
  RespClient client(RespPort(proxy_));
  for (const char* command :
       {"SUBSCRIBE c", "MONITOR", "HELLO 3", "SELECT 1", "AUTH x", "CLIENT ID", "CLIENT REPLY OFF",
        "CLIENT SETNAME n", "CLIENT TRACKING ON", "SCRIPT DEBUG YES"}) {
    const std::string replies = client.Exchange("MULTI\r\nSET k 1\r\n" + std::string(command) +
                                                "\r\nSET k 2\r\nEXEC\r\nEXISTS k\r\n");
    EXPECT_TRUE(replies.starts_with("+OK\r\n+QUEUED\r\n-ERR '")) << command << ": " << replies;
    EXPECT_TRUE(replies.ends_with("+QUEUED\r\n" + std::string(kAborted) + ":0\r\n"))
        << command << ": " << replies;
  }
  EXPECT_TRUE(client.Exchange("WATCH k\r\n").starts_with("-ERR 'watch' is not available"));
  EXPECT_EQ(client.Exchange("SET k 1\r\nGET k\r\n"), "+OK\r\n$1\r\n1\r\n");
}

TEST_F(TransactionsTest, WhatOnlyRedisKnowsIsSaidByExec) {
  RespClient client(RespPort(proxy_));
  EXPECT_EQ(client.Exchange("SET k 1\r\nGET k\r\n"), "+OK\r\n$1\r\n1\r\n");
  const std::string transaction = "MULTI\r\nSET k 2\r\nEXEC\r\nGET k\r\n";
  const std::string prefix = "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: ";
  redis_.Command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(client.Exchange(transaction),
            prefix + "OOM command not allowed when used memory > 'maxmemory'.\r\n$1\r\n1\r\n");
  redis_.Command({"CONFIG", "SET", "maxmemory", "0"});
  redis_.Command({"ACL", "SETUSER", "default", "-set"});
  const std::string replies = client.Exchange(transaction);
  EXPECT_TRUE(replies.starts_with(prefix + "NOPERM ")) << replies;
  redis_.Command({"ACL", "SETUSER", "default", "+@all"});
  EXPECT_EQ(client.Exchange(transaction), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\n2\r\n");
}

// The right is taken away from a program that has used it.
TEST_F(TransactionsTest, WithoutPermissionForMultiTheClientIsToldWhatThatMeans) {
  RespClient client(RespPort(proxy_));
  const std::string transaction = "MULTI\r\nINCR k\r\nEXEC\r\nGET k\r\n";
  EXPECT_EQ(client.Exchange(transaction), "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n$1\r\n1\r\n");
  redis_.Command({"ACL", "SETUSER", "default", "-multi"});
  std::string replies = client.Exchange(transaction);
  EXPECT_TRUE(replies.starts_with("+OK\r\n+QUEUED\r\n-ERR Redis refuses MULTI (NOPERM "))
      << replies;
  EXPECT_TRUE(replies.ends_with("carried out one by one\r\n$1\r\n2\r\n")) << replies;
  replies = client.Exchange(transaction);
  EXPECT_TRUE(replies.starts_with("+OK\r\n+QUEUED\r\n-EXECABORT ")) << replies;
  EXPECT_TRUE(replies.ends_with("$1\r\n2\r\n")) << "from now on none is: " << replies;
}

TEST(TransactionsStartTest, WithoutForwardMultiIsNotAvailable) {
  RedisServer redis;
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-coherent"});
  EXPECT_EQ(RespClient(RespPort(proxy)).Exchange("MULTI\r\nEXEC\r\n"),
            "-ERR 'multi' is not available: this endpoint serves reads\r\n"
            "-ERR 'exec' is not available: this endpoint serves reads\r\n");
}

TEST(TransactionsStartTest, NeedThePassword) {
  RedisServer redis;
  const Proxy proxy(FlagsFor(redis.address()), {.environment = {"REDIS_PROXY_AUTH=secret"}});
  RespClient client(RespPort(proxy));
  client.Send("MULTI\r\nSET k 1\r\nEXEC\r\nAUTH secret\r\nMULTI\r\nSET k 2\r\nEXEC\r\n");
  const std::string expected =
      "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n"
      "-NOAUTH Authentication required.\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n";
  EXPECT_EQ(client.Read(expected.size()), expected);
}

}  // namespace
}  // namespace rp::integration
