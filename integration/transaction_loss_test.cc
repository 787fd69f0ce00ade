// Transactions where Redis hangs, dies or comes later, and where the client or the proxy goes.

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

const char kTransaction[] = "MULTI\r\nINCR n\r\nGET n\r\nEXEC\r\n";

std::vector<std::string> FlagsFor(const std::string& redis, const std::string& timeout = "5s") {
  return {"-redis",    redis,      "-resp", "127.0.0.1:0",        "-forward",
          "-coherent", "-timeout", timeout, "-redis-connections", "1"};
}

// Returns the answer to EXEC, and leaves the client outside a transaction.
std::string Exec(RespClient* client) {
  const std::string replies = client->Exchange("MULTI\r\nINCR n\r\nEXEC\r\n");
  const std::string queued = "+OK\r\n+QUEUED\r\n";
  EXPECT_TRUE(replies.starts_with(queued)) << replies;
  return replies.substr(std::min(queued.size(), replies.size()));
}

TEST(TransactionLossTest, AHungRedisBetweenMultiAndExecIsNotNoticed) {
  RedisServer redis;
  const Proxy proxy(FlagsFor(redis.address()));
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("SET n 1\r\n"), "+OK\r\n");
  redis.Freeze();
  client.Send("MULTI\r\nINCR n\r\n");
  EXPECT_EQ(client.Read(14), "+OK\r\n+QUEUED\r\n");
  redis.Thaw();
  EXPECT_EQ(client.Exchange("EXEC\r\nGET n\r\n"), "*1\r\n:2\r\n$1\r\n2\r\n");
}

// The only connection to Redis is not left inside MULTI, and nothing is sent twice.
TEST(TransactionLossTest, ATimeOutWithinExecSaysThatItMayHaveBeenCarriedOut) {
  RedisServer redis;
  const Proxy proxy(FlagsFor(redis.address(), "300ms"));
  RespClient client(RespPort(proxy));
  EXPECT_EQ(Exec(&client), "*1\r\n:1\r\n");
  EXPECT_EQ(client.Exchange("GET n\r\n"), "$1\r\n1\r\n");
  redis.Freeze();
  const std::string answer = Exec(&client);
  EXPECT_TRUE(answer.starts_with("-TIMEOUT ")) << answer;
  EXPECT_NE(answer.find("may have been carried out"), std::string::npos) << answer;
  redis.Thaw();
  EXPECT_TRUE(Eventually([&] { return client.Exchange("SET other 1\r\n") == "+OK\r\n"; }));
  const std::string after = redis.Command({"GET", "n"});
  EXPECT_TRUE(after == "1" || after == "2") << after;
  EXPECT_TRUE(Eventually([&] {
    return client.Exchange("GET n\r\n") == "$1\r\n" + redis.Command({"GET", "n"}) + "\r\n";
  }));
}

TEST(TransactionLossTest, ALostConnectionWithinExecSaysThatItMayHaveBeenCarriedOut) {
  RedisServer redis;
  Relay relay(redis.port());
  const Proxy proxy(FlagsFor(relay.address()));
  RespClient client(RespPort(proxy));
  EXPECT_EQ(Exec(&client), "*1\r\n:1\r\n");
  EXPECT_EQ(client.Exchange("GET n\r\n"), "$1\r\n1\r\n");
  relay.HoldReplies();
  client.Send("MULTI\r\nINCR n\r\nEXEC\r\n");
  EXPECT_TRUE(Eventually([&] { return redis.Command({"GET", "n"}) == "2"; }));
  relay.DropAll();
  relay.Thaw();
  EXPECT_EQ(client.Read(14), "+OK\r\n+QUEUED\r\n");
  const std::string answer = client.ReadThrough("\r\n");
  EXPECT_TRUE(answer.starts_with("-")) << answer;
  EXPECT_NE(answer.find("may have been carried out"), std::string::npos) << answer;
  EXPECT_TRUE(Eventually([&] { return client.Exchange("GET n\r\n") == "$1\r\n2\r\n"; }))
      << "its keys have left the cache";
  EXPECT_EQ(redis.Command({"GET", "n"}), "2") << "once";
}

TEST(TransactionLossTest, ARedisKilledBetweenMultiAndExecIsAnError) {
  RedisServer redis;
  const Proxy proxy(FlagsFor(redis.address()));
  RespClient client(RespPort(proxy));
  client.Send("MULTI\r\nINCR n\r\n");
  EXPECT_EQ(client.Read(14), "+OK\r\n+QUEUED\r\n");
  redis.Kill();
  client.Send("EXEC\r\n");
  const std::string answer = client.ReadThrough("\r\n");
  EXPECT_TRUE(answer.starts_with("-")) << answer;
  redis.Restart();
  EXPECT_TRUE(Eventually([&] { return Exec(&client) == "*1\r\n:1\r\n"; }));
}

