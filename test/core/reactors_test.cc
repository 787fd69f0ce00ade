// Two reactors side by side: what they share, and how one is stopped from another's thread.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "net/socket.h"
#include "test/support/reactor_harness.h"

namespace rp::core {
namespace {

// A request that is answered without Redis or workers: 400.
constexpr std::string_view kLocalRequest = "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n";

// Over two reactors, with at most `max_clients` clients.
std::unique_ptr<ReactorHarness> MakePair(size_t max_clients = ReactorHarness::kMaxClients) {
  return std::make_unique<ReactorHarness>(ReactorHarness::DefaultOptions(), max_clients, 2);
}

bool IsServed(TestClient* client) {
  client->Send(kLocalRequest);
  return client->Read().status == 400;
}

std::string Ask(TestClient* client, const std::string& command, const std::string& expected) {
  client->Send(command + "\r\n");
  return client->ReadBytes(expected.size());
}

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// --- Draining. ---

TEST(ReactorsTest, ARequestToDrainWakesAReactorThatSleeps) {
  const auto harness = MakePair();
  TestClient idle(harness->port(1));
  ASSERT_TRUE(IsServed(&idle));
  harness->RequestDrain(1);
  harness->Join(1);
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_FALSE(TestClient(harness->port(1)).connected());
}

TEST(ReactorsTest, ARequestToDrainLetsWhatIsInFlightFinish) {
  const auto harness = MakePair();
  TestClient busy(harness->port(1));
  busy.SendGet("key");
  ASSERT_TRUE(harness->AwaitFetch("key"));
  TestClient idle(harness->port(1));
  ASSERT_TRUE(IsServed(&idle));
  harness->RequestDrain(1);
  EXPECT_TRUE(idle.AtEnd());
  harness->AnswerValue("key", "value");
  const Response response = busy.Read();
  EXPECT_EQ(response.body, "value");
  EXPECT_NE(response.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(busy.AtEnd());
  harness->Join(1);
}

TEST(ReactorsTest, ARequestToDrainIsNoneOfTheOthersBusiness) {
  const auto harness = MakePair();
  TestClient other(harness->port(0));
  harness->RequestDrain(1);
  harness->Join(1);
  EXPECT_TRUE(IsServed(&other));
}

TEST(ReactorsTest, ARequestToDrainFromBeforeTheStartEndsIt) {
  WorkerPool workers(nullptr, [] {});
  ClientCount clients(1);
  Reactor reactor(ReactorHarness::DefaultOptions(), &clients, nullptr, &workers);
  reactor.RequestDrain();
  reactor.Run();
  EXPECT_TRUE(reactor.draining());
}

// --- Clients. ---

TEST(ReactorsTest, TheLimitOfClientsHoldsOverBoth) {
  const auto harness = MakePair(2);
  TestClient first(harness->port(0));
  TestClient second(harness->port(1));
  EXPECT_TRUE(IsServed(&first));
  EXPECT_TRUE(IsServed(&second));
  for (const size_t reactor : {0u, 1u}) {
    TestClient third(harness->port(reactor));
    EXPECT_EQ(third.Read().status, 503) << reactor;
    EXPECT_TRUE(third.AtEnd());
  }
  EXPECT_TRUE(IsServed(&first));
  EXPECT_TRUE(IsServed(&second));
}

TEST(ReactorsTest, AClientThatHasSeenItsEndFindsRoomAtTheOther) {
  const auto harness = MakePair(1);
  for (size_t i = 0; i < 200; ++i) {
    TestClient client(harness->port(i % 2));
    ASSERT_TRUE(IsServed(&client)) << i;
    client.EndInput();
    ASSERT_TRUE(client.AtEnd());
  }
}

TEST(ReactorsTest, ClientIdsAreUniqueOverBoth) {
  const auto harness = MakePair();
  std::string ids;
  for (const size_t reactor : {0u, 1u, 0u, 1u}) {
    TestClient client(harness->resp_port(reactor));
    ids += Ask(&client, "CLIENT ID", ":1\r\n");
  }
  EXPECT_EQ(ids, ":1\r\n:2\r\n:3\r\n:4\r\n");
}

TEST(ReactorsTest, InfoCountsTheClientsOfBoth) {
  const auto harness = MakePair(7);
  TestClient http(harness->port(0));
  ASSERT_TRUE(IsServed(&http));
  TestClient first(harness->resp_port(0));
  TestClient second(harness->resp_port(1));
  const std::string expected = Bulk("# Clients\r\nconnected_clients:3\r\nmaxclients:7\r\n");
  ASSERT_EQ(Ask(&first, "PING", "+PONG\r\n"), "+PONG\r\n");
  EXPECT_EQ(Ask(&second, "INFO clients", expected), expected);
  EXPECT_EQ(Ask(&first, "INFO clients", expected), expected);
}

// --- The cache. ---

TEST(ReactorsTest, AValueFetchedThroughOneIsAHitThroughTheOther) {
  const auto harness = MakePair();
  TestClient first(harness->port(0));
  first.SendGet("key");
  ASSERT_TRUE(harness->AwaitFetch("key"));
  harness->AnswerValue("key", "value");
  EXPECT_EQ(first.Read().body, "value");
  harness->StopWorkers();
  TestClient second(harness->port(1));
  second.SendGet("key");
  EXPECT_EQ(second.Read().body, "value");
}

TEST(ReactorsTest, OneFetchAnswersTheClientsOfBoth) {
  const auto harness = MakePair();
  TestClient first(harness->port(0));
  TestClient second(harness->port(1));
  first.SendGet("key");
  ASSERT_TRUE(harness->AwaitFetch("key"));
  second.SendGet("key");
  // A reactor starts misses in their order: when Redis is asked for this one, it was at the other.
  second.SendGet("next");
  ASSERT_TRUE(harness->AwaitFetch("next"));
  EXPECT_EQ(harness->fetches(), 2u);
  harness->AnswerValue("key", "value");
  harness->AnswerValue("next", "value");
  EXPECT_EQ(first.Read().body, "value");
  EXPECT_EQ(second.Read().body, "value");
  EXPECT_EQ(second.Read().body, "value");
}

}  // namespace
}  // namespace rp::core
