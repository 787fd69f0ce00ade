// Programs and libraries that people use with Redis, against the proxy, as they come: what they
// send at connect is answered, and reading works unchanged.

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

// Debian's python3 has python3-redis; another that comes first in PATH may not.
constexpr char kPython[] = "PATH=\"/usr/bin:$PATH\" python3 ";

class RespClientsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    redis_.Set("key", "value");
    redis_.Set("other", "another");
    ASSERT_EQ(redis_.Command({"LPUSH", "list", "a"}), "1");
    ASSERT_EQ(redis_.Command({"SET", "ending", "soon", "EX", "1000"}), "OK");
  }

  [[nodiscard]] std::string Port() const { return std::to_string(RespPort(proxy_)); }
  [[nodiscard]] std::string Cli(const std::string& arguments) const {
    return RunShell("redis-cli -p " + Port() + " " + arguments);
  }
  // With `port` as a variable.
  [[nodiscard]] std::string RunPython(const std::string& script, const std::string& port) const {
    return RunShell(kPython + WriteScript("import redis\nport = " + port + "\n" + script));
  }
  [[nodiscard]] std::string WriteScript(const std::string& script) const {
    const std::string path = directory_.path() + "/script.py";
    std::ofstream(path) << script;
    return path;
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0"}};
  TempDir directory_;
};

// --- Redis's own. ---

TEST_F(RespClientsTest, RedisCliReads) {
  EXPECT_EQ(Cli("get key"), "value\n");
  EXPECT_EQ(Cli("-3 mget key missing key"), "value\n\nvalue\n");
  EXPECT_EQ(Cli("--json -3 mget key missing"), "[\"value\",null]\n");
  EXPECT_EQ(Cli("-n 0 strlen key"), "5\n");
  EXPECT_EQ(Cli("-r 3 -i 0 exists key list missing"), "2\n2\n2\n");
  EXPECT_EQ(RunShell("redis-cli -u redis://127.0.0.1:" + Port() + "/0 get key"), "value\n");
}

TEST_F(RespClientsTest, RedisCliIsToldWhatThereIsNot) {
  EXPECT_EQ(Cli("set key other"), "ERR 'set' is not available: this endpoint serves reads\n\n");
  EXPECT_EQ(Cli("--scan"), "SCAN error: ERR 'scan' is not available: this endpoint serves reads\n");
  const std::string in_database_1 = Cli("-n 1 get key");
  EXPECT_NE(in_database_1.find("only database 0 is available"), std::string::npos);
}

// As in a terminal: it asks for COMMAND DOCS at first.
TEST_F(RespClientsTest, RedisCliReadsLineByLine) {
  EXPECT_EQ(
      RunShell("printf 'get key\\nmget key missing\\nget list\\nping\\n' | redis-cli -p " + Port()),
      "value\nvalue\n\n"
      "WRONGTYPE Operation against a key holding the wrong kind of value\n\nPONG\n");
}

TEST_F(RespClientsTest, RedisCliPipes) {
  const std::string output = RunShell(
      "for i in $(seq 1000); do printf '*2\\r\\n$3\\r\\nGET\\r\\n$3\\r\\nkey\\r\\nPING\\r\\n'; "
      "done | "
      "redis-cli -p " +
      Port() + " --pipe");
  EXPECT_NE(output.find("errors: 0, replies: 2000"), std::string::npos) << output;
}

TEST_F(RespClientsTest, RedisBenchmarkRunsAndWarnsOfNothing) {
  for (const char* flags : {"-t get -P 1", "-t get -P 16", "-t get,ping -3 --threads 2",
                            "-P 4 --dbnum 0 mget key missing other"}) {
    const std::string output =
        RunShell("redis-benchmark -p " + Port() + " -n 2000 -r 100 -c 10 --csv " + flags);
    EXPECT_NE(output.find("\",\""), std::string::npos) << output;
    EXPECT_EQ(output.find("rror"), std::string::npos) << output;
    EXPECT_EQ(output.find("WARNING"), std::string::npos) << output;
  }
}

