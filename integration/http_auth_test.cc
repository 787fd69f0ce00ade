// -http-auth: HTTP asks for the secret that the Redis protocol asks for.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

class HttpAuthTest : public ::testing::Test {
 protected:
  HttpAuthTest() { redis_.Set("key", "value"); }

  // What curl prints: the body, a line break, and the status.
  static std::string Curl(const Proxy& proxy, const std::string& arguments) {
    return RunShell("curl -s -w '\\n%{http_code}' " + arguments +
                    " http://127.0.0.1:" + std::to_string(proxy.port()) + "/key");
  }

  RedisServer redis_;
};

TEST_F(HttpAuthTest, AnswersOnlyWhoKnowsTheSecret) {
  const Proxy proxy({"-redis", redis_.address(), "-http-auth"},
                    {.environment = {"REDIS_PROXY_AUTH=alice:one,bob:two"}});
  EXPECT_EQ(Curl(proxy, "-u alice:one"), "value\n200");
  EXPECT_EQ(Curl(proxy, "-u bob:two"), "value\n200");
  EXPECT_EQ(Curl(proxy, "-H 'Authorization: Bearer two'"), "value\n200");
  EXPECT_EQ(Curl(proxy, ""), "authentication required\n\n401");
  for (const char* wrong :
       {"", "-u alice:two", "-u alice:", "-u carol:one", "-u :one", "-H 'Authorization: Bearer tw'",
        "-H 'Authorization: Bearer'", "-H 'Authorization: Basic one'", "-X OPTIONS", "-X DELETE"}) {
    const std::string answer = Curl(proxy, wrong);
    EXPECT_TRUE(answer.ends_with("\n401")) << wrong << ": " << answer;
    EXPECT_EQ(answer.find("value"), std::string::npos) << wrong;
  }
}

TEST_F(HttpAuthTest, APasswordAloneIsTheDefaultUsers) {
  const Proxy proxy({"-redis", redis_.address(), "-http-auth"},
                    {.environment = {"REDIS_PROXY_AUTH=secret"}});
  EXPECT_EQ(Curl(proxy, "-u default:secret"), "value\n200");
  EXPECT_EQ(Curl(proxy, "-u :secret"), "value\n200");
  EXPECT_EQ(Curl(proxy, "-H 'authorization: bEARER secret'"), "value\n200");
}

// RFC 9110 section 11.6.1: a 401 says what would be accepted.
TEST_F(HttpAuthTest, SaysHowToAskAndKeepsTheConnection) {
  const Proxy proxy({"-redis", redis_.address(), "-http-auth"},
                    {.environment = {"REDIS_PROXY_AUTH=secret"}});
  const std::string url = "http://127.0.0.1:" + std::to_string(proxy.port()) + "/key";
  const std::string head = RunShell("curl -sI " + url);
  EXPECT_NE(head.find("WWW-Authenticate: Basic realm=\"redis-proxy\", charset=\"UTF-8\"\r\n"),
            std::string::npos)
      << head;
  EXPECT_NE(head.find("WWW-Authenticate: Bearer realm=\"redis-proxy\"\r\n"), std::string::npos);
  EXPECT_EQ(head.find("Connection: close"), std::string::npos);
  EXPECT_EQ(RunShell("curl -s -o /dev/null -o /dev/null -w '%{http_code} %{num_connects} ' " + url +
                     " " + url),
            "401 1 401 0 ");
}

TEST_F(HttpAuthTest, HttpIsOpenWithoutTheFlag) {
  const Proxy proxy({"-redis", redis_.address()}, {.environment = {"REDIS_PROXY_AUTH=secret"}});
  EXPECT_EQ(Curl(proxy, ""), "value\n200");
}

TEST(HttpAuthFlagTest, NeedsASecret) {
  const RunResult result = RunProxy({"-http-auth"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.standard_error.find("-http-auth"), std::string::npos) << result.standard_error;
}

}  // namespace
}  // namespace rp::integration
