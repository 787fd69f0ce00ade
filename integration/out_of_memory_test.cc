// A process that may not have more memory goes on: what it has no room for is not cached, or is one
// request's error. The limit is that of the address space, beyond which the kernel refuses instead
// of killing.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr rlim_t kMiB = 1 << 20;

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

class OutOfMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Sanitized()) GTEST_SKIP() << "a sanitizer takes terabytes of address space";
  }

  RedisServer redis_;
};

TEST_F(OutOfMemoryTest, LargeValuesWithoutALimitOfTheirOwnAreServed) {
  constexpr size_t kSize = 1 << 20;
  Proxy proxy({"-redis", redis_.address(), "-max-memory", "0"}, {.max_address_space = 80 * kMiB});
  redis_.Set("k", PatternBytes(kSize));
  HttpClient client(proxy.port());
  std::map<int, int> statuses;
  for (int i = 0; i < 150; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_EQ(redis_.Command({"COPY", "k", key}), "1");
    const HttpResponse response = client.Get(key);
    ++statuses[response.status];
    ASSERT_TRUE(response.status != 200 || response.body.size() == kSize);
  }
  EXPECT_EQ(statuses[200] + statuses[503], 150);
  EXPECT_GE(statuses[200], 100) << "the cache makes room";
  redis_.Set("small", "value");
  EXPECT_EQ(client.Get("small").body, "value");
  EXPECT_TRUE(client.Get("small").IsHit());
}

TEST_F(OutOfMemoryTest, SmallValuesWithoutALimitOfTheirOwnAreServed) {
  constexpr int kKeys = 100'000;
  constexpr int kBatch = 250;
  ASSERT_EQ(redis_.Command({"DEBUG", "POPULATE", std::to_string(kKeys), "key", "100"}), "OK");
  Proxy proxy({"-redis", redis_.address(), "-max-memory", "0", "-capacity", "10000000"},
              {.max_address_space = 40 * kMiB});
  HttpClient client(proxy.port());
  int failed = 0;
  for (int first = 0; first < kKeys; first += kBatch) {
    std::string requests;
    for (int i = first; i < first + kBatch; ++i) {
      requests += TargetRequest("/key:" + std::to_string(i));
    }
    ASSERT_TRUE(client.Send(requests));
    for (int i = 0; i < kBatch; ++i) {
      const int status = client.Read().status;
      failed += status == 503 ? 1 : 0;
      ASSERT_TRUE(status == 200 || status == 503) << status;
    }
  }
  EXPECT_LE(failed, kKeys / 10);
  redis_.Set("small", "value");
  EXPECT_EQ(client.Get("small").body, "value");
  EXPECT_TRUE(client.Get("small").IsHit());
}

// All the replies of a turn are made before the first of them is sent.
TEST_F(OutOfMemoryTest, ManyRepliesInOneTurnAreErrorsWhereThereIsNoRoomForThem) {
  constexpr int kClients = 60;
  constexpr int kPipelined = 64;
  std::vector<std::string> mget = {"MGET"};
  for (int i = 0; i < 75; ++i) {
    mget.push_back("k" + std::to_string(i));
    redis_.Set(mget.back(), std::string(900, 'v'));
  }
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-max-memory", "0"},
              {.max_address_space = 50 * kMiB});
  std::vector<RespClient> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(RespPort(proxy));
  ASSERT_EQ(clients.front().Exchange(RespCommand(mget)).substr(0, 5), "*75\r\n");
  for (const std::vector<std::string>& command : {mget, {"COMMAND"}}) {
    const std::string pipeline = Repeated(RespCommand(command), kPipelined);
    // Places for all of the requests, so that only their replies need more memory.
    for (RespClient& client : clients) client.Exchange(Repeated("PING\r\n", kPipelined));
    proxy.Freeze();
    for (RespClient& client : clients) client.Send(pipeline);
    proxy.Thaw();
    EXPECT_TRUE(Eventually(
        [&] { return RespClient(RespPort(proxy)).Exchange("PING\r\n") == "+PONG\r\n"; }));
    clients.clear();
    for (int i = 0; i < kClients; ++i) clients.emplace_back(RespPort(proxy));
  }
}

