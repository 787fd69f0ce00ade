// How long a client may be silent, over both protocols. Where something must not end, another
// connection whose time is shorter ends first.

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "test/support/reactor_harness.h"

namespace rp::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// A request that is answered without Redis or workers: 400.
constexpr std::string_view kLocalRequest = "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr size_t kLargeBytes = 16 << 20;

// Only what the test sets ends anything.
HarnessOptions With(ClientTimeouts timeouts) {
  HarnessOptions options = ReactorHarness::DefaultOptions();
  options.clients = timeouts;
  return options;
}

constexpr ClientTimeouts kNever = {
    .header = Duration(0), .idle = hours(1), .write = Duration(0), .resp_idle = Duration(0)};

ClientTimeouts Header(Duration header) {
  ClientTimeouts timeouts = kNever;
  timeouts.header = header;
  return timeouts;
}

bool IsServed(TestClient* client) {
  client->Send(kLocalRequest);
  return client->Read().status == 400;
}

bool IsServedByResp(TestClient* client) {
  client->Send("PING\r\n");
  return client->ReadBytes(7) == "+PONG\r\n";
}

// --- HTTP. ---

TEST(ClientTimeoutsTest, AFreshConnectionThatSendsNothingHasTheTimeOfARequest) {
  ReactorHarness harness(With(Header(milliseconds(30))));
  const TimePoint start = Now();
  EXPECT_TRUE(TestClient(harness.port()).AtEnd()) << "nothing is said to who has said nothing";
  EXPECT_GE(Now() - start, milliseconds(30));
}

TEST(ClientTimeoutsTest, ARequestThatIsNotWholeInTimeIsToldSo) {
  ReactorHarness harness(With(Header(milliseconds(30))));
  TestClient fresh(harness.port());
  fresh.Send("GET /a HT");
  EXPECT_EQ(fresh.Read().status, 408);
  EXPECT_TRUE(fresh.AtEnd());
  TestClient used(harness.port());
  ASSERT_TRUE(IsServed(&used));
  used.Send("GET /a HT");
  EXPECT_EQ(used.Read().status, 408);
  EXPECT_TRUE(used.AtEnd());
}

TEST(ClientTimeoutsTest, AnEmptyLineBehindAnAnswerIsTheBeginningOfARequest) {
  ReactorHarness harness(With(Header(milliseconds(30))));
  for (const char* beginning : {"\r\n", "\r", "\n"}) {
    TestClient client(harness.port());
    ASSERT_TRUE(IsServed(&client));
    client.Send(beginning);
    EXPECT_TRUE(client.AtEnd()) << "a connection may be idle for an hour here";
  }
}

// Each piece ends within a request, so that the server always waits for the rest of one.
TEST(ClientTimeoutsTest, EachRequestThatIsWholeBeginsTheTimeOfTheNextAnew) {
  ReactorHarness harness(With(Header(std::chrono::seconds(1))));
  TestClient client(harness.port());
  const std::string request(kLocalRequest);
  const TimePoint start = Now();
  client.Send(request.substr(0, 10));
  while (Now() - start < milliseconds(1300)) {
    client.Send(request.substr(10) + request.substr(0, 10));
    ASSERT_EQ(client.Read().status, 400);
    std::this_thread::sleep_for(milliseconds(20));
  }
}

TEST(ClientTimeoutsTest, AConnectionBetweenRequestsHasTheIdleTime) {
  ClientTimeouts timeouts = kNever;
  timeouts.idle = milliseconds(30);
  ReactorHarness harness(With(timeouts));
  TestClient fresh(harness.port());
  TestClient used(harness.port());
  ASSERT_TRUE(IsServed(&used));
  EXPECT_TRUE(used.AtEnd());
  EXPECT_TRUE(IsServed(&fresh)) << "it was not between requests, and these have for ever";
}

TEST(ClientTimeoutsTest, ABodyThatEndsBehindItsAnswerLeavesTheConnectionIdle) {
  ClientTimeouts timeouts = kNever;
  timeouts.idle = milliseconds(30);
  ReactorHarness harness(With(timeouts));
  TestClient client(harness.port());
  client.Send("GET /%zz HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.Read().status, 400);
  client.Send("ab");
  EXPECT_TRUE(client.AtEnd());
}

TEST(ClientTimeoutsTest, WithoutKeepAliveEveryAnswerIsTheLast) {
  HarnessOptions options = With(kNever);
  options.http.keep_alive = false;
  ReactorHarness harness(options);
  TestClient client(harness.port());
  client.Send(std::string(kLocalRequest) + std::string(kLocalRequest));
  const Response response = client.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.AtEnd());
}