TEST_F(RespClientsTest, RedisProgramsAuthenticate) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0"},
                    {.environment = {"REDIS_PROXY_AUTH=alice:one,default:two"}});
  const std::string port = std::to_string(RespPort(proxy));
  const std::string cli = "redis-cli --no-auth-warning -p " + port;
  EXPECT_EQ(RunShell(cli + " --user alice --pass one get key"), "value\n");
  EXPECT_EQ(RunShell(cli + " -a two -3 get key"), "value\n");
  EXPECT_NE(RunShell(cli + " -a one get key").find("WRONGPASS"), std::string::npos);
  EXPECT_EQ(RunShell(cli + " get key"), "NOAUTH Authentication required.\n\n");
  const std::string output =
      RunShell("redis-benchmark -p " + port + " --user alice -a one -t get -n 1000 -c 5 --csv");
  EXPECT_NE(output.find("\"GET\",\""), std::string::npos) << output;
  EXPECT_EQ(output.find("rror"), std::string::npos) << output;
}

TEST_F(RespClientsTest, HiredisReads) {
  RedisClient client("127.0.0.1:" + Port());
  EXPECT_EQ(client.Command({"GET", "key"}), "value");
  EXPECT_EQ(client.Command({"MGET", "key", "missing"}), "value\n(nil)\n");
  EXPECT_EQ(client.Command({"DBSIZE"}), redis_.Command({"DBSIZE"}));
  EXPECT_TRUE(client.Pipeline({{"GET", "key"}, {"EXISTS", "key", "missing"}, {"TTL", "key"}}));
}

// --- Python. ---

TEST_F(RespClientsTest, PythonReads) {
  EXPECT_EQ(RunPython(R"(
for decode in (False, True):
    r = redis.Redis(port=port, decode_responses=decode, client_name="me", health_check_interval=1)
    print(r.get("key"), r.mget("key", "missing", "list"), r.exists("key", "missing"), r.type("key"))
    print(r.ttl("key"), r.ttl("missing"), 900 < r.ttl("ending") <= 1000, r.strlen("key"))
    print(r.getrange("key", 1, -2), r.ping(), r.echo("x"), r.client_getname(), r.dbsize() > 0)
    print(r.config_get("sav*"), r.info()["loading"], r.info("server")["redis_mode"])
    print(r.command_count() == len(r.command()), r.client_info()["name"], r.client_id() > 0)
    print(r.pipeline(transaction=False).get("key").mget("missing", "key").exists("key").execute())
    try:
        r.get("list")
    except redis.ResponseError as error:
        print(error)
    r.close()
)",
                      Port()),
            R"(b'value' [b'value', None, None] 1 b'string'
-1 -2 True 5
b'alu' True b'x' me True
{'save': ''} 0 standalone
True me True
[b'value', [None, b'value'], 1]
WRONGTYPE Operation against a key holding the wrong kind of value
value ['value', None, None] 1 string
-1 -2 True 5
alu True x me True
{'save': ''} 0 standalone
True me True
['value', [None, 'value'], 1]
WRONGTYPE Operation against a key holding the wrong kind of value
)");
}

TEST_F(RespClientsTest, PythonReadsWithAsyncio) {
  EXPECT_EQ(RunPython(R"(
import asyncio, redis.asyncio
async def read():
    r = redis.asyncio.Redis(port=port)
    print(await asyncio.gather(*(r.get(key) for key in ("key", "missing", "other"))))
    print(await r.pipeline(transaction=False).get("key").exists("key").execute())
    await r.close()
asyncio.run(read())
)",
                      Port()),
            "[b'value', None, b'another']\n[b'value', 1]\n");
}

// Without an argument, pipeline() is a transaction.
TEST_F(RespClientsTest, PythonWritesInTransactions) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-forward", "-coherent"});
  EXPECT_EQ(RunPython(R"(
import asyncio, redis.asyncio
r = redis.Redis(port=port)
print(r.get("key"), r.pipeline().get("key").set("key", "new").get("key").incr("n").execute())
print(r.get("key"), r.transaction(lambda pipe: pipe.incr("n").expire("n", 100)))
try:
    r.pipeline().incr("key").incr("n").execute()
except redis.ResponseError as error:
    print(str(error).split(": ")[1])
print(r.pipeline().incr("key").incr("n").execute(raise_on_error=False)[1])
try:
    r.pipeline().execute_command("NOSUCH").incr("n").execute()
except redis.ResponseError as error:
    print(str(error).split(": ")[1])
print(r.get("n"))
try:
    with r.pipeline() as pipe:
        pipe.watch("n")
except redis.ResponseError as error:
    print("refused" if "'watch' is not available" in str(error) else error)
print(r.ping())
async def write():
    r = redis.asyncio.Redis(port=port)
    print(await r.pipeline().incr("n").get("n").execute())
    await r.close()
asyncio.run(write())
)",
                      std::to_string(RespPort(proxy))),
            R"(b'value' [b'value', True, b'new', 1]
