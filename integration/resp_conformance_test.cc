// The same bytes to a real redis-server and to the proxy in front of it: what comes back is the
// same too, for connection and read commands and for all that is malformed.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

// Every connection has its own.
std::string WithoutIdentity(std::string reply) {
  const std::string field = "$2\r\nid\r\n:";
  for (size_t at = 0; (at = reply.find(field, at)) != std::string::npos; at += field.size()) {
    const size_t start = at + field.size();
    reply.replace(start, reply.find("\r\n", start) - start, "?");
  }
  return reply;
}

void SetUpKeys(RedisServer* redis) {
  redis->Set("s", "hello world");
  redis->Set("empty", "");
  redis->Set("binary", std::string("\0\r\n\xff$-1", 7));
  redis->Set("number", "-42");
  redis->Set("", "under the empty key");
  redis->Set("large", PatternBytes(100000));
  redis->Set("257", std::string(257, 'x'));
  redis->Set("256", std::string(256, 'x'));
  ASSERT_EQ(redis->Command({"LPUSH", "list", "a"}), "1");
  ASSERT_EQ(redis->Command({"HSET", "hash", "a", "b"}), "1");
}

class RespConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetUpKeys(&redis_);
    // From then on the proxy knows the version of the Redis.
    ASSERT_EQ(RespClient(RespPort(proxy_)).Exchange("GET number\r\n"), "$3\r\n-42\r\n");
  }

  void ExpectSame(std::string_view requests) {
    const std::string expected = WithoutIdentity(RespClient(redis_.port()).Exchange(requests));
    // From Redis first, then from the cache.
    for (int round = 0; round < 2; ++round) {
      const std::string got = WithoutIdentity(RespClient(RespPort(proxy_)).Exchange(requests));
      EXPECT_EQ(got, expected) << "for " << requests.substr(0, 200);
    }
    ++count_;
  }

  // Each line as an inline command, and its words as an array.
  void ExpectSameLines(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      ExpectSame(line + "\r\n");
      std::vector<std::string> words(1);
      for (const char c : line) {
        if (c == ' ') {
          words.emplace_back();
        } else {
          words.back() += c;
        }
      }
      if (line.find('"') == std::string::npos) ExpectSame(RespCommand(words));
    }
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0"}};
  int count_ = 0;
};

TEST_F(RespConformanceTest, OfReads) {
  ExpectSameLines({
      "GET s",
      "get s",
      "gEt s",
      "GET empty",
      "GET binary",
      "GET large",
      "GET 256",
      "GET 257",
      "GET missing",
      "GET list",
      "GET hash",
      "GET",
      "GET s s",
      "GET \"\"",
      "GET \"a\\x00b\"",
      "MGET s",
      "MGET s missing s list empty",
      "MGET large large 257 s large",
      "MGET",
      "MGET missing",
      "MGET list hash",
      "EXISTS s",
      "EXISTS missing",
      "EXISTS list",
      "EXISTS s s s missing list",
      "EXISTS",
      "STRLEN s",
      "STRLEN missing",
      "STRLEN empty",
      "STRLEN list",
      "STRLEN",
      "STRLEN s s",
      "STRLEN large",
      "TYPE s",
      "TYPE missing",
      "TYPE",
      "TTL s",
      "TTL missing",
      "PTTL s",
      "PTTL missing",
      "EXPIRETIME s",
      "EXPIRETIME missing",
      "PEXPIRETIME s",
      "PEXPIRETIME missing",
      "TTL",
      "PTTL",
      "EXPIRETIME",
      "PEXPIRETIME a b",
  });
  EXPECT_GE(count_, 90);
}

TEST_F(RespConformanceTest, OfRanges) {
  for (const char* range : {"0 -1",
                            "0 0",
                            "-5 -1",
                            "3 5",
                            "5 3",
                            "-1 -5",
                            "100 200",
                            "-100 2",
                            "-100 -50",
                            "0 100",
                            "-9223372036854775808 9223372036854775807",
                            "0 9223372036854775808",
                            "a 1",
                            "1 a",
                            "+1 2",
                            "01 2",
                            "1 -0",
                            "1.0 2",
                            "0",
                            "1 2 3"}) {
    for (const char* key : {"s", "empty", "missing", "list", "large"}) {
      ExpectSameLines({std::string("GETRANGE ") + key + " " + range});
    }
    ExpectSameLines({std::string("SUBSTR s ") + range});
  }
  ExpectSameLines({"GETRANGE large 10 99000", "GETRANGE large 99990 -1", "GETRANGE 257 0 256"});
}

