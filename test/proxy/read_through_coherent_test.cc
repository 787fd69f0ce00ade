// ReadThrough over a cache that follows writes.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/read_through.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_support.h"

namespace rp::proxy {
namespace {

using std::chrono::seconds;

constexpr uint64_t kServer = 7;
constexpr Duration kMaxStale = seconds(1);

class CoherentReadThroughTest : public ::testing::Test {
 protected:
  CoherentReadThroughTest()
      : cache_({.capacity = 100, .expire = Duration::zero(), .coherent = true}),
        coherence_({.max_stale = kMaxStale, .prefixes = {"p:"}}, Hasher({1, 2}), &server_, &cache_,
                   [] {}),
        read_through_(
            {}, Hasher({1, 2}), &cache_, &coherence_, SubmitEach([this](redis::Fetch* fetch) {
              fetches_.push_back(fetch);
              return true;
            }),
            [](TimePoint) {}, [] {}) {}

  ~CoherentReadThroughTest() override {
    EXPECT_TRUE(fetches_.empty()) << "a flight was left hanging";
  }

  void GoLive() { coherence_.OnLive(kServer, server_.generation(), Now() + seconds(60)); }

  // What Redis answered just now, of the server that is listened to.
  static redis::FetchResult Answer(redis::FetchResult::Kind kind) {
    redis::FetchResult result;
    result.kind = kind;
    result.ttl_ms = redis::kTtlNone;
    result.sent_at = Now();
    result.server = kServer;
    return result;
  }

  static redis::FetchResult Value(std::string_view value) {
    redis::FetchResult result = Answer(redis::FetchResult::Kind::kValue);
    result.value = value;
    return result;
  }

  static redis::FetchResult WrongType() {
    redis::FetchResult result = Answer(redis::FetchResult::Kind::kError);
    result.error_code = ErrorCode::kWrongType;
    result.error_text = "WRONGTYPE Operation against a key holding the wrong kind of value";
    return result;
  }

  void Finish(const redis::FetchResult& result) {
    ASSERT_FALSE(fetches_.empty());
    redis::Fetch* fetch = fetches_.front();
    fetches_.erase(fetches_.begin());
    read_through_.OnFetched(fetch, result, Now());
  }

  // Asks for the key; whether the cache answers at once.
  bool Ask(const std::string& key, Request* request) {
    request->home = &home_;
    request->question.key = key;
    request->deadline = Now() + seconds(60);
    return StartOne(&read_through_, request, Now());
  }

  // Whether the key, once fetched with `result`, is answered by the cache.
  bool IsCachedAfter(const std::string& key, const redis::FetchResult& result) {
    Request first;
    EXPECT_FALSE(Ask(key, &first));
    Finish(result);
    EXPECT_NE(first.answer.outcome, Outcome::kPending);
    Request second;
    if (Ask(key, &second)) return true;
    Finish(result);
    return false;
  }

