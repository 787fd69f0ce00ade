#include "proxy/verifier.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "test/support/cache_flight.h"
#include "test/support/read_through_support.h"

namespace rp::proxy {
namespace {

using std::chrono::seconds;

constexpr uint64_t kServer = 7;
constexpr Duration kMaxStale = seconds(1);

class VerifierTest : public testing::Test {
 protected:
  VerifierTest() {
    coherence_.OnLive(kServer, server_.generation(), now_ + seconds(60));
    cache::Put(&cache_, "k", "old", now_);
  }

  ~VerifierTest() override { EXPECT_TRUE(fetches_.empty()); }

  cache::EntryRef Cached(const std::string& key = "k") { return cache::Get(&cache_, key, now_); }

  static redis::FetchResult Value(std::string_view value) {
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kValue;
    result.value = value;
    result.server = kServer;
    return result;
  }

  // Checks the key, and lets Redis answer.
  void CheckAgainst(const redis::FetchResult& result, const std::string& key = "k") {
    verifier_.Check(Cached(key), now_);
    ASSERT_EQ(fetches_.size(), 1u);
    redis::Fetch* const fetch = std::exchange(fetches_, {})[0];
    EXPECT_EQ(fetch->key, key);
    verifier_.OnFetched(fetch, result, now_);
  }

  TimePoint now_{std::chrono::hours(1)};
  bool has_room_ = true;
  int violations_ = 0;
  std::vector<redis::Fetch*> fetches_;
  redis::CurrentServer server_{"redis"};
  cache::Cache cache_{{.capacity = 1000, .expire = Duration::zero(), .coherent = true}};
  Coherence coherence_{{}, cache::TestHasher(), &server_, &cache_, [] {}};
  Verifier verifier_{{.every = 3, .max_stale = kMaxStale},
                     cache::TestHasher(),
                     &cache_,
                     &coherence_,
                     [this](redis::FetchQueue* fetches, Blocking blocking) {
                       EXPECT_EQ(blocking, Blocking::kNo) << "a hit waits for nothing";
                       while (has_room_ && !fetches->empty())
                         fetches_.push_back(fetches->PopFront());
                       return true;
                     },
                     [this] { ++violations_; }};
};

TEST_F(VerifierTest, ChoosesOneHitInSoMany) {
  std::string chosen;
  for (int i = 0; i < 9; ++i) chosen += verifier_.IsChosen() ? 'x' : '.';
  EXPECT_EQ(chosen, "..x..x..x");
}

TEST_F(VerifierTest, TheSameValueIsNoViolation) {
  CheckAgainst(Value("old"));
  verifier_.Judge(now_ + seconds(60));
  EXPECT_EQ(verifier_.checked(), 1u);
  EXPECT_EQ(verifier_.violations(), 0u);
}

TEST_F(VerifierTest, AnotherValueIsAViolationOnceItIsServedForMaxStale) {
  CheckAgainst(Value("new"));
  verifier_.Judge(now_ + kMaxStale - Duration(1));
  EXPECT_EQ(verifier_.violations(), 0u) << "the report may still come";
  testing::internal::CaptureStderr();
  verifier_.Judge(now_ + kMaxStale);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(verifier_.violations(), 1u);
  EXPECT_EQ(violations_, 1);
  EXPECT_NE(log.find("the key whose FNV-1a hash is af63e64c8601fd8a was"), std::string::npos)
      << log;
  EXPECT_EQ(log.find("old"), std::string::npos) << "no data in the log";
  verifier_.Judge(now_ + seconds(60));
  EXPECT_EQ(verifier_.violations(), 1u) << "once";
}

TEST_F(VerifierTest, AReportThatComesInTimeIsNoViolation) {
  CheckAgainst(Value("new"));
  coherence_.OnInvalidated("k");
  verifier_.Judge(now_ + kMaxStale);
  EXPECT_EQ(verifier_.violations(), 0u);
}

TEST_F(VerifierTest, WhatIsServedAfterThatIsAnotherEntry) {
  CheckAgainst(Value("new"));
  coherence_.OnInvalidated("k");
  cache::Put(&cache_, "k", "new", now_);
  verifier_.Judge(now_ + kMaxStale);
  EXPECT_EQ(verifier_.violations(), 0u);
}

TEST_F(VerifierTest, AnEpochThatHasEndedIsNoViolation) {
  CheckAgainst(Value("new"));
  server_.Outdate(now_);
  coherence_.OnMoved(now_);
  verifier_.Judge(now_ + kMaxStale);
  EXPECT_EQ(verifier_.violations(), 0u);
}

TEST_F(VerifierTest, AKeyThatIsMissingOrOfAnotherTypeDiffersToo) {
  redis::FetchResult missing = Value("");
  missing.kind = redis::FetchResult::Kind::kMissing;
  redis::FetchResult wrong_type = Value("");
  wrong_type.kind = redis::FetchResult::Kind::kError;
  wrong_type.error_code = ErrorCode::kWrongType;
  CheckAgainst(missing);
  CheckAgainst(wrong_type);
  verifier_.Judge(now_ + kMaxStale);
  EXPECT_EQ(verifier_.violations(), 2u);
}

TEST_F(VerifierTest, FailuresAndOtherServersProveNothing) {
  redis::FetchResult failure;
  failure.error_code = ErrorCode::kTimeout;
  CheckAgainst(failure);
  redis::FetchResult other = Value("new");
  other.server = kServer + 1;
  CheckAgainst(other);
  verifier_.Judge(now_ + kMaxStale);
  EXPECT_EQ(verifier_.checked(), 0u);
  EXPECT_EQ(verifier_.violations(), 0u);
}

TEST_F(VerifierTest, IsLeftOutWhereItWouldHaveToWait) {
  has_room_ = false;
  verifier_.Check(Cached(), now_);
  EXPECT_TRUE(fetches_.empty());
  has_room_ = true;
  CheckAgainst(Value("old"));
}

TEST_F(VerifierTest, SoManyAreUnderWayAtOnce) {
  for (size_t i = 0; i < Verifier::kMaxUnderWay; ++i) verifier_.Check(Cached(), now_);
  EXPECT_EQ(fetches_.size(), Verifier::kMaxUnderWay);
  verifier_.Check(Cached(), now_);
  EXPECT_EQ(fetches_.size(), Verifier::kMaxUnderWay);
  for (redis::Fetch* fetch : std::exchange(fetches_, {})) {
    verifier_.OnFetched(fetch, Value("new"), now_);
  }
  CheckAgainst(Value("new"));
  EXPECT_EQ(verifier_.checked(), Verifier::kMaxUnderWay + 1);
  verifier_.Judge(now_ + kMaxStale);
  EXPECT_EQ(verifier_.violations(), Verifier::kMaxUnderWay) << "and no more are kept";
}

}  // namespace
}  // namespace rp::proxy