TEST_F(RespConformanceTest, OfConnectionCommands) {
  ExpectSameLines({
      "PING",
      "ping",
      "PING a",
      "PING \"\"",
      "PING a b",
      "ECHO a",
      "ECHO",
      "ECHO a b",
      "HELLO",
      "HELLO 2",
      "HELLO 3",
      "HELLO 1",
      "HELLO 4",
      "HELLO x",
      "HELLO 03",
      "HELLO 3 AUTH",
      "HELLO 3 AUTH a",
      "HELLO 3 AUTH a b",
      "HELLO 3 AUTH default b",
      "HELLO 3 SETNAME",
      "HELLO 3 SETNAME a",
      "HELLO 3 SETNAME \"a b\"",
      "HELLO 2 FOO",
      "HELLO 2 " + std::string(129, 'x'),
      "HELLO 2 " + std::string(20000, 'x'),
      "hello 3 auth default x setname y",
      "AUTH",
      "AUTH a",
      "AUTH a b",
      "AUTH default b",
      "AUTH a b c",
      "SELECT 0",
      "SELECT x",
      "SELECT -1",
      "SELECT",
      "SELECT 0 0",
      "SELECT 99999999999",
      "SELECT 00",
      "CLIENT",
      "CLIENT FOO",
      "client foo",
      "CLIENT ID x",
      "CLIENT INFO x",
      "CLIENT SETNAME",
      "CLIENT SETNAME a",
      "CLIENT SETNAME \"a b\"",
      "CLIENT SETNAME \"\"",
      "CLIENT GETNAME",
      "CLIENT GETNAME x",
      "CLIENT NO-EVICT",
      "CLIENT NO-EVICT on",
      "CLIENT NO-EVICT x",
      "CLIENT REPLY",
      "CLIENT REPLY x",
      "CLIENT REPLY ON",
      "COMMAND FOO",
      "COMMAND COUNT x",
      "COMMAND DOCS nosuch",
      "COMMAND INFO nosuch",
      "COMMAND INFO get mget exists strlen getrange substr nosuch",
      "COMMAND INFO ttl pttl expiretime pexpiretime type dbsize",
      "COMMAND INFO ping ECHO Hello auth select info reset quit unwatch",
      "COMMAND LIST x",
      "RESET",
      "RESET a",
      "QUIT",
      "QUIT a",
      "DBSIZE",
      "DBSIZE a",
      "UNWATCH",
      "UNWATCH a",
      "CONFIG",
      "CONFIG FOO",
      "CONFIG GET",
      "CONFIG GET save",
      "CONFIG GET nosuch",
      "CONFIG GET SAVE",
      "CONFIG GET sav? nosuch*",
      "CONFIG GET s[a-b]v*e s[^b]ve save",
      "CONFIG GET appendon*",
      "CONFIG GET s[b-z]ve",
      "CONFIG GET \\save*x",
      "INFO nosuch",
      "FOO",
      "foo a b",
      "FOO \"a\\r\\nb\" c",
      "\"a\\nb\" c",
      "FOO \"a\\x00b\"",
  });
}

