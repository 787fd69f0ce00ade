#include "core/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/read_through.h"
#include "test/support/cache_flight.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_support.h"

namespace rp::core {
namespace {

using proxy::Outcome;
using proxy::RequestChain;

// A pool over a cache that has "hit" and a Redis that answers every fetch at once: no such key.
class WorkerPoolTest : public ::testing::Test {
 protected:
  WorkerPoolTest() { cache::Put(&cache_, "hit", "value", Now()); }

  ~WorkerPoolTest() override { pool_.Stop(); }

  proxy::Request* MakeRequest(std::string key) {
    proxy::Request& request = requests_.emplace_back();
    request.home = &home_;
    request.question.key = std::move(key);
    request.deadline = Now() + std::chrono::seconds(60);
    return &request;
  }

  proxy::Request* MakeChain(const std::vector<std::string>& keys) {
    RequestChain chain;
    for (const std::string& key : keys) chain.Append(MakeRequest(key));
    return chain.first();
  }

  bool OnFetch(redis::Fetch* fetch) {
    ++fetches_;
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kMissing;
    read_through_.OnFetched(fetch, result, Now());
    return true;
  }

  proxy::TestHome home_;
  std::deque<proxy::Request> requests_;
  std::atomic<int> fetches_ = 0;
  std::atomic<int> sweeps_ = 0;
  cache::Cache cache_{{}};
  proxy::ReadThrough read_through_{
      {},
      cache::TestHasher(),
      &cache_,
      nullptr,
      proxy::SubmitEach([this](redis::Fetch* fetch) { return OnFetch(fetch); }),
      [](TimePoint) {},
      [] {}};
  proxy::Router router_{&read_through_, nullptr};
  WorkerPool pool_{&router_, [this] { ++sweeps_; }};
};

TEST_F(WorkerPoolTest, RunHereDeliversTheAnsweredOnesOfAChainTogetherAndInOrder) {
  pool_.RunHere(MakeChain({"hit", "miss", "hit", "hit"}));
  const auto chains = home_.chains();
  ASSERT_EQ(chains.size(), 2u);
  EXPECT_EQ(chains[0], std::vector<proxy::Request*>{&requests_[1]});
  EXPECT_EQ(chains[1], (std::vector<proxy::Request*>{&requests_[0], &requests_[2], &requests_[3]}));
  EXPECT_EQ(requests_[0].answer.outcome, Outcome::kValue);
  EXPECT_EQ(requests_[1].answer.outcome, Outcome::kMissing);
}

TEST_F(WorkerPoolTest, RunHereDeliversNothingWhenNothingWasAnswered) {
  pool_.RunHere(MakeChain({"miss"}));
  EXPECT_EQ(home_.chains().size(), 1u) << "that of the flight";
}

TEST_F(WorkerPoolTest, TakesAsManyJobsAsItsQueueHoldsAndNoMore) {
  for (size_t i = 0; i < WorkerPool::kQueueCapacity; ++i) {
    ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit"))) << i;
  }
  proxy::Request* one_more = MakeRequest("hit");
  EXPECT_FALSE(pool_.TrySubmit(one_more));
  EXPECT_FALSE(pool_.TrySubmitSweep());
  EXPECT_EQ(one_more->answer.outcome, Outcome::kPending);
  EXPECT_TRUE(home_.chains().empty());
  pool_.Start(1);
  home_.Await(WorkerPool::kQueueCapacity);
  EXPECT_TRUE(pool_.TrySubmit(one_more));
  home_.Await(WorkerPool::kQueueCapacity + 1);
  EXPECT_EQ(sweeps_, 0);
}

TEST_F(WorkerPoolTest, RunsEveryChainExactlyOnce) {
  constexpr size_t kChains = 1000;
  std::vector<proxy::Request*> chains;
  for (size_t i = 0; i < kChains; ++i) {
    const std::string number = std::to_string(i);
    chains.push_back(MakeChain({"hit", "a" + number, "hit", "b" + number}));
  }
  pool_.Start(4);
  std::vector<std::thread> submitters;
  for (size_t first = 0; first < 2; ++first) {
    submitters.emplace_back([&, first] {
      for (size_t i = first; i < kChains; i += 2) {
        while (!pool_.TrySubmit(chains[i])) std::this_thread::yield();
      }
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  home_.Await(requests_.size());
  pool_.Stop();
  size_t delivered = 0;
  for (const auto& chain : home_.chains()) delivered += chain.size();
  EXPECT_EQ(delivered, 4 * kChains);
  EXPECT_EQ(fetches_, static_cast<int>(2 * kChains));
  for (const proxy::Request& request : requests_)
    ASSERT_EQ(request.answer.outcome,
              request.question.key == "hit" ? Outcome::kValue : Outcome::kMissing);
}

// A test that hangs here has found a lost wake-up.
TEST_F(WorkerPoolTest, WakesAWorkerForEverySubmissionHoweverIdle) {
  pool_.Start(2);
  for (size_t i = 1; i <= 2000; ++i) {
    ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
    home_.Await(i);
  }
}

TEST_F(WorkerPoolTest, RunsTheSweepAmongTheRequests) {
  pool_.Start(1);
  ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
  ASSERT_TRUE(pool_.TrySubmitSweep());
  ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
  home_.Await(2);
  EXPECT_EQ(sweeps_, 1);
}

TEST_F(WorkerPoolTest, OneSliceOfTheSweepWaitsForAllWhoAsk) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool_.TrySubmitSweep());
  ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
  pool_.Start(1);
  home_.Await(1);
  EXPECT_EQ(sweeps_, 1);
  ASSERT_TRUE(pool_.TrySubmitSweep());
  ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
  home_.Await(2);
  EXPECT_EQ(sweeps_, 2);
}

TEST_F(WorkerPoolTest, RefusesASweepWhileTheQueueIsFull) {
  for (size_t i = 0; i < WorkerPool::kQueueCapacity; ++i) {
    ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
  }
  EXPECT_FALSE(pool_.TrySubmitSweep());
  EXPECT_FALSE(pool_.TrySubmitSweep());
  pool_.Start(1);
  home_.Await(WorkerPool::kQueueCapacity);
  EXPECT_TRUE(pool_.TrySubmitSweep());
}

TEST_F(WorkerPoolTest, StopDropsWhatWaits) {
  ASSERT_TRUE(pool_.TrySubmit(MakeRequest("hit")));
  pool_.Stop();
  EXPECT_TRUE(home_.chains().empty());
  EXPECT_EQ(requests_[0].answer.outcome, Outcome::kPending);
}

}  // namespace
}  // namespace rp::core
