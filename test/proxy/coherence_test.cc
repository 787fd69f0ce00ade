#include "proxy/coherence.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "test/support/cache_flight.h"

namespace rp::proxy {
namespace {

TEST(CoherenceTest, CallsForTheSweepOnceManyKeysHaveGoneOneByOne) {
  cache::Cache cache({.coherent = true});
  int calls = 0;
  redis::CurrentServer server("redis");
  Coherence coherence({}, cache::TestHasher(), &server, &cache, [&calls] { ++calls; });
  coherence.OnLive(1, server.generation(), kNever);
  calls = 0;
  for (size_t i = 1; i < Coherence::kGarbageKeys; ++i) coherence.OnInvalidated(std::to_string(i));
  EXPECT_EQ(calls, 0);
  coherence.OnInvalidated("one more");
  EXPECT_EQ(calls, 1);
}

class CoherenceStatesTest : public testing::Test {
 protected:
  // Whether a value is stored and found at that time.
  bool Caches() {
    const std::string key = std::to_string(++keys_);
    cache::Put(&cache_, key, "v", now_);
    return static_cast<bool>(cache::Get(&cache_, key, now_));
  }

  void GoLive() { coherence_.OnLive(1, server_.generation(), now_ + std::chrono::hours(1)); }

  TimePoint now_{std::chrono::hours(1)};
  int keys_ = 0;
  redis::CurrentServer server_{"redis", [this](TimePoint now) { coherence_.OnMoved(now); }};
  cache::Cache cache_{{.capacity = 1000,
                       .expire = Duration::zero(),
                       .stale = std::chrono::hours(1),
                       .coherent = true}};
  Coherence coherence_{
      {.or_by_time = true, .prefixes = {}}, cache::TestHasher(), &server_, &cache_, [] {}};
  const Error replica_{ErrorCode::kReadOnly, "it is a replica"};
  const Error refusal_{ErrorCode::kNoPermission, "it does not permit that"};
};

TEST_F(CoherenceStatesTest, AMoveEndsTheEpochAndALateProofDoesNotBringItBack) {
  GoLive();
  ASSERT_TRUE(Caches());
  server_.Outdate(now_);
  EXPECT_FALSE(Caches());
  coherence_.OnLease(now_ + std::chrono::hours(2));
  EXPECT_FALSE(Caches());
}

TEST_F(CoherenceStatesTest, ALossLeavesStaleAnswersAndAMoveDoesNot) {
  const auto stale = [this] {
    return static_cast<bool>(cache_.GetStale(cache::HashOf("k"), "k", now_));
  };
  GoLive();
  cache::Put(&cache_, "k", "v", now_);
  coherence_.OnLost(refusal_, now_);
  EXPECT_TRUE(stale());
  server_.Outdate(now_);
  EXPECT_FALSE(stale());
}

TEST_F(CoherenceStatesTest, ASubscriptionFromBeforeAMoveBeginsNoEpoch) {
  const uint64_t before = server_.generation();
  server_.Outdate(now_);
  coherence_.OnLive(1, before, kNever);
  EXPECT_FALSE(Caches());
  GoLive();
  EXPECT_TRUE(Caches());
}

TEST_F(CoherenceStatesTest, GoesByTimeInFrontOfWhatCannotBeFollowed) {
  coherence_.OnUnsupported(refusal_, now_);
  EXPECT_FALSE(coherence_.follows());
  cache::Put(&cache_, "k", "of the server before", now_);
  server_.Outdate(now_);
  EXPECT_FALSE(cache::Get(&cache_, "k", now_)) << "no values of two servers";
  EXPECT_TRUE(Caches()) << "time alone counts";
  coherence_.OnUnsupported(refusal_, now_);
  EXPECT_TRUE(Caches());
}

TEST_F(CoherenceStatesTest, ASubscriptionThatCouldNotBeginDoesNotEndByTime) {
  coherence_.OnUnsupported(refusal_, now_);
  const uint64_t before = server_.generation();
  server_.Outdate(now_);
  coherence_.OnLive(1, before, kNever);
  coherence_.OnLost(refusal_, now_);
  EXPECT_FALSE(coherence_.follows());
  EXPECT_TRUE(Caches());
  coherence_.OnUnsupported(replica_, now_);
  EXPECT_FALSE(coherence_.follows()) << "it never was a master";
}

TEST_F(CoherenceStatesTest, GoesByTimeInFrontOfAReplicaOnlyIfItWasNeverAMaster) {
  coherence_.OnUnsupported(replica_, now_);
  EXPECT_TRUE(Caches());
  GoLive();
  coherence_.OnLost(replica_, now_);
  coherence_.OnUnsupported(replica_, now_);
  EXPECT_TRUE(coherence_.follows());
  EXPECT_FALSE(Caches());
}

TEST_F(CoherenceStatesTest, LeavesByTimeWhenAFormerMasterBecomesAReplica) {
  GoLive();
  coherence_.OnLost(refusal_, now_);
  coherence_.OnUnsupported(refusal_, now_);
  ASSERT_TRUE(Caches());
  coherence_.OnUnsupported(replica_, now_);
  EXPECT_TRUE(coherence_.follows());
  EXPECT_EQ(coherence_.state(), Coherence::State::kNotPrimary);
  EXPECT_FALSE(Caches());
}

}  // namespace
}  // namespace rp::proxy