TEST_F(RespConformanceTest, OfWhatComesInTurn) {
  for (const char* lines : {
           "HELLO 3\r\nGET missing\r\nMGET missing s list\r\nGET list\r\nEXISTS s s\r\n",
           "HELLO 3\r\nHELLO\r\nHELLO 2\r\nGET missing\r\nHELLO\r\n",
           "HELLO 3\r\nRESET\r\nGET missing\r\nCLIENT GETNAME\r\n",
           "HELLO 3\r\nCLIENT GETNAME\r\nCONFIG GET save\r\nINFO nosuch\r\nCOMMAND INFO nosuch\r\n",
           "HELLO 3\r\nHELLO 4\r\nHELLO 2 AUTH a b\r\nGET missing\r\n",
           "HELLO 3\r\nCOMMAND INFO get exists ttl ping nosuch info dbsize\r\n",
           "CLIENT SETNAME a\r\nCLIENT GETNAME\r\nRESET\r\nCLIENT GETNAME\r\n",
           "HELLO 3 SETNAME me\r\nCLIENT GETNAME\r\nCLIENT SETNAME \"\"\r\nCLIENT GETNAME\r\n",
           "CLIENT REPLY OFF\r\nPING\r\nGET s\r\nFOO\r\nCLIENT REPLY ON\r\nPING\r\n",
           "CLIENT REPLY SKIP\r\nPING\r\nGET s\r\n",
           "CLIENT REPLY SKIP\r\nMGET s s\r\nPING\r\n",
           "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n",
           "CLIENT REPLY SKIP\r\n\r\nFOO\r\nPING\r\n",
           "CLIENT REPLY OFF\r\nRESET\r\nPING\r\n",
           "CLIENT REPLY SKIP\r\nRESET\r\nPING\r\n",
           "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nRESET\r\nPING\r\n",
           "CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n",
           "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n",
           "GET s\r\nGET missing\r\nFOO\r\nMGET s list\r\nPING\r\nSTRLEN s\r\n",
           "GET s\r\nQUIT\r\nGET s\r\n",
           "\r\n\r\nGET s\r\n\n\nPING\n",
           "*0\r\n*-1\r\nPING\r\n",
           "   GET   s  \r\n",
           "GET 's'\r\n",
           "GET 'it\\'s'\r\n",
           "GET \"\\x73\"\r\n",
           "GET s\n",
       }) {
    ExpectSame(lines);
  }
}

TEST_F(RespConformanceTest, OfMalformedRequests) {
  for (const char* bytes : {
           "*a\r\n",
           "*1 \r\n",
           "* 1\r\n",
           "*+1\r\n",
           "*01\r\n",
           "*-0\r\n",
           "*\r\n",
           "*1.0\r\n",
           "*0x1\r\n",
           "*2147483648\r\n",
           "*9223372036854775808\r\n",
           "*-9223372036854775808\r\n",
           "*1\r\nPING\r\n",
           "*1\r\n+PING\r\n",
           "*1\r\n\r\n",
           "*1\r\n:1\r\n",
           "*1\r\n$-1\r\n",
           "*1\r\n$a\r\n",
           "*1\r\n$+4\r\nPING\r\n",
           "*1\r\n$04\r\nPING\r\n",
           "*1\r\n$ 4\r\nPING\r\n",
           "*1\r\n$\r\n",
           "*1\r\n$536870913\r\n",
           "*1\r\n$9223372036854775808\r\n",
           "*2\r\n$3\r\nGET\r\nfoo\r\n",
           "*2\r\n$3\r\nGET\r\n*1\r\n",
           "*1\r\n$4\r\nPINGxx",
           "*1\r\n$4\r\nPOST\r\n",
           "*2\r\n$5\r\nhost:\r\n$1\r\na\r\n",
           "POST / HTTP/1.1\r\n",
           "Host: a\r\n",
           "GET \"a\r\n",
           "GET 'a\r\n",
           "GET \"a\"b\r\n",
           "GET 'a'b\r\n",
           "\"\r\n",
           "PING\r\n*a\r\nPING\r\n",
           "GET s\r\nMGET s s list\r\n*1\r\nx\r\n",
           "*1\r\n$0\r\n\r\n",
           "*2\r\n$0\r\n\r\n$1\r\na\r\n",
       }) {
    ExpectSame(bytes);
  }
}

// A browser is told nothing, not even what was answered before its request was known for one.
TEST_F(RespConformanceTest, OfWhatABrowserSends) {
  for (const char* bytes : {
           "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET / HTTP/1.1\r\nUser-Agent: a\r\nhost: localhost\r\n\r\n",
           "GET s\r\nMGET s missing\r\nPOST / HTTP/1.1\r\n\r\nGET s\r\n",
           "CLIENT REPLY OFF\r\nPOST / HTTP/1.1\r\n",
       }) {
    ExpectSame(bytes);
  }
}

