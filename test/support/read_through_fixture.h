// A ReadThrough by itself, for tests that play Redis.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/siphash.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_support.h"

namespace rp::proxy {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline redis::FetchResult Value(std::string_view value, int64_t ttl_ms = redis::kTtlNone) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kValue;
  result.value = value;
  result.ttl_ms = ttl_ms;
  result.sent_at = Now();
  return result;
}

inline redis::FetchResult Missing() {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kMissing;
  result.sent_at = Now();
  return result;
}

inline redis::FetchResult Failure(ErrorCode code, std::string_view text) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kError;
  result.error_code = code;
  result.error_text = text;
  return result;
}

// A ReadThrough whose fetches end when the test says so. Only hard deadlines end its entries.
class ReadThroughTest : public ::testing::Test {
 protected:
  explicit ReadThroughTest(const ReadThroughOptions& options = {},
                           const cache::CacheOptions& cache_options = {.capacity = 100,
                                                                       .expire = Duration::zero()})
      : cache_(cache_options),
        read_through_(
            options, Hasher({1, 2}), &cache_, nullptr,
            [this](redis::FetchQueue* fetches, Blocking blocking) {
              return SubmitAll(fetches, blocking);
            },
            [this](TimePoint deadline) { stored_deadlines_.push_back(deadline); },
            [this] { home_.Wake(); }) {}

  ~ReadThroughTest() override { EXPECT_TRUE(fetches_.empty()) << "a flight was left hanging"; }

  [[nodiscard]] Request MakeRequest(std::string key, TimePoint deadline = Now() + seconds(60)) {
    Request request;
    request.home = &home_;
    request.question.key = std::move(key);
    request.deadline = deadline;
    return request;
  }

  // Ends the oldest fetch.
  void Finish(const redis::FetchResult& result) {
    ASSERT_FALSE(fetches_.empty());
    redis::Fetch* fetch = fetches_.front();
    fetches_.erase(fetches_.begin());
    read_through_.OnFetched(fetch, result, Now());
  }

  // Asks for the key and lets Redis answer `result`.
  void Fetch(const std::string& key, const redis::FetchResult& result) {
    Request request = MakeRequest(key);
    ASSERT_FALSE(StartOne(&read_through_, &request, Now()));
    Finish(result);
    ASSERT_NE(request.answer.outcome, Outcome::kPending);
  }

  // Whether a request at `now` is answered by the cache; leaves no flight behind.
  bool IsHit(const std::string& key, TimePoint now) {
    Request request = MakeRequest(key);
    const bool answered = StartOne(&read_through_, &request, now);
    if (!answered) Finish(Missing());
    return answered;
  }

  // Takes all that come, unless Submit refuses some.
  virtual bool SubmitAll(redis::FetchQueue* fetches, Blocking blocking) {
    return SubmitEach([this](redis::Fetch* fetch) { return Submit(fetch); })(fetches, blocking);
  }

  virtual bool Submit(redis::Fetch* fetch) {
    fetches_.push_back(fetch);
    return true;
  }

  TestHome home_;
  std::vector<redis::Fetch*> fetches_;
  std::vector<TimePoint> stored_deadlines_;
  cache::Cache cache_;
  ReadThrough read_through_;
};

}  // namespace rp::proxy
