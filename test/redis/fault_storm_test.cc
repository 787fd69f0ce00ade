// Many threads against a Redis that fails in every way at random: no reply goes to the wrong fetch,
// and none is lost or given twice.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "redis/fetchers.h"
#include "test/support/fake_redis.h"
#include "test/support/fetch_client.h"

namespace rp::redis {
namespace {

using Answer = FakeRedis::Answer;
using Command = FakeRedis::Command;

std::string ValueOf(const std::string& key) { return "<" + key + ">" + std::string(40, 'v'); }

Answer RandomAnswer(const std::string& bytes, std::minstd_rand* random) {
  const auto cut = static_cast<std::ptrdiff_t>((*random)() % bytes.size());
  switch ((*random)() % 200) {
    case 0:
      return Answer{.bytes = "", .close = true};
    case 1:
      return Answer{.bytes = bytes, .close = true};
    case 2:
      return Answer{.bytes = bytes.substr(0, static_cast<size_t>(cut)), .close = true};
    case 3:
      return Answer{.bytes = bytes, .drip = std::chrono::microseconds(300)};
    case 4:
      return Answer{.bytes = bytes, .delay = milliseconds(20)};
    case 5:
      return Answer{.bytes = "garbage\r\n"};
    case 6:
      return Answer{.bytes = "", .delay = Duration::zero()};  // and the next reply is out of step
    case 7:
      return Answer{.bytes = "-ERR no\r\n"};
    case 8:
      return Answer{.bytes = bytes, .held = true};
    default:
      return Answer{.bytes = bytes};
  }
}

TEST(FaultStormTest, NoReplyGoesToTheWrongFetchAndNoneIsLost) {
  std::minstd_rand random(7);
  FakeRedis server([&](const Command& command) -> std::optional<Answer> {
    if (command.name() == "GET") {
      return RandomAnswer(FakeRedis::Bulk(ValueOf(command.key())), &random);
    }
    if (command.name() == "PTTL") return RandomAnswer(":1234\r\n", &random);
    return std::nullopt;
  });
  Options options = OptionsFor(server.address());
  options.timeout = milliseconds(50);
  FetchClient client(options);
  constexpr int kThreads = 4;
  constexpr int kRounds = 60;
  constexpr int kFetches = 20;
  std::atomic<int> values{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<Request*> requests;
        for (int i = 0; i < kFetches; ++i) {
          const std::string key = std::to_string((thread * kRounds + round) * kFetches + i);
          requests.push_back(client.Submit(key, milliseconds(5 + (i % 5) * 10)));
          if (i % 7 == 0) requests.back()->SetDeadline(Now() + milliseconds(60));
        }
        for (Request* const request : requests) {
          const Outcome outcome = client.Wait(request);
          if (outcome.kind == FetchResult::Kind::kValue) {
            ++values;
            EXPECT_EQ(outcome.value, ValueOf(request->key_bytes));
          }
          EXPECT_FALSE(outcome.IsMissing());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(values, kThreads * kRounds * kFetches / 10);
  EXPECT_EQ(client.Surplus(), 0);
  server.SetScript({});
  server.Set("calm", "again");
  EXPECT_TRUE(client.AwaitValue("calm", "again"));
}

TEST(FaultStormTest, StoppingInTheMiddleLeavesNoFetchBehind) {
  for (int round = 0; round < 20; ++round) {
    FakeRedis server;
    FetchClient client(OptionsFor(server.address()));
    std::vector<Request*> requests;
    std::thread submitter([&] {
      for (;;) {
        Request* const request = client.Submit("k");
        if (request == nullptr) return;
        requests.push_back(request);
      }
    });
    EXPECT_TRUE(Await([&] { return server.Count("GET") > 0; }));
    client.fetchers().Stop();
    submitter.join();
    for (Request* const request : requests) EXPECT_TRUE(client.IsDone(request));
    EXPECT_EQ(client.Surplus(), 0);
  }
}

}  // namespace
}  // namespace rp::redis
