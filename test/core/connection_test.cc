// Connections, their HTTP sessions and the reactor, over real sockets.

#include "core/connection.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "test/support/reactor_harness.h"

namespace rp::core {
namespace {

// A request that is answered without Redis or workers: 400.
constexpr std::string_view kLocalRequest = "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n";

std::string GetOf(const std::string& key) { return "GET /" + key + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

// --- The pipeline. ---

TEST(ConnectionTest, AnswersInTheOrderOfTheRequestsWhateverTheOrderOfTheReplies) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send(GetOf("a") + GetOf("b") + std::string(kLocalRequest) + GetOf("c"));
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(harness.AwaitFetch(key));
  harness.AnswerValue("c", "value of c");
  harness.AnswerMissing("b");
  harness.AnswerValue("a", "value of a");
  const Response a = client.Read();
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.body, "value of a");
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_EQ(client.Read().body, "value of c");
}

TEST(ConnectionTest, AnswersWhatIsReadyAtTheFrontWhileOthersWait) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send(GetOf("a") + GetOf("b"));
  ASSERT_TRUE(harness.AwaitFetch("b"));
  harness.AnswerValue("a", "value of a");
  EXPECT_EQ(client.Read().body, "value of a");
  harness.AnswerValue("b", "value of b");
  EXPECT_EQ(client.Read().body, "value of b");
}

TEST(ConnectionTest, AnswersHitsWithoutAWorker) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.SendGet("key");
  ASSERT_TRUE(harness.AwaitFetch("key"));
  harness.AnswerValue("key", "value");
  EXPECT_EQ(client.Read().body, "value");
  harness.StopWorkers();
  client.SendGet("key");
  EXPECT_EQ(client.Read().body, "value");
}

TEST(ConnectionTest, StartsAFewMissesWithoutAWorker) {
  ReactorHarness harness;
  harness.StopWorkers();
  TestClient client(harness.port());
  std::string input;
  for (int i = 0; i < 16; ++i) input += GetOf("k" + std::to_string(i));
  client.Send(input);
  for (int i = 0; i < 16; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(harness.AwaitFetch(key));
    harness.AnswerValue(key, key);
    EXPECT_EQ(client.Read().body, key);
  }
}

TEST(ConnectionTest, LeavesMoreMissesAtOnceToTheWorkers) {
  ReactorHarness harness;
  TestClient client(harness.port());
  std::string input;
  for (int i = 0; i < 17; ++i) input += GetOf("k" + std::to_string(i));
  client.Send(input);
  ASSERT_TRUE(harness.AwaitFetch("k16"));
  EXPECT_EQ(harness.fetches_of_workers(), 17u);
  for (int i = 0; i < 17; ++i) {
    harness.AnswerMissing("k" + std::to_string(i));
    EXPECT_EQ(client.Read().status, 404);
  }
}

// No event comes to help: the reactor has to try again by itself.
TEST(ConnectionTest, SubmitsWhatTheFetchersWereTooBusyToTake) {
  ReactorHarness harness;
  harness.StopWorkers();
  TestClient client(harness.port());
  for (const int refusals : {1, 2, 3, 4, 5, 100}) {
    harness.RefuseToTake(refusals);
    const std::string key = std::to_string(refusals);
    client.SendGet(key);
    ASSERT_TRUE(harness.AwaitFetch(key)) << refusals;
    harness.AnswerValue(key, key);
    EXPECT_EQ(client.Read().body, key);
  }
  harness.RefuseToTake(0);
}

TEST(ConnectionTest, TakesARequestByteByByte) {
  ReactorHarness harness;
  TestClient client(harness.port());
  for (const char byte : GetOf("key")) client.Send({&byte, 1});
  ASSERT_TRUE(harness.AwaitFetch("key"));
  harness.AnswerValue("key", "value");
  EXPECT_EQ(client.Read().body, "value");
}