b'new' [2, True]
value is not an integer or out of range
4
unknown command 'NOSUCH', with args beginning with
b'4'
refused
True
[5, b'5']
)");
}

TEST_F(RespClientsTest, PythonAuthenticates) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0"},
                    {.environment = {"REDIS_PROXY_AUTH=alice:one,default:two"}});
  EXPECT_EQ(RunPython(R"(
for credentials in ({"username": "alice", "password": "one"}, {"password": "two"},
                    {"username": "alice", "password": "two"}, {}):
    try:
        print(redis.Redis(port=port, **credentials).get("key"))
    except redis.RedisError as error:
        print(error)
)",
                      std::to_string(RespPort(proxy))),
            "b'value'\nb'value'\nWRONGPASS invalid username-password pair or user is disabled.\n"
            "Authentication required.\n");
}

TEST_F(RespClientsTest, PythonReadsOnWhenTheProxyIsThereAgain) {
  const std::vector<std::string> flags = {"-redis", redis_.address(), "-resp",
                                          "127.0.0.1:" + std::to_string(ProbablyFreePort())};
  auto proxy = std::make_unique<Proxy>(flags);
  const std::string script = WriteScript(
      "import redis\nr = redis.Redis(port=" + std::to_string(RespPort(*proxy)) +
      ")\nprint(r.get('key'), flush=True)\ninput()\nprint(r.get('key'), r.mget('key', 'no'))\n");
  const std::string output = directory_.path() + "/output";
  FILE* python = popen((kPython + script + " >" + output + " 2>&1").c_str(), "w");
  ASSERT_NE(python, nullptr);
  EXPECT_TRUE(Eventually([&] { return ReadFile(output) == "b'value'\n"; })) << ReadFile(output);
  proxy.reset();
  proxy = std::make_unique<Proxy>(flags);
  fputs("\n", python);
  EXPECT_EQ(pclose(python), 0);
  EXPECT_EQ(ReadFile(output), "b'value'\nb'value' [b'value', None]\n");
}