TEST_F(OutOfMemoryTest, CommandsThatAreTooLongAreErrorsOfOneClient) {
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-coherent", "-forward"},
              {.max_address_space = 64 * kMiB});
  RespClient calm(RespPort(proxy));
  ASSERT_EQ(calm.Exchange(RespCommand({"SET", "k", "value"})), "+OK\r\n");
  const std::string large = PatternBytes(60 * kMiB);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"SET", "x", large}, {"GET", large}, {"ECHO", large}, {"MGET", large, "k"}}) {
    RespClient client(RespPort(proxy));
    client.Send(RespCommand(command));
    EXPECT_EQ(client.ReadThrough("\r\n"), "-OOM out of memory\r\n") << command[0];
  }
  EXPECT_EQ(calm.Exchange(RespCommand({"GET", "k"})), "$5\r\nvalue\r\n");
  EXPECT_EQ(calm.Exchange(RespCommand({"SET", "k", "other"}) + RespCommand({"GET", "k"})),
            "+OK\r\n$5\r\nother\r\n");
}

TEST_F(OutOfMemoryTest, CommandsWithManyKeysAreErrorsOfOneClient) {
  constexpr int kKeys = 65536;
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-max-memory", "0"},
              {.max_address_space = 40 * kMiB});
  redis_.Set("k", "value");
  std::vector<std::string> command = {"MGET"};
  for (int i = 0; i < kKeys; ++i)
    command.push_back("a key that no short string holds " + std::to_string(i));
  const std::string bytes = RespCommand(command);
  for (int i = 0; i < 3; ++i) {
    RespClient client(RespPort(proxy));
    client.Send(bytes);
    const std::string line = client.ReadThrough("\r\n");
    EXPECT_TRUE(line == "*65536\r\n" || line.starts_with("-OOM ") || line.starts_with("-BUSY ") ||
                line.starts_with("-ERR out of memory"))
        << line;
  }
  RespClient calm(RespPort(proxy));
  EXPECT_EQ(calm.Exchange(RespCommand({"GET", "k"})), "$5\r\nvalue\r\n");
}

TEST_F(OutOfMemoryTest, AReplyThatIsTooLongIsAnErrorOfItsRequestAlone) {
  Proxy proxy({"-redis", redis_.address(), "-resp", "127.0.0.1:0"},
              {.max_address_space = 64 * kMiB});
  redis_.Set("large", PatternBytes(60 * kMiB));
  redis_.Set("k", "value");
  HttpClient client(proxy.port());
  const HttpResponse response = client.Get("large");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.Header("retry-after"), "1");
  EXPECT_EQ(client.Get("k").body, "value");
  RespClient resp_client(RespPort(proxy));
  EXPECT_EQ(resp_client.Exchange(RespCommand({"GET", "large"})), "-OOM out of memory\r\n");
  EXPECT_EQ(resp_client.Exchange(RespCommand({"GET", "k"})), "$5\r\nvalue\r\n");
}

// It ends before its first thread, before a later one or in the loader of the system.
TEST_F(OutOfMemoryTest, WithoutMemoryToStartItSaysSo) {
  for (rlim_t limit = 5 * kMiB; limit < 11 * kMiB; limit += kMiB / 2) {
    SCOPED_TRACE(limit);
    const RunResult result =
        RunProxy({"-http", "127.0.0.1:0", "-redis", redis_.address(), "-log-level", "warn"}, 10s,
                 {.max_address_space = limit});
    if (result.status == 127) continue;
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.standard_error.starts_with("redis-proxy: cannot start: "))
        << result.standard_error;
    EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1u) << result.standard_error;
  }
}

TEST_F(OutOfMemoryTest, MaxMemoryIsAQuarterOfTheAddressSpaceByDefault) {
  Proxy proxy({"-redis", redis_.address()}, {.max_address_space = 200 * kMiB});
  EXPECT_TRUE(proxy.WaitForLog(" max-memory=50mb "));
  Proxy unlimited({"-redis", redis_.address(), "-max-memory", "0"},
                  {.max_address_space = 200 * kMiB});
  EXPECT_TRUE(unlimited.WaitForLog(" max-memory=0 "));
}

}  // namespace
}  // namespace rp::integration