TEST(ConnectionTest, TakesASecondRequestWithoutWaitingForMoreBytes) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send(GetOf("a") + GetOf("b").substr(0, 10));
  ASSERT_TRUE(harness.AwaitFetch("a"));
  client.Send(GetOf("b").substr(10) + GetOf("c"));
  ASSERT_TRUE(harness.AwaitFetch("c"));
  for (const char* key : {"a", "b", "c"}) {
    harness.AnswerValue(key, key);
    EXPECT_EQ(client.Read().body, key);
  }
}

// One more than a pipeline holds, sent at once.
TEST(ConnectionTest, Holds64RequestsAndTakesThe65thWhenTheFirstIsAnswered) {
  ReactorHarness harness;
  TestClient client(harness.port());
  std::string input;
  for (int i = 0; i < 65; ++i) input += GetOf("k" + std::to_string(i));
  client.Send(input);
  ASSERT_TRUE(harness.AwaitFetch("k63"));
  // The 65th would have been started before this one was read.
  TestClient other(harness.port());
  other.SendGet("other");
  ASSERT_TRUE(harness.AwaitFetch("other"));
  EXPECT_EQ(harness.fetches(), 65u) << "64 of the first client and one of the second";
  harness.AnswerMissing("other");
  EXPECT_EQ(other.Read().status, 404);

  harness.AnswerValue("k0", "k0");
  ASSERT_TRUE(harness.AwaitFetch("k64"));
  EXPECT_EQ(client.Read().body, "k0");
  for (int i = 64; i > 0; --i) {
    const std::string key = "k" + std::to_string(i);
    harness.AnswerValue(key, key);
  }
  for (int i = 1; i < 65; ++i) EXPECT_EQ(client.Read().body, "k" + std::to_string(i));
}

TEST(ConnectionTest, AnswersThousandsOfPipelinedRequests) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.SendGet("key");
  ASSERT_TRUE(harness.AwaitFetch("key"));
  harness.AnswerValue("key", "value");
  EXPECT_EQ(client.Read().status, 200);
  std::string input;
  for (int i = 0; i < 5000; ++i) input += i % 3 == 0 ? std::string(kLocalRequest) : GetOf("key");
  std::thread sender([&] { client.Send(input); });
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(client.Read().status, i % 3 == 0 ? 400 : 200) << i;
  sender.join();
}

TEST(ConnectionTest, HeadHasNoBodyAndKeepsTheFraming) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send("HEAD /key HTTP/1.1\r\nHost: h\r\n\r\n" + GetOf("key"));
  ASSERT_TRUE(harness.AwaitFetch("key"));
  harness.AnswerValue("key", "value");
  const Response head = client.Read(/*has_body=*/false);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.head.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(client.Read().body, "value");
}

TEST(ConnectionTest, SaysWhetherTheCacheHadIt) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.SendGet("key");
  ASSERT_TRUE(harness.AwaitFetch("key"));
  harness.AnswerValue("key", "value");
  EXPECT_NE(client.Read().head.find("Cache-Status: redis-proxy; fwd=miss\r\n"), std::string::npos);
  client.SendGet("key");
  EXPECT_NE(client.Read().head.find("Cache-Status: redis-proxy; hit\r\n"), std::string::npos);
}

// --- Ends of connections. ---

TEST(ConnectionTest, AClientThatEndsItsInputGetsItsAnswersAndThenTheEnd) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send(GetOf("a") + GetOf("b"));
  client.EndInput();
  ASSERT_TRUE(harness.AwaitFetch("b"));
  harness.AnswerValue("b", "value of b");
  harness.AnswerValue("a", "value of a");
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_EQ(client.Read().body, "value of b");
  EXPECT_TRUE(client.AtEnd());
}

TEST(ConnectionTest, AClientThatEndsItsInputBehindAFullPipelineGetsAllAnswers) {
  ReactorHarness harness;
  TestClient client(harness.port());
  std::string input;
  for (int i = 0; i < 130; ++i) input += GetOf("k" + std::to_string(i));
  client.Send(input);
  client.EndInput();
  for (int i = 0; i < 130; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(harness.AwaitFetch(key));
    harness.AnswerValue(key, key);
    ASSERT_EQ(client.Read().body, key);
  }
  EXPECT_TRUE(client.AtEnd());
}