TEST_F(RespClientsTest, PythonAndCurlShareOneCache) {
  const std::string curl = "curl -s http://127.0.0.1:" + std::to_string(proxy_.port()) + "/";
  EXPECT_EQ(RunPython("print(redis.Redis(port=port).get('key'))", Port()), "b'value'\n");
  EXPECT_EQ(RunShell(curl + "other"), "another");
  EXPECT_EQ(redis_.GetCount(), 2);
  redis_.Set("key", "too new");
  redis_.Set("other", "too new");
  const std::string head = RunShell(curl + "key -i");
  EXPECT_NE(head.find("Cache-Status: redis-proxy; hit\r\n"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\nvalue")) << head;
  EXPECT_EQ(RunPython("print(redis.Redis(port=port).mget('other', 'key'))", Port()),
            "[b'another', b'value']\n");
  EXPECT_EQ(redis_.GetCount(), 2);
}

// --- What libraries send by themselves, as it was recorded. ---

struct Step {
  std::string request;
  std::vector<std::string> replies;  // parts of the reply, in this order
};

constexpr char kHello3[] =
    "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"
    "$2\r\nid\r\n:";
constexpr char kHelloEnd[] =
    "\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";

void ExpectDialogue(int port, const std::vector<Step>& steps) {
  RespClient client(port);
  for (const Step& step : steps) {
    const std::string reply = client.Exchange(step.request);
    size_t at = 0;
    for (const std::string& part : step.replies) {
      const size_t found = reply.find(part, at);
      ASSERT_NE(found, std::string::npos) << part << "\nis not in\n" << reply;
      at = found + part.size();
    }
    EXPECT_TRUE(reply.ends_with(step.replies.back())) << reply;
  }
}

std::string SetInfo(const std::string& client, const std::string& name, const std::string& value) {
  return RespCommand({client, "SETINFO", name, value});
}

const Step kInfoOfRespTwo = {RespCommand({"info"}),
                             {"$", "\r\nredis_version:7.", "\r\nloading:0\r\n", "\r\n"}};

TEST_F(RespClientsTest, AnswersIoredis6) {
  const std::string about =
      SetInfo("client", "LIB-VER", "6.0.0") + SetInfo("client", "LIB-NAME", "ioredis");
  ExpectDialogue(RespPort(proxy_),
                 {{RespCommand({"hello", "3"}) + about, {kHello3, kHelloEnd, "+OK\r\n+OK\r\n"}},
                  {RespCommand({"info"}),
                   {"=", "\r\ntxt:# Server\r\nredis_version:7.", "\r\nloading:0\r\n", "\r\n"}},
                  {RespCommand({"get", "key"}), {"$5\r\nvalue\r\n"}},
                  {RespCommand({"mget", "key", "missing"}), {"*2\r\n$5\r\nvalue\r\n_\r\n"}},
                  {RespCommand({"quit"}), {"+OK\r\n<closed>"}}});
}

TEST_F(RespClientsTest, AnswersIoredis5) {
  ExpectDialogue(RespPort(proxy_), {{SetInfo("client", "LIB-NAME", "ioredis") +
                                         SetInfo("client", "LIB-VER", "5.11.1"),
                                     {"+OK\r\n+OK\r\n"}},
                                    kInfoOfRespTwo,
                                    {RespCommand({"get", "key"}), {"$5\r\nvalue\r\n"}},
                                    {RespCommand({"get", "missing"}), {"$-1\r\n"}}});
}

TEST_F(RespClientsTest, AnswersNodeRedis5) {
  const std::string about =
      SetInfo("CLIENT", "LIB-VER", "5.12.1") + SetInfo("CLIENT", "LIB-NAME", "node-redis");
  ExpectDialogue(RespPort(proxy_), {{RespCommand({"HELLO", "3", "SETNAME", "me"}) + about,
                                     {kHello3, kHelloEnd, "+OK\r\n+OK\r\n"}},
                                    {RespCommand({"GET", "key"}), {"$5\r\nvalue\r\n"}},
                                    {RespCommand({"CLIENT", "GETNAME"}), {"$2\r\nme\r\n"}}});
}

TEST_F(RespClientsTest, AnswersNodeRedis4) {
  ExpectDialogue(RespPort(proxy_), {{RespCommand({"CLIENT", "SETNAME", "me"}) +
                                         SetInfo("CLIENT", "LIB-NAME", "node-redis") +
                                         SetInfo("CLIENT", "LIB-VER", "1.6.0"),
                                     {"+OK\r\n+OK\r\n+OK\r\n"}},
                                    {RespCommand({"GET", "key"}), {"$5\r\nvalue\r\n"}},
                                    {RespCommand({"PING"}), {"+PONG\r\n"}}});
}

// Newer libraries ask for more at connect, and take an error for a no.
TEST_F(RespClientsTest, WhatItDoesNotKnowAtConnectIsAnErrorAndNoEnd) {
  ExpectDialogue(
      RespPort(proxy_),
      {{RespCommand({"hello", "3"}), {kHello3, kHelloEnd}},
       {RespCommand({"client", "maint_notifications", "on", "moving-endpoint-type", "none"}),
        {"-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n"}},
       {RespCommand({"client", "tracking", "on"}),
        {"-ERR 'client|tracking' is not available: this endpoint serves reads\r\n"}},
       {RespCommand({"cluster", "slots"}), {"-ERR ", "\r\n"}},
       {RespCommand({"get", "key"}), {"$5\r\nvalue\r\n"}}});
}

TEST_F(RespClientsTest, AnswersLibrariesThatAuthenticate) {
  const Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0"},
                    {.environment = {"REDIS_PROXY_AUTH=alice:one"}});
  const std::string about = SetInfo("client", "LIB-NAME", "x");
  const Step read = {RespCommand({"get", "key"}), {"$5\r\nvalue\r\n"}};
  ExpectDialogue(RespPort(proxy), {{RespCommand({"hello", "3", "AUTH", "alice", "one"}) + about,
                                    {kHello3, kHelloEnd, "+OK\r\n"}},
                                   read});
  ExpectDialogue(RespPort(proxy),
                 {{RespCommand({"auth", "alice", "one"}) + about, {"+OK\r\n+OK\r\n"}}, read});
}

}  // namespace
}  // namespace rp::integration
