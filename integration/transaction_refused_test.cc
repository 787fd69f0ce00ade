// Transactions where Redis refuses MULTI or EXEC: nothing is carried out, and the connection goes
// on.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

const char kTransaction[] = "MULTI\r\nINCR n\r\nINCR m\r\nFLUSHALL\r\nEXEC\r\n";
const char kRefused[] =
    "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: ";

std::vector<std::string> FlagsFor(const RedisServer& redis) {
  return {"-redis",    redis.address(), "-resp", "127.0.0.1:0",        "-forward",
          "-coherent", "-max-age",      "60s",   "-redis-connections", "1"};
}

// Expects that transactions get an error with `reason`, and that all else goes on.
void ExpectNothingIsCarriedOut(RedisServer* redis, int port, const std::string& reason) {
  RespClient client(port);
  EXPECT_EQ(client.Exchange("MSET n 1 m 1\r\nMGET n m\r\n"), "+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
  for (int i = 0; i < 3; ++i) {
    const std::string replies = client.Exchange(kTransaction);
    EXPECT_TRUE(replies.starts_with(kRefused + reason)) << replies;
    EXPECT_EQ(redis->Command({"MGET", "n", "m"}), "1\n1\n");
    EXPECT_EQ(client.Exchange("MGET n m\r\nINCR other\r\n"),
              "*2\r\n$1\r\n1\r\n$1\r\n1\r\n:" + std::to_string(i + 1) + "\r\n");
  }
}

TEST(TransactionRefusedTest, NothingIsCarriedOutWithoutTheRightToMulti) {
  RedisServer redis;
  redis.Command({"ACL", "SETUSER", "default", "-multi"});
  const Proxy proxy(FlagsFor(redis));
  ExpectNothingIsCarriedOut(&redis, RespPort(proxy), "NOPERM ");
  redis.Command({"ACL", "SETUSER", "default", "+multi"});
  EXPECT_EQ(RespClient(RespPort(proxy)).Exchange("MULTI\r\nINCR n\r\nEXEC\r\nGET n\r\n"),
            "+OK\r\n+QUEUED\r\n*1\r\n:2\r\n$1\r\n2\r\n");
}

TEST(TransactionRefusedTest, NothingIsCarriedOutWithoutTheRightToExec) {
  RedisServer redis;
  redis.Command({"ACL", "SETUSER", "default", "-exec"});
  const Proxy proxy(FlagsFor(redis));
  ExpectNothingIsCarriedOut(&redis, RespPort(proxy), "NOPERM ");
}

TEST(TransactionRefusedTest, NothingIsCarriedOutWhereMultiIsRenamed) {
  RedisServer redis({.arguments = {"--rename-command", "MULTI", "M2"}});
  const Proxy proxy(FlagsFor(redis));
  ExpectNothingIsCarriedOut(&redis, RespPort(proxy), "unknown command 'MULTI'");
}

// Redis stays inside MULTI, which must not swallow what others send.
TEST(TransactionRefusedTest, NothingIsCarriedOutWhereExecIsRenamed) {
  RedisServer redis({.arguments = {"--rename-command", "EXEC", "E2"}});
  const Proxy proxy(FlagsFor(redis));
  ExpectNothingIsCarriedOut(&redis, RespPort(proxy), "unknown command 'EXEC'");
}

TEST(TransactionRefusedTest, NothingIsCarriedOutWhereBothAreRenamed) {
  RedisServer redis(
      {.arguments = {"--rename-command", "MULTI", "M2", "--rename-command", "EXEC", "E2"}});
  const Proxy proxy(FlagsFor(redis));
  ExpectNothingIsCarriedOut(&redis, RespPort(proxy), "unknown command 'MULTI'");
}

}  // namespace
}  // namespace rp::integration
