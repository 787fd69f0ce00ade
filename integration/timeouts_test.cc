// How long clients may be silent: the flags, and what vanishes without a word. The default of
// -header-timeout is in known_failures_test.cc.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "integration/harness/fake_redis.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

class TimeoutsTest : public ::testing::Test {
 protected:
  // The proxy of a test, with these flags beside what it needs.
  std::unique_ptr<Proxy> Start(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"-redis", redis_.address(), "-resp", "127.0.0.1:0"});
    return std::make_unique<Proxy>(flags);
  }

  FakeRedis redis_;
};

TEST_F(TimeoutsTest, AConnectionThatSendsNothingIsClosedAfterTheHeaderTimeout) {
  const auto proxy = Start({"-header-timeout", "200ms"});
  const TimePoint start = Now();
  HttpClient silent(proxy->port());
  EXPECT_TRUE(silent.IsClosed());
  EXPECT_GE(Now() - start, 200ms);
  EXPECT_LE(Now() - start, 200ms + Patience(5s));
}

TEST_F(TimeoutsTest, AnEmptyLineNowAndThenDoesNotKeepAConnection) {
  const auto proxy = Start({"-header-timeout", "300ms"});
  for (const bool fresh : {true, false}) {
    const TimePoint start = Now();
    HttpClient client(proxy->port());
    EXPECT_TRUE(fresh || client.Get("a").status == 200);
    // Seven are not too many for a request.
    for (int i = 0; i < 7 && !client.Stirs(50ms); ++i) client.Send("\r\n");
    EXPECT_TRUE(client.IsClosed());
    EXPECT_GE(Now() - start, 300ms);
    EXPECT_LE(Now() - start, 300ms + Patience(5s)) << "idle connections have 75 s";
  }
}

TEST_F(TimeoutsTest, HalfARequestIsToldSo) {
  const auto proxy = Start({"-header-timeout", "200ms"});
  HttpClient client(proxy->port());
  client.Send("GET /a HTTP/1.1\r\n");
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(TimeoutsTest, AnIdleConnectionIsClosedAfterTheIdleTimeout) {
  const auto proxy = Start({"-idle-timeout", "200ms"});
  HttpClient client(proxy->port());
  const TimePoint start = Now();
  ASSERT_EQ(client.Get("a").status, 200);
  EXPECT_TRUE(client.IsClosed());
  EXPECT_GE(Now() - start, 200ms);
  EXPECT_LE(Now() - start, 200ms + Patience(5s));
}

// As nginx's keepalive_timeout.
TEST_F(TimeoutsTest, WithoutIdleTimeEveryAnswerIsTheLast) {
  const auto proxy = Start({"-idle-timeout", "0"});
  HttpClient client(proxy->port());
  client.Send(GetRequest("a") + GetRequest("b"));
  const HttpResponse response = client.Read();
  EXPECT_EQ(response.body, "value of a");
  EXPECT_EQ(response.Header("connection"), "close");
  EXPECT_TRUE(client.IsClosed());
}

// The other connection ends when the first would, if zero were short.
TEST_F(TimeoutsTest, ZeroIsForEverForTheOthers) {
  const auto proxy = Start({"-header-timeout", "0", "-write-timeout", "0", "-resp-idle-timeout",
                            "0", "-idle-timeout", "300ms"});
  HttpClient silent(proxy->port());
  HttpClient halfway(proxy->port());
  halfway.Send("GET /a HTTP/1.1\r\n");
  RespClient midway(RespPort(*proxy));
  midway.Send("*2\r\n$4\r\nECHO\r\n");
  RespClient quiet(RespPort(*proxy));
  HttpClient idle(proxy->port());
  ASSERT_EQ(idle.Get("a").status, 200);
  ASSERT_TRUE(idle.IsClosed());
  EXPECT_EQ(silent.Get("a").status, 200);
  halfway.Send("Host: x\r\n\r\n");
  EXPECT_EQ(halfway.Read().status, 200);
  midway.Send("$1\r\nx\r\n");
  EXPECT_EQ(midway.Read(7), "$1\r\nx\r\n");
  EXPECT_EQ(quiet.Exchange("PING\r\n"), "+PONG\r\n");
}

TEST_F(TimeoutsTest, AClientThatTakesNothingIsCutOffAfterTheWriteTimeout) {
  constexpr size_t kBytes = 32 << 20;
  redis_.SetScript([](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk(std::string(kBytes, 'v'))};
  });
  const auto proxy = Start({"-write-timeout", "200ms", "-max-value", "64mb"});
  HttpClient http(proxy->port(), 4096);
  http.Send(GetRequest("a"));
  RespClient resp(RespPort(*proxy));
  resp.Send("GET a\r\n");
  ASSERT_TRUE(http.Stirs(Patience(10s)));
  HttpClient other(proxy->port());
  EXPECT_TRUE(Eventually([&] {
    return RespClient(RespPort(*proxy)).Exchange("INFO clients\r\n").find("connected_clients:2") !=
           std::string::npos;
  })) << "this one and `other`";
  EXPECT_LT(http.ReadToTheEnd().size(), kBytes);
}