// redis-server then leaves the connection open and deaf; the proxy closes it.
TEST_F(RespConformanceTest, OfLastWordsThatAreNotWanted) {
  for (const char* bytes : {
           "CLIENT REPLY OFF\r\nQUIT\r\n",
           "CLIENT REPLY OFF\r\nGET s\r\nQUIT\r\nCLIENT REPLY ON\r\nPING\r\n",
           "CLIENT REPLY SKIP\r\nQUIT\r\nPING\r\n",
           "CLIENT REPLY OFF\r\n*x\r\nCLIENT REPLY ON\r\n",
           "CLIENT REPLY SKIP\r\n*x\r\nPING\r\n",
           "PING\r\nCLIENT REPLY OFF\r\nGET \"s\r\n",
           "CLIENT REPLY SKIP\r\nPING\r\n*x\r\n",
       }) {
    RespClient there(redis_.port());
    RespClient here(RespPort(proxy_));
    here.Send(bytes);
    there.Send(bytes);
    there.EndInput();
    EXPECT_EQ(here.Read(SIZE_MAX), there.Read(SIZE_MAX)) << bytes;
  }
}

TEST_F(RespConformanceTest, OfLinesThatAreTooLong) {
  ExpectSame("GET " + std::string(200000, 'a'));
  ExpectSame("*" + std::string(200000, '1'));
  ExpectSame("*1\r\n$" + std::string(200000, '1'));
}

TEST(RespAuthConformanceTest, RepliesAreThoseOfARedisWithAPassword) {
  RedisServer redis({.password = "secret"});
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0"},
                    {.environment = {"REDIS_PASSWORD=secret", "REDIS_PROXY_AUTH=secret"}});
  // From then on the proxy knows the version of the Redis.
  ASSERT_EQ(RespClient(RespPort(proxy)).Exchange("AUTH secret\r\nGET s\r\n"), "+OK\r\n$-1\r\n");
  // A last command that says goodbye, since ECHO is refused.
  for (const char* lines : {
           "GET s\r\n",
           "GET\r\n",
           "FOO\r\n",
           "SET a b\r\n",
           "HELLO\r\n",
           "HELLO 3\r\n",
           "HELLO 4\r\n",
           "HELLO 3 AUTH default wrong\r\n",
           "HELLO 3 AUTH default secret\r\n",
           "HELLO 3 AUTH other secret\r\n",
           "HELLO 3 SETNAME x\r\n",
           "HELLO 3 SETNAME x AUTH default secret\r\nCLIENT GETNAME\r\nGET s\r\n",
           "AUTH secret\r\nGET s\r\n",
           "AUTH secre\r\nGET s\r\n",
           "AUTH secrets\r\nGET s\r\n",
           "AUTH \"\"\r\n",
           "AUTH default secret\r\nPING\r\n",
           "AUTH other secret\r\nECHO a\r\n",
           "AUTH\r\n",
           "AUTH a b c\r\n",
           "CLIENT FOO\r\n",
           "CLIENT ID\r\n",
           "SELECT 0\r\n",
           "COMMAND\r\n",
           "INFO\r\n",
           "RESET\r\n",
           "DBSIZE\r\n",
           "CONFIG GET save\r\n",
           "AUTH secret\r\nAUTH wrong\r\nGET s\r\n",
           "AUTH secret\r\nRESET\r\nGET s\r\n",
           "*11\r\n",
           "*1\r\n$16385\r\n",
       }) {
    const std::string requests = std::string(lines) + "QUIT\r\n";
    RespClient there(redis.port());
    RespClient here(RespPort(proxy));
    there.Send(requests);
    here.Send(requests);
    EXPECT_EQ(WithoutIdentity(here.Read(SIZE_MAX)), WithoutIdentity(there.Read(SIZE_MAX))) << lines;
  }
}

}  // namespace
}  // namespace rp::integration