// How many bytes a client gets that asks for a large value and begins to read when another
// connection has been idle for too long.
size_t BytesForALateReader(Duration write_timeout) {
  ClientTimeouts timeouts = kNever;
  timeouts.write = write_timeout;
  timeouts.resp_idle = milliseconds(300);
  ReactorHarness harness(With(timeouts));
  TestClient late(harness.port(), 4096);
  late.SendGet("large");
  EXPECT_TRUE(harness.AwaitFetch("large"));
  harness.AnswerValue("large", std::string(kLargeBytes, 'v'));
  EXPECT_TRUE(TestClient(harness.resp_port()).AtEnd());
  return late.ReadBytes(kLargeBytes).size();
}

TEST(ClientTimeoutsTest, AClientThatTakesNothingIsCutOff) {
  EXPECT_LT(BytesForALateReader(milliseconds(30)), kLargeBytes);
}

TEST(ClientTimeoutsTest, WithoutAWriteTimeoutAClientMayTakeNothingForEver) {
  EXPECT_EQ(BytesForALateReader(Duration(0)), kLargeBytes);
}

// --- The Redis protocol. ---

TEST(ClientTimeoutsTest, ARedisClientMayBeSilentForEverUnlessItIsToldOtherwise) {
  ReactorHarness harness(With(Header(milliseconds(30))));
  TestClient fresh(harness.resp_port());
  TestClient used(harness.resp_port());
  ASSERT_TRUE(IsServedByResp(&used));
  EXPECT_TRUE(TestClient(harness.port()).AtEnd());
  EXPECT_TRUE(IsServedByResp(&fresh));
  EXPECT_TRUE(IsServedByResp(&used));
}

TEST(ClientTimeoutsTest, ARedisClientThatIsIdleForTooLongIsCutOff) {
  ClientTimeouts timeouts = kNever;
  timeouts.resp_idle = milliseconds(30);
  ReactorHarness harness(With(timeouts));
  TestClient http(harness.port());
  EXPECT_TRUE(TestClient(harness.resp_port()).AtEnd());
  TestClient used(harness.resp_port());
  ASSERT_TRUE(IsServedByResp(&used));
  EXPECT_TRUE(used.AtEnd());
  EXPECT_TRUE(IsServed(&http));
}

// An answer that Redis owes is no silence of the client.
TEST(ClientTimeoutsTest, ARedisClientThatWaitsForItsAnswerIsNotIdle) {
  ClientTimeouts timeouts = kNever;
  timeouts.resp_idle = milliseconds(30);
  ReactorHarness harness(With(timeouts));
  TestClient waits(harness.resp_port());
  waits.Send("GET a\r\n");
  ASSERT_TRUE(harness.AwaitFetch("a"));
  EXPECT_TRUE(TestClient(harness.resp_port()).AtEnd());
  harness.AnswerValue("a", "1");
  EXPECT_EQ(waits.ReadBytes(7), "$1\r\n1\r\n");
  EXPECT_TRUE(waits.AtEnd());
}

TEST(ClientTimeoutsTest, ACommandThatStopsInTheMiddleIsCutOff) {
  ReactorHarness harness(With(Header(milliseconds(30))));
  TestClient fresh(harness.resp_port());
  fresh.Send("*2\r\n$4\r\nEC");
  EXPECT_TRUE(fresh.AtEnd());
  TestClient used(harness.resp_port());
  used.Send("PING\r\nPI");
  EXPECT_EQ(used.ReadBytes(7), "+PONG\r\n");
  EXPECT_TRUE(used.AtEnd());
}

TEST(ClientTimeoutsTest, ACommandThatGoesOnMayTakeAsLongAsItLikes) {
  ReactorHarness harness(With(Header(std::chrono::seconds(1))));
  TestClient client(harness.resp_port());
  const TimePoint start = Now();
  client.Send("*2\r\n$4\r\nECHO\r\n$100\r\n");
  int sent = 0;
  for (; Now() - start < milliseconds(1300) && sent < 99; ++sent) {
    client.Send("x");
    std::this_thread::sleep_for(milliseconds(15));
  }
  client.Send(std::string(static_cast<size_t>(100 - sent), 'x') + "\r\n");
  EXPECT_EQ(client.ReadBytes(108), "$100\r\n" + std::string(100, 'x') + "\r\n");
}

}  // namespace
}  // namespace rp::core