TEST(ConnectionTest, NothingBehindTheLastRequestIsReadAsOne) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send("GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GetOf("never"));
  const Response response = client.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.AtEnd());
  EXPECT_EQ(harness.fetches(), 0u);
}

TEST(ConnectionTest, ASyntaxErrorIsTheLastAnswerBehindThoseBefore) {
  ReactorHarness harness;
  TestClient client(harness.port());
  client.Send(GetOf("a") + "NOT HTTP\r\n\r\n");
  ASSERT_TRUE(harness.AwaitFetch("a"));
  harness.AnswerValue("a", "value of a");
  EXPECT_EQ(client.Read().body, "value of a");
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_TRUE(client.AtEnd());
}

// That the request comes home although its connection is gone, the harness expects at its end.
TEST(ConnectionTest, AnAnswerForAClientThatHasLeftGoesNowhere) {
  ReactorHarness harness;
  {
    TestClient client(harness.port());
    client.SendGet("key");
    ASSERT_TRUE(harness.AwaitFetch("key"));
  }
  harness.AnswerValue("key", "value");
  TestClient next(harness.port());
  next.SendGet("key");
  EXPECT_EQ(next.Read().body, "value") << "the fetch was worth while all the same";
}

// --- Deadlines of requests. ---

TEST(ConnectionTest, ATimeoutTakesItsOwnPlaceAndTheLateAnswerIsDropped) {
  HarnessOptions options = ReactorHarness::DefaultOptions();
  options.timeout = std::chrono::milliseconds(50);
  ReactorHarness harness(options);
  TestClient client(harness.port());
  client.Send(std::string(kLocalRequest) + GetOf("late") + std::string(kLocalRequest));
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_EQ(client.Read().status, 504);
  EXPECT_EQ(client.Read().status, 400);
  ASSERT_TRUE(harness.AwaitFetch("late"));
  harness.AnswerValue("late", "value");
  // The answer is on its way to the reactor before this request is.
  client.Send(kLocalRequest);
  EXPECT_EQ(client.Read().status, 400);
  client.EndInput();
  EXPECT_TRUE(client.AtEnd()) << "nothing came of the late answer";
  EXPECT_TRUE(harness.Cached("late")) << "but it was stored";
}

// --- Slow readers. ---

TEST(ConnectionTest, ASlowReaderOfABigValueGetsAllOfItAndItIsNotCopied) {
  ReactorHarness harness;
  std::string value;
  for (size_t i = 0; value.size() < 16 << 20; ++i) value += std::to_string(i) + ' ';
  TestClient slow(harness.port(), 4096);
  slow.Send(GetOf("big") + GetOf("big") + std::string(kLocalRequest));
  ASSERT_TRUE(harness.AwaitFetch("big"));
  harness.AnswerValue("big", value);
  const cache::EntryRef entry = harness.Cached("big");
  ASSERT_TRUE(entry);
  // Others are served in the meantime; with the second answer the turn of the first is over.
  TestClient other(harness.port());
  for (int i = 0; i < 2; ++i) {
    other.Send(kLocalRequest);
    EXPECT_EQ(other.Read().status, 400);
  }
  EXPECT_EQ(entry->references, 4u)
      << "the cache, this test, and the two answers that wait for the socket: pins, no copies";
  for (int i = 0; i < 2; ++i) {
    const Response response = slow.Read();
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == value);
  }
  EXPECT_EQ(slow.Read().status, 400);
  while (entry->references != 2) std::this_thread::yield();
}