  TestHome home_;
  std::vector<redis::Fetch*> fetches_;
  cache::Cache cache_;
  redis::CurrentServer server_{"redis"};
  Coherence coherence_;
  ReadThrough read_through_;
};

TEST_F(CoherentReadThroughTest, CachesWhatRedisReportsOn) {
  GoLive();
  EXPECT_TRUE(IsCachedAfter("p:value", Value("1")));
  EXPECT_TRUE(IsCachedAfter("p:missing", Answer(redis::FetchResult::Kind::kMissing)));
  EXPECT_TRUE(IsCachedAfter("p:list", WrongType()));
}

TEST_F(CoherentReadThroughTest, DoesNotRememberLongKeysThatHaveNoValue) {
  GoLive();
  for (const auto& result : {Answer(redis::FetchResult::Kind::kMissing), WrongType()}) {
    EXPECT_TRUE(IsCachedAfter("p:" + std::string(1022, 'k'), result));
    EXPECT_FALSE(IsCachedAfter("p:" + std::string(1023, 'k'), result));
    coherence_.OnInvalidated("p:" + std::string(1022, 'k'));
  }
  EXPECT_TRUE(IsCachedAfter("p:" + std::string(65'534, 'k'), Value("1")));
  EXPECT_FALSE(IsCachedAfter("p:" + std::string(65'535, 'k'), Value("1")));
}

TEST_F(CoherentReadThroughTest, AKeyOutsideEveryPrefixIsServedAndNotCached) {
  GoLive();
  EXPECT_FALSE(IsCachedAfter("value", Value("1")));
  EXPECT_FALSE(IsCachedAfter("missing", Answer(redis::FetchResult::Kind::kMissing)));
  Request request;
  EXPECT_FALSE(Ask("value", &request));
  Finish(Value("1"));
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  EXPECT_EQ(request.answer.source, Source::kRedisNoPrefix);
}

TEST_F(CoherentReadThroughTest, WithoutALeaseNothingIsCached) {
  EXPECT_FALSE(IsCachedAfter("p:value", Value("1")));
  GoLive();
  EXPECT_TRUE(IsCachedAfter("p:value", Value("1")));
  coherence_.OnLost(Error{ErrorCode::kTimeout, ""}, Now());
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  Finish(Value("1"));
  EXPECT_EQ(request.answer.source, Source::kRedisNoLease);
}

// After a failover the data connections may lead to another server than the reports come from.
TEST_F(CoherentReadThroughTest, AnAnswerOfAnotherServerIsServedAndNotCached) {
  GoLive();
  redis::FetchResult result = Value("1");
  result.server = kServer + 1;
  EXPECT_FALSE(IsCachedAfter("p:value", result));
}

// Whoever asks while the lease holds may be answered by a server that nobody vouches for.
TEST_F(CoherentReadThroughTest, AnAnswerSaysWhereItComesFromWhenItIsGiven) {
  const struct {
    ErrorCode loss;
    uint64_t server;
    Source source;
  } rows[] = {
      {ErrorCode::kInternal, kServer, Source::kRedis},  // no loss
      {ErrorCode::kInternal, kServer + 1, Source::kRedisNoLease},
      {ErrorCode::kInternal, 0, Source::kRedisNoLease},  // a server that does not say who it is
      {ErrorCode::kTimeout, kServer, Source::kRedisNoLease},
      {ErrorCode::kReadOnly, kServer, Source::kRedisNotPrimary},
      {ErrorCode::kReadOnly, kServer + 1, Source::kRedisNotPrimary},
  };
  for (const auto& row : rows) {
    GoLive();
    Request request;
    EXPECT_FALSE(Ask("p:value", &request));
    if (row.loss != ErrorCode::kInternal) coherence_.OnLost(Error{row.loss, ""}, Now());
    redis::FetchResult result = Value("1");
    result.server = row.server;
    Finish(result);
    EXPECT_EQ(request.answer.value->value(), "1");
    EXPECT_EQ(request.answer.source, row.source);
  }
}

TEST_F(CoherentReadThroughTest, ALateAnswerOfTheServerBeforeAMoveIsAskedForAgainTwice) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  const redis::ServerIdentity other{redis::ServerIdentity::Kind::kRunId, kServer + 1};
  static_cast<void>(server_.OnConnected(other, 1, server_.generation(), Now()));
  for (int i = 0; i < 2; ++i) {
    Finish(Value("old"));
    ASSERT_EQ(fetches_.size(), 1u);
  }
  Finish(Value("old"));
  EXPECT_EQ(request.answer.value->value(), "old") << "where each connection leads elsewhere";
  EXPECT_EQ(request.answer.source, Source::kRedis) << "of the server that is followed";
}

// PTTL may be refused, or the key gone in between: its end is not known then.
TEST_F(CoherentReadThroughTest, AWrongTypeWithoutATtlIsNotCached) {
  GoLive();
  redis::FetchResult result = WrongType();
  result.ttl_ms = redis::kTtlGone;
  EXPECT_FALSE(IsCachedAfter("p:list", result));
}

TEST_F(CoherentReadThroughTest, WhatWasOverwrittenWhileItWasFetchedIsNotCached) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  coherence_.OnInvalidated("p:value");
  Finish(Value("old"));
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  EXPECT_TRUE(IsCachedAfter("p:value", Value("new")));
}

// It may be older than -max-stale allows, and nobody vouches for it.
TEST_F(CoherentReadThroughTest, AnAnswerThatTookLongerThanTheLeaseIsAskedForAgainTwice) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  coherence_.OnLost(Error{ErrorCode::kTimeout, ""}, Now());
  redis::FetchResult old = Value("old");
  old.sent_at = Now() - 2 * kMaxStale;
  for (int i = 0; i < 2; ++i) {
    Finish(old);
    ASSERT_EQ(fetches_.size(), 1u);
    EXPECT_EQ(request.answer.outcome, Outcome::kPending);
  }
  Finish(old);
  EXPECT_EQ(request.answer.outcome, Outcome::kError);
  EXPECT_EQ(request.answer.error, ErrorCode::kTimeout);
}

TEST_F(CoherentReadThroughTest, AnAnswerThatTookLongIsGoodWhileItIsVouchedFor) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  redis::FetchResult slow = Value("1");
  slow.sent_at = Now() - 2 * kMaxStale;
  Finish(slow);
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
}

// Redis reports that a key has expired only when it comes upon it.
TEST_F(CoherentReadThroughTest, AnAnswerThatTookLongIsAskedForAgainIfItsKeyHasExpired) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  redis::FetchResult slow = Value("expired");
  slow.sent_at = Now() - 2 * kMaxStale;
  for (const int64_t ttl_ms : {int64_t{1000}, redis::kTtlGone}) {
    slow.ttl_ms = ttl_ms;
    Finish(slow);
    ASSERT_EQ(request.answer.outcome, Outcome::kPending) << ttl_ms;
  }
  Finish(Value("new"));
  EXPECT_EQ(request.answer.value->value(), "new");
}

TEST_F(CoherentReadThroughTest, AnAnswerForAKeyThatHasJustExpiredIsGood) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("p:value", &request));
  redis::FetchResult expired = Value("expired");
  expired.ttl_ms = 0;
  Finish(expired);
  EXPECT_EQ(request.answer.value->value(), "expired");
}

TEST_F(CoherentReadThroughTest, AnOldAnswerForAKeyOutsideEveryPrefixIsAskedForAgain) {
  GoLive();
  Request request;
  EXPECT_FALSE(Ask("value", &request));
  redis::FetchResult old = Value("old");
  old.sent_at = Now() - 2 * kMaxStale;
  Finish(old);
  EXPECT_EQ(request.answer.outcome, Outcome::kPending);
  Finish(Value("new"));
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  EXPECT_EQ(request.answer.value->value(), "new");
}

}  // namespace
}  // namespace rp::proxy