// A client that has sent everything at once must not have its commands carried out one by one.
TEST(TransactionLossTest, NothingIsCarriedOutWhileTheCommandsOfRedisAreNotKnown) {
  RedisServer redis;
  redis.Freeze();
  const Proxy proxy(FlagsFor(redis.address(), "300ms"));
  RespClient client(RespPort(proxy));
  const std::string replies = client.Exchange("MULTI\r\nSET n 5\r\nGET n\r\nEXEC\r\n");
  EXPECT_TRUE(replies.starts_with("+OK\r\n-TIMEOUT ")) << replies;
  EXPECT_EQ(CountOccurrences(replies, "-TIMEOUT "), 2U) << replies;
  EXPECT_TRUE(replies.ends_with("-EXECABORT Transaction discarded because of previous errors.\r\n"))
      << replies;
  redis.Thaw();
  EXPECT_TRUE(Eventually([&] {
    return client.Exchange(kTransaction) == "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$1\r\n1\r\n";
  })) << "at once, and n is what it was";
}

TEST(TransactionLossTest, ACommandWaitsForTheTable) {
  RedisServer redis;
  redis.Freeze();
  const Proxy proxy(FlagsFor(redis.address(), "60s"));
  RespClient client(RespPort(proxy));
  client.Send(kTransaction);
  EXPECT_EQ(RespClient(RespPort(proxy)).Exchange("PING\r\n"), "+PONG\r\n") << "they have arrived";
  redis.Thaw();
  const std::string expected = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$1\r\n1\r\n";
  EXPECT_EQ(client.Read(expected.size()), expected);
}

// The table is loaded anew for a command that an old one lacks.
TEST(TransactionLossTest, ACommandOfANewerRedisIsQueued) {
  RedisServer old({.arguments = {"--rename-command", "LCS", ""}});
  RedisServer redis;
  Relay relay(old.port());
  const Proxy proxy(FlagsFor(relay.address()));
  RespClient client(RespPort(proxy));
  const std::string unknown = client.Exchange("MULTI\r\nLCS a b\r\nEXEC\r\n");
  EXPECT_TRUE(unknown.starts_with("+OK\r\n-ERR unknown command 'LCS'")) << unknown;
  relay.TurnTo(redis.port());
  relay.DropAll();
  EXPECT_TRUE(Eventually(
      [&] {
        return client.Exchange("MULTI\r\nLCS a b\r\nEXEC\r\n") ==
               "+OK\r\n+QUEUED\r\n*1\r\n$0\r\n\r\n";
      },
      30s));
}

TEST(TransactionLossTest, AClientThatLeavesInsideLeavesNothing) {
  RedisServer redis;
  const Proxy proxy(FlagsFor(redis.address()));
  {
    RespClient client(RespPort(proxy));
    client.Send("MULTI\r\nSET n 5\r\n");
    EXPECT_EQ(client.Read(14), "+OK\r\n+QUEUED\r\n");
  }
  RespClient other(RespPort(proxy));
  EXPECT_EQ(other.Exchange(kTransaction), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$1\r\n1\r\n");
}

TEST(TransactionLossTest, ADrainEndsAnOpenTransactionAndFinishesOneThatHasArrived) {
  RedisServer redis;
  Proxy proxy(FlagsFor(redis.address(), "60s"));
  RespClient open(RespPort(proxy));
  open.Send("MULTI\r\nSET open 1\r\n");
  EXPECT_EQ(open.Read(14), "+OK\r\n+QUEUED\r\n");
  redis.Freeze();
  RespClient whole(RespPort(proxy));
  whole.Send(kTransaction);
  EXPECT_EQ(whole.Read(23), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  proxy.Signal(SIGTERM);
  EXPECT_TRUE(proxy.WaitForLog("SIGTERM"));
  EXPECT_EQ(open.Read(SIZE_MAX), "");
  redis.Thaw();
  EXPECT_EQ(whole.Read(SIZE_MAX), "*2\r\n:1\r\n$1\r\n1\r\n");
  EXPECT_EQ(proxy.Wait(), 0);
  EXPECT_EQ(redis.Command({"EXISTS", "open"}), "0");
}

}  // namespace
}  // namespace rp::integration
