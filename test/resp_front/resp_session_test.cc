#include "resp_front/resp_session.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/reactor_harness.h"

namespace rp::resp_front {
namespace {

std::string ReadReply(core::TestClient* client, std::string_view expected) {
  return client->ReadBytes(expected.size());
}

core::HarnessOptions WithTimeout(Duration timeout) {
  core::HarnessOptions options = core::ReactorHarness::DefaultOptions();
  options.timeout = timeout;
  return options;
}

TEST(RespSessionTest, AnswersInOrderThoughRedisDoesNot) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  client.Send("GET a\r\nPING\r\nGET b\r\n");
  ASSERT_TRUE(harness.AwaitFetch("a"));
  ASSERT_TRUE(harness.AwaitFetch("b"));
  harness.AnswerValue("b", "2");
  harness.AnswerMissing("a");
  const std::string_view expected = "$-1\r\n+PONG\r\n$1\r\n2\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
}

TEST(RespSessionTest, HoldsAGroupBackUntilAllOfItIsAnswered) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  client.Send("MGET a b a c\r\nEXISTS a b c c\r\nPING\r\nGET last\r\n");
  // Keys of groups are started together: all have joined their fetches by then.
  ASSERT_TRUE(harness.AwaitFetch("last"));
  ASSERT_TRUE(harness.AwaitFetch("c"));
  EXPECT_EQ(harness.fetches(), 4u);
  harness.AnswerValue("c", "3");
  harness.AnswerValue("a", "1");
  harness.AnswerMissing("b");
  const std::string_view expected = "*4\r\n$1\r\n1\r\n$-1\r\n$1\r\n1\r\n$1\r\n3\r\n:3\r\n+PONG\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
}

TEST(RespSessionTest, ATimeoutWithinAGroupIsOneErrorForAllOfIt) {
  core::ReactorHarness harness(WithTimeout(std::chrono::milliseconds(300)));
  core::TestClient client(harness.resp_port());
  client.Send("GET a\r\n");
  ASSERT_TRUE(harness.AwaitFetch("a"));
  harness.AnswerValue("a", "1");
  EXPECT_EQ(client.ReadBytes(7), "$1\r\n1\r\n");
  // The first, the last and those between time out; two are there.
  client.Send("MGET x a y a z\r\nEXISTS a x\r\nMGET a a\r\n");
  const std::string_view expected =
      "-TIMEOUT Redis did not answer in time\r\n-TIMEOUT Redis did not answer in time\r\n"
      "*2\r\n$1\r\n1\r\n$1\r\n1\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
}

TEST(RespSessionTest, AGroupOutlivesItsClient) {
  core::ReactorHarness harness;
  {
    core::TestClient client(harness.resp_port());
    client.Send("MGET a b c\r\n");
    ASSERT_TRUE(harness.AwaitFetch("c"));
  }
  harness.AnswerValue("b", "2");
  core::TestClient other(harness.resp_port());
  other.Send("PING\r\n");
  EXPECT_EQ(other.ReadBytes(7), "+PONG\r\n");
}

TEST(RespSessionTest, ASlowReaderGetsEveryByte) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port(), 4096);
  std::string value(3'000'000, 'x');
  for (size_t i = 0; i < value.size(); i += 997) value[i] = static_cast<char>('a' + i % 26);
  client.Send("GET big\r\nGETRANGE big 100 2500000\r\nMGET big big\r\nPING\r\n");
  ASSERT_TRUE(harness.AwaitFetch("big"));
  harness.AnswerValue("big", value);
  const std::string bulk = "$3000000\r\n" + value + "\r\n";
  const std::string expected =
      bulk + "$2499901\r\n" + value.substr(100, 2499901) + "\r\n*2\r\n" + bulk + bulk + "+PONG\r\n";
  EXPECT_TRUE(ReadReply(&client, expected) == expected);
}

TEST(RespSessionTest, ACommandMayComeByteByByte) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  const std::string_view request = "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n";
  for (const char& byte : request) client.Send({&byte, 1});
  EXPECT_EQ(client.ReadBytes(11), "$5\r\nhello\r\n");
}

TEST(RespSessionTest, AProtocolErrorIsAnsweredBehindAllBeforeItAndCloses) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  client.Send("GET a\r\n*x\r\nPING\r\n");
  ASSERT_TRUE(harness.AwaitFetch("a"));
  harness.AnswerValue("a", "1");
  const std::string_view expected = "$1\r\n1\r\n-ERR Protocol error: invalid multibulk length\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
  EXPECT_TRUE(client.AtEnd());
}

// What is on its way to Redis comes home later, to nobody.
TEST(RespSessionTest, ABrowserIsToldNothing) {
  core::ReactorHarness harness;
  {
    core::TestClient other(harness.resp_port());
    other.Send("GET a\r\n");
    ASSERT_TRUE(harness.AwaitFetch("a"));
    harness.AnswerValue("a", "1");
    EXPECT_EQ(other.ReadBytes(7), "$1\r\n1\r\n");
  }
  core::TestClient client(harness.resp_port());
  client.Send("GET a\r\nPING\r\nGET b\r\nHost: localhost\r\n");
  EXPECT_TRUE(client.AtEnd());
}

TEST(RespSessionTest, RefusesWhatIsNoReadByName) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  client.Send("SET a b\r\nSubscribe a\r\nCONFIG SET a b\r\n");
  const std::string_view expected =
      "-ERR 'set' is not available: this endpoint serves reads\r\n"
      "-ERR 'subscribe' is not available: this endpoint serves reads\r\n"
      "-ERR 'config|set' is not available: this endpoint serves reads\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
}

TEST(RespSessionTest, SelectsOneDatabaseAlone) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  client.Send("SELECT 0\r\nSELECT 1\r\n");
  const std::string_view expected =
      "+OK\r\n-ERR DB index is out of range: only database 0 is available\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
}

TEST(RespSessionTest, TellsTheClientAboutItself) {
  core::ReactorHarness harness;
  core::TestClient client(harness.resp_port());
  client.Send("CLIENT SETNAME me\r\nCLIENT SETINFO lib-name lib\r\nCLIENT SETINFO lib-foo x\r\n");
  const std::string_view expected = "+OK\r\n+OK\r\n-ERR Unrecognized option 'lib-foo'\r\n";
  EXPECT_EQ(ReadReply(&client, expected), expected);
  client.Send("CLIENT INFO\r\nQUIT\r\n");
  const std::string info = client.ReadBytes(SIZE_MAX);
  EXPECT_NE(info.find(" name=me "), std::string::npos) << info;
  EXPECT_NE(info.find(" lib-name=lib "), std::string::npos) << info;
  EXPECT_NE(info.find(" addr=127.0.0.1:"), std::string::npos) << info;
}

}  // namespace
}  // namespace rp::resp_front