// The kernel's buffers are large: for seconds nothing more fits into them although the client
// reads.
TEST_F(TimeoutsTest, AClientThatReadsSlowlyIsNotCutOff) {
  constexpr size_t kBytes = 16 << 20;
  const std::string value(kBytes, 'v');
  redis_.SetScript([&value](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk(value)};
  });
  const auto proxy = Start({"-write-timeout", "300ms", "-max-value", "64mb"});
  const UniqueFd fd = ConnectToLoopback(proxy->port(), 64 * 1024);
  const std::string request = GetRequest("a");
  ASSERT_EQ(send(fd.get(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::vector<char> buffer(16 * 1024);
  size_t received = 0;
  const auto receive = [&] {
    const ssize_t count = recv(fd.get(), buffer.data(), buffer.size(), 0);
    received += count > 0 ? static_cast<size_t>(count) : 0;
    return count > 0;
  };
  const TimePoint fast_from = Now() + 2s;
  while (Now() < fast_from) {
    ASSERT_TRUE(receive()) << "cut off after " << received << " bytes";
    std::this_thread::sleep_for(20ms);  // the client's slowness
  }
  while (received < kBytes && receive()) {
  }
  EXPECT_GE(received, kBytes);
}

TEST_F(TimeoutsTest, ASilentRedisClientIsCutOffOnlyAfterTheIdleTimeoutForIt) {
  const auto proxy = Start({"-resp-idle-timeout", "200ms"});
  const TimePoint start = Now();
  RespClient fresh(RespPort(*proxy));
  RespClient used(RespPort(*proxy));
  EXPECT_EQ(used.Exchange("CONFIG GET timeout\r\n"), "*2\r\n$7\r\ntimeout\r\n$1\r\n1\r\n")
      << "in seconds, rounded up";
  EXPECT_EQ(fresh.Read(SIZE_MAX), "");
  EXPECT_EQ(used.Read(SIZE_MAX), "");
  EXPECT_GE(Now() - start, 200ms);
  EXPECT_LE(Now() - start, 200ms + Patience(5s));
}

TEST_F(TimeoutsTest, HalfARedisCommandIsWaitedForAsLongAsBytesCome) {
  const auto proxy = Start({"-header-timeout", "800ms"});
  RespClient slow(RespPort(*proxy));
  const std::string command = RespCommand({"ECHO", "0123456789"});
  const TimePoint start = Now();
  for (const char byte : command) {
    slow.Send({&byte, 1});
    std::this_thread::sleep_for(30ms);
  }
  ASSERT_GT(Now() - start, 800ms);
  EXPECT_EQ(slow.Read(17), "$10\r\n0123456789\r\n");
  RespClient stopped(RespPort(*proxy));
  stopped.Send(command.substr(0, 10));
  EXPECT_EQ(stopped.Read(SIZE_MAX), "");
  EXPECT_EQ(slow.Exchange("PING\r\n"), "+PONG\r\n") << "between commands there is no limit";
}

// What the kernel says of the timer of the server's end of a connection to `port`: 2 is that of
// keepalive (proc(5), proc_net_tcp.txt), `*seconds_left` to go. -1: there is no connection.
int TimerOfServerEnd(int port, long* seconds_left) {
  char local[16];
  std::snprintf(local, sizeof(local), "0100007F:%04X", static_cast<unsigned>(port));
  std::istringstream table(ReadFile("/proc/net/tcp"));
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string slot, from, to, state, queues, timer;
    fields >> slot >> from >> to >> state >> queues >> timer;
    if (from != local || state != "01") continue;
    *seconds_left = std::strtol(timer.c_str() + 3, nullptr, 16) / sysconf(_SC_CLK_TCK);
    return std::stoi(timer.substr(0, 2));
  }
  return -1;
}

TEST_F(TimeoutsTest, TheKernelAsksWhetherASilentClientIsThereAsForRedis) {
  const auto proxy = Start({});
  const HttpClient http(proxy->port());
  const RespClient resp(RespPort(*proxy));
  for (const int port : {proxy->port(), RespPort(*proxy)}) {
    long seconds_left = 0;
    EXPECT_TRUE(Eventually([&] { return TimerOfServerEnd(port, &seconds_left) == 2; })) << port;
    EXPECT_GT(seconds_left, 200);
    EXPECT_LE(seconds_left, 300);
  }
}

}  // namespace
}  // namespace rp::integration