TEST(ConnectionTest, ASlowReaderThatLeavesPinsNothing) {
  ReactorHarness harness;
  const std::string value(16 << 20, 'v');
  cache::EntryRef entry;
  {
    TestClient slow(harness.port(), 4096);
    slow.SendGet("big");
    ASSERT_TRUE(harness.AwaitFetch("big"));
    harness.AnswerValue("big", value);
    entry = harness.Cached("big");
    ASSERT_TRUE(entry);
    while (entry->references != 3) std::this_thread::yield();
  }
  while (entry->references != 2) std::this_thread::yield();
}

// --- Limits. ---

TEST(ReactorTest, TellsTheClientOverTheLimitToComeBackLater) {
  ReactorHarness harness(ReactorHarness::DefaultOptions(), 2);
  const auto first = std::make_unique<TestClient>(harness.port());
  TestClient second(harness.port());
  for (TestClient* client : {first.get(), &second}) {
    client->Send(kLocalRequest);
    EXPECT_EQ(client->Read().status, 400);
  }
  {
    TestClient third(harness.port());
    const Response refusal = third.Read();
    EXPECT_EQ(refusal.status, 503);
    EXPECT_NE(refusal.head.find("Retry-After: 1\r\n"), std::string::npos);
    EXPECT_NE(refusal.head.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(third.AtEnd());
  }
  second.Send(kLocalRequest);
  EXPECT_EQ(second.Read().status, 400) << "those inside are served all the same";
}

TEST(ReactorTest, AClientThatLeavesMakesRoomForAnother) {
  ReactorHarness harness(ReactorHarness::DefaultOptions(), 1);
  {
    TestClient first(harness.port());
    first.Send(kLocalRequest);
    EXPECT_EQ(first.Read().status, 400);
    first.EndInput();
    ASSERT_TRUE(first.AtEnd());
  }
  TestClient second(harness.port());
  second.Send(kLocalRequest);
  EXPECT_EQ(second.Read().status, 400);
}

TEST(ReactorTest, ARefusedClientThatStaysTakesNoRoomFromOthers) {
  ReactorHarness harness(ReactorHarness::DefaultOptions(), 1);
  TestClient inside(harness.port());
  inside.Send(kLocalRequest);
  EXPECT_EQ(inside.Read().status, 400);
  TestClient refused(harness.port());
  EXPECT_EQ(refused.Read().status, 503);
  inside.EndInput();
  ASSERT_TRUE(inside.AtEnd());
  TestClient next(harness.port());
  next.Send(kLocalRequest);
  EXPECT_EQ(next.Read().status, 400);
}

// --- Draining. ---

TEST(ReactorTest, DrainFinishesWhatIsInFlightAndEnds) {
  ReactorHarness harness;
  TestClient busy(harness.port());
  busy.SendGet("key");
  ASSERT_TRUE(harness.AwaitFetch("key"));
  TestClient idle(harness.port());
  idle.Send(kLocalRequest);
  EXPECT_EQ(idle.Read().status, 400);
  harness.Drain();
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_FALSE(TestClient(harness.port()).connected());
  harness.AnswerValue("key", "value");
  const Response response = busy.Read();
  EXPECT_EQ(response.body, "value");
  EXPECT_NE(response.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(busy.AtEnd());
  harness.Join();
}

// The acceptor's event waits in the same batch behind the one that stops it: AddressSanitizer sees
// when the acceptor is freed too early.
TEST(ReactorTest, DrainSurvivesAClientThatWaitsToBeAccepted) {
  WorkerPool workers(nullptr, [] {});
  ClientCount clients(1);
  Reactor reactor(ReactorHarness::DefaultOptions(), &clients, nullptr, &workers);
  uint16_t port = 0;
  UniqueFd listening = ListenOnFreePort(&port);
  DrainOnEvent drain(&reactor);
  drain.Raise();
  reactor.Serve(std::move(listening), "HTTP", http_front::HttpSessions({}));
  TestClient client(port);
  ASSERT_TRUE(client.connected());
  reactor.Run();
  EXPECT_EQ(client.Read().status, 0);
}

}  // namespace
}  // namespace rp::core
