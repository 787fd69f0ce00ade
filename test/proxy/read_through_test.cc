#include "proxy/read_through.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/siphash.h"
#include "test/support/read_through_support.h"

namespace rp::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FakeHome final : public ReplyBox {
 public:
  void Deliver(Request* first, Request* last) override {
    last->mail_next = nullptr;
    for (; first != nullptr; first = RequestChain::Next(first)) delivered.push_back(first);
  }
  void Wake() override { woken_with = delivered.size(); }

  std::vector<Request*> delivered;
  size_t woken_with = 0;  // how many had been delivered at the last wake-up
};

redis::FetchResult Value(std::string_view value, int64_t ttl_ms = redis::kTtlNone) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kValue;
  result.value = value;
  result.ttl_ms = ttl_ms;
  result.sent_at = Now();
  return result;
}

redis::FetchResult Missing() {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kMissing;
  result.sent_at = Now();
  return result;
}

redis::FetchResult Failure(ErrorCode code, std::string_view text) {
  redis::FetchResult result;
  result.kind = redis::FetchResult::Kind::kError;
  result.error_code = code;
  result.error_text = text;
  return result;
}

// A ReadThrough whose fetches end when the test says so. Only hard deadlines end its entries.
class ReadThroughTest : public ::testing::Test {
 protected:
  explicit ReadThroughTest(ReadThroughOptions options = {})
      : cache_({.capacity = 100, .expire = Duration::zero()}),
        read_through_(
            options, Hasher({1, 2}), &cache_, nullptr,
            SubmitEach([this](redis::Fetch* fetch) { return Submit(fetch); }),
            [this](TimePoint deadline) { stored_deadlines_.push_back(deadline); },
            [this] { home_.Wake(); }) {}

  ~ReadThroughTest() override { EXPECT_TRUE(fetches_.empty()) << "a flight was left hanging"; }

  [[nodiscard]] Request MakeRequest(std::string key, TimePoint deadline = Now() + seconds(60)) {
    Request request;
    request.home = &home_;
    request.key = std::move(key);
    request.deadline = deadline;
    return request;
  }

  // Ends the oldest fetch.
  void Finish(const redis::FetchResult& result) {
    ASSERT_FALSE(fetches_.empty());
    redis::Fetch* fetch = fetches_.front();
    fetches_.erase(fetches_.begin());
    read_through_.OnFetched(fetch, result);
  }

  // Asks for the key and lets Redis answer `result`.
  void Fetch(const std::string& key, const redis::FetchResult& result) {
    Request request = MakeRequest(key);
    ASSERT_FALSE(StartOne(&read_through_, &request, Now()));
    Finish(result);
    ASSERT_NE(request.outcome, Outcome::kPending);
  }

  // Whether a request at `now` is answered by the cache; leaves no flight behind.
  bool IsHit(const std::string& key, TimePoint now) {
    Request request = MakeRequest(key);
    const bool answered = StartOne(&read_through_, &request, now);
    if (!answered) Finish(Missing());
    return answered;
  }

  virtual bool Submit(redis::Fetch* fetch) {
    fetches_.push_back(fetch);
    return true;
  }

  FakeHome home_;
  std::vector<redis::Fetch*> fetches_;
  std::vector<TimePoint> stored_deadlines_;
  cache::Cache cache_;
  ReadThrough read_through_;
};

// --- Outcomes. ---

TEST_F(ReadThroughTest, AMissIsFetchedAndTheNextRequestIsAHit) {
  Request miss = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &miss, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_[0]->key, "key");
  EXPECT_EQ(fetches_[0]->DeadlineTime(), miss.deadline);
  EXPECT_TRUE(home_.delivered.empty());
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered, std::vector<Request*>{&miss});
  EXPECT_EQ(miss.outcome, Outcome::kValue);
  EXPECT_EQ(miss.source, Source::kRedis);
  EXPECT_EQ(miss.value->value(), "value");

  Request hit = MakeRequest("key");
  EXPECT_TRUE(StartOne(&read_through_, &hit, Now()));
  EXPECT_EQ(hit.outcome, Outcome::kValue);
  EXPECT_EQ(hit.source, Source::kCache);
  EXPECT_EQ(hit.value.get(), miss.value.get()) << "one entry, not two copies";
  EXPECT_EQ(home_.delivered.size(), 1u) << "who is answered at once is not delivered";
  EXPECT_TRUE(fetches_.empty());
}

TEST_F(ReadThroughTest, KeysAndValuesAreBytes) {
  const std::string key("k\0\r\n\xff", 5);
  const std::string value("\0\r\n", 3);
  Request request = MakeRequest(key);
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  EXPECT_EQ(fetches_[0]->key, key);
  Finish(Value(value));
  EXPECT_EQ(request.value->value(), value);
  EXPECT_TRUE(IsHit(key, Now()));
  EXPECT_FALSE(IsHit("k", Now()));
}

TEST_F(ReadThroughTest, AnEmptyValueIsAValue) {
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Value(""));
  EXPECT_EQ(request.outcome, Outcome::kValue);
  ASSERT_TRUE(request.value);
  EXPECT_EQ(request.value->value(), "");
  EXPECT_TRUE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, ManyRequestsForOneKeyAreOneFetch) {
  std::vector<Request> requests(200);
  for (Request& request : requests) {
    request.home = &home_;
    request.key = "key";
    request.deadline = Now() + seconds(60);
    EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  }
  ASSERT_EQ(fetches_.size(), 1u);
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered.size(), 200u);
  for (Request& request : requests) {
    EXPECT_EQ(std::count(home_.delivered.begin(), home_.delivered.end(), &request), 1);
    EXPECT_EQ(request.outcome, Outcome::kValue);
    EXPECT_EQ(request.value.get(), requests[0].value.get());
  }
}

TEST_F(ReadThroughTest, AReplyGoesToTheRequestsOfItsOwnKey) {
  Request a = MakeRequest("a");
  Request b = MakeRequest("b");
  EXPECT_FALSE(StartOne(&read_through_, &a, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &b, Now()));
  ASSERT_EQ(fetches_.size(), 2u);
  std::swap(fetches_[0], fetches_[1]);
  Finish(Value("value of b"));
  EXPECT_EQ(a.outcome, Outcome::kPending);
  Finish(Value("value of a"));
  EXPECT_EQ(a.value->value(), "value of a");
  EXPECT_EQ(b.value->value(), "value of b");
}

TEST_F(ReadThroughTest, EachWaiterIsDeliveredToItsOwnHome) {
  FakeHome other_home;
  Request here = MakeRequest("key");
  Request there = MakeRequest("key");
  there.home = &other_home;
  EXPECT_FALSE(StartOne(&read_through_, &here, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &there, Now()));
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered, std::vector<Request*>{&here});
  EXPECT_EQ(other_home.delivered, std::vector<Request*>{&there});
}

TEST_F(ReadThroughTest, AMissingKeyIsAnsweredAndNotCached) {
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Missing());
  EXPECT_EQ(home_.delivered, std::vector<Request*>{&request});
  EXPECT_EQ(request.outcome, Outcome::kMissing);
  EXPECT_FALSE(request.value);
  EXPECT_FALSE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, EveryErrorReachesEveryWaiterAndIsNotCached) {
  for (const ErrorCode code : {ErrorCode::kWrongType, ErrorCode::kNoPermission,
                               ErrorCode::kUnavailable, ErrorCode::kProtocol, ErrorCode::kAuth,
                               ErrorCode::kUpstream, ErrorCode::kBusy, ErrorCode::kInternal}) {
    Request first = MakeRequest("key");
    Request second = MakeRequest("key");
    EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
    EXPECT_FALSE(StartOne(&read_through_, &second, Now()));
    Finish(Failure(code, "what Redis said"));
    for (const Request* request : {&first, &second}) {
      EXPECT_EQ(request->outcome, Outcome::kError);
      EXPECT_EQ(request->error, code);
      EXPECT_EQ(request->error_text, "what Redis said");
      EXPECT_FALSE(request->value);
    }
    EXPECT_FALSE(IsHit("key", Now()));
  }
  EXPECT_TRUE(stored_deadlines_.empty());
}

// --- Deadlines of entries. ---

TEST_F(ReadThroughTest, AnEntryEndsWithItsTtlCountedFromBeforeTheGet) {
  const redis::FetchResult result = Value("value", 60'000);
  Fetch("key", result);
  const TimePoint end = result.sent_at + seconds(60);
  EXPECT_EQ(stored_deadlines_, std::vector<TimePoint>{end});
  EXPECT_TRUE(IsHit("key", end - Duration(1)));
  EXPECT_FALSE(IsHit("key", end));
}

TEST_F(ReadThroughTest, AKeyWithoutTtlNeverEnds) {
  Fetch("key", Value("value", redis::kTtlNone));
  EXPECT_TRUE(stored_deadlines_.empty()) << "the sweep has nothing to do";
  EXPECT_TRUE(IsHit("key", kNever - Duration(1)));
}

TEST_F(ReadThroughTest, ATtlBeyondTheClockNeverEnds) {
  Fetch("key", Value("value", INT64_MAX));
  EXPECT_TRUE(IsHit("key", kNever - Duration(1)));
}

TEST_F(ReadThroughTest, AKeyThatWentBetweenGetAndPttlIsServedAndNotCached) {
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Value("value", redis::kTtlGone));
  EXPECT_EQ(request.outcome, Outcome::kValue);
  EXPECT_EQ(request.value->value(), "value");
  EXPECT_FALSE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, AValueWhoseTtlPassedOnTheWayIsServedAndNotCached) {
  for (const int64_t ttl_ms : {0, 999}) {
    redis::FetchResult result = Value("value", ttl_ms);
    result.sent_at -= seconds(1);
    Request request = MakeRequest("key");
    EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
    Finish(result);
    EXPECT_EQ(request.outcome, Outcome::kValue);
    EXPECT_EQ(cache_.stats().entries, 0u);
  }
}

TEST_F(ReadThroughTest, AgeCountsFromBeforeTheGet) {
  redis::FetchResult result = Value("value");
  result.sent_at -= seconds(5);
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(result);
  EXPECT_EQ(request.value->AgeSeconds(result.sent_at + seconds(5) - Duration(1)), 4);
  EXPECT_EQ(request.value->AgeSeconds(result.sent_at + seconds(5) + milliseconds(63)), 5);
}

class ReadThroughMaxAgeTest : public ReadThroughTest {
 protected:
  ReadThroughMaxAgeTest() : ReadThroughTest({.max_age = seconds(30)}) {}
};

TEST_F(ReadThroughMaxAgeTest, EndsAnEntryWithoutTtl) {
  const redis::FetchResult result = Value("value");
  Fetch("key", result);
  const TimePoint end = result.sent_at + seconds(30);
  EXPECT_EQ(stored_deadlines_, std::vector<TimePoint>{end});
  EXPECT_TRUE(IsHit("key", end - Duration(1)));
  EXPECT_FALSE(IsHit("key", end));
}

TEST_F(ReadThroughMaxAgeTest, TheEarlierOfTtlAndMaxAgeCounts) {
  const redis::FetchResult shorter = Value("value", 29'999);
  const redis::FetchResult longer = Value("value", 30'001);
  Fetch("shorter", shorter);
  Fetch("longer", longer);
  EXPECT_EQ(stored_deadlines_, (std::vector<TimePoint>{shorter.sent_at + milliseconds(29'999),
                                                       longer.sent_at + seconds(30)}));
}

class ReadThroughMaxValueTest : public ReadThroughTest {
 protected:
  ReadThroughMaxValueTest() : ReadThroughTest({.value_bytes = 10}) {}
};

TEST_F(ReadThroughMaxValueTest, ALargerValueIsServedAndNotCached) {
  Fetch("n", Value(std::string(10, 'v')));
  EXPECT_TRUE(IsHit("n", Now()));
  Request request = MakeRequest("n+1");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  const std::string value(11, 'v');
  Finish(Value(value));
  EXPECT_EQ(request.outcome, Outcome::kValue);
  EXPECT_EQ(request.value->value(), value);
  EXPECT_FALSE(IsHit("n+1", Now()));
}

// --- Deadlines of requests. ---

TEST_F(ReadThroughTest, ATimeoutReachesAllWhenNobodyHasTimeLeft) {
  Request first = MakeRequest("key", Now() - seconds(1));
  Request second = MakeRequest("key", Now() - seconds(2));
  EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &second, Now()));
  Finish(Failure(ErrorCode::kTimeout, "too late"));
  EXPECT_EQ(home_.delivered.size(), 2u);
  for (const Request* request : {&first, &second}) {
    EXPECT_EQ(request->outcome, Outcome::kError);
    EXPECT_EQ(request->error, ErrorCode::kTimeout);
    EXPECT_EQ(request->error_text, "too late");
  }
  EXPECT_FALSE(IsHit("key", Now())) << "and the next miss starts anew";
}

TEST_F(ReadThroughTest, ALateJoinerMovesTheDeadlineOfTheFetch) {
  Request first = MakeRequest("key", Now() + seconds(1));
  Request late = MakeRequest("key", Now() + seconds(60));
  EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
  EXPECT_EQ(fetches_.at(0)->DeadlineTime(), first.deadline);
  EXPECT_FALSE(StartOne(&read_through_, &late, Now()));
  EXPECT_EQ(fetches_.at(0)->DeadlineTime(), late.deadline);
  Finish(Missing());
}

TEST_F(ReadThroughTest, ATimeoutWithALateJoinerIsSubmittedAgain) {
  Request first = MakeRequest("key", Now() - seconds(1));
  Request late = MakeRequest("key", Now() + seconds(60));
  EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &late, Now()));
  Finish(Failure(ErrorCode::kTimeout, "too late"));
  EXPECT_TRUE(home_.delivered.empty());
  ASSERT_EQ(fetches_.size(), 1u) << "submitted again";
  EXPECT_EQ(fetches_[0]->key, "key");
  EXPECT_EQ(fetches_[0]->DeadlineTime(), late.deadline);
  Request third = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &third, Now()));
  EXPECT_EQ(fetches_.size(), 1u) << "the flight is the same";
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered.size(), 3u);
  for (const Request* request : {&first, &late, &third})
    EXPECT_EQ(request->outcome, Outcome::kValue);
}

// --- Waking. ---

TEST_F(ReadThroughTest, HomesAreWokenOnceForAllThatCameTogether) {
  Request a = MakeRequest("a");
  Request b = MakeRequest("b");
  EXPECT_FALSE(StartOne(&read_through_, &a, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &b, Now()));
  Finish(Value("1"));
  Finish(Value("2"));
  EXPECT_EQ(home_.delivered.size(), 2u);
  EXPECT_EQ(home_.woken_with, 0u);
  read_through_.OnPause();
  EXPECT_EQ(home_.woken_with, 2u);
}

// --- Starting without waiting. ---

TEST_F(ReadThroughTest, TryStartCollectsTheFetchesOfMissesAndJoinsFlights) {
  using Started = ReadThrough::Started;
  Fetch("here", Value("value"));
  Request here = MakeRequest("here");
  Request a = MakeRequest("a");
  Request same = MakeRequest("a");
  Request b = MakeRequest("b");
  redis::FetchQueue fetches;
  EXPECT_EQ(read_through_.TryStart(&here, Now(), &fetches), Started::kAnswered);
  EXPECT_EQ(here.value->value(), "value");
  EXPECT_EQ(read_through_.TryStart(&a, Now(), &fetches), Started::kUnderWay);
  EXPECT_EQ(read_through_.TryStart(&same, Now(), &fetches), Started::kUnderWay);
  EXPECT_EQ(read_through_.TryStart(&b, Now(), &fetches), Started::kUnderWay);
  EXPECT_EQ(fetches.size(), 2u);
  EXPECT_TRUE(fetches_.empty()) << "before Submit";
  EXPECT_TRUE(read_through_.Submit(&fetches, Wait::kNo));
  EXPECT_TRUE(fetches.empty());
  ASSERT_EQ(fetches_.size(), 2u);
  Finish(Value("1"));
  Finish(Value("2"));
  EXPECT_EQ(a.value->value(), "1");
  EXPECT_EQ(same.value->value(), "1");
  EXPECT_EQ(b.value->value(), "2");
}

// --- A full queue. ---

class ReadThroughFullQueueTest : public ReadThroughTest {
 protected:
  bool Submit(redis::Fetch* fetch) override {
    if (!full_) return ReadThroughTest::Submit(fetch);
    // Somebody joins between the start of the flight and the refusal.
    if (joiner_ != nullptr) {
      EXPECT_FALSE(StartOne(&read_through_, std::exchange(joiner_, nullptr), Now()));
    }
    return false;
  }

  void ExpectBusy(const Request& request) {
    EXPECT_EQ(request.outcome, Outcome::kError);
    EXPECT_EQ(request.error, ErrorCode::kBusy);
    EXPECT_FALSE(request.error_text.empty());
    EXPECT_EQ(std::count(home_.delivered.begin(), home_.delivered.end(), &request), 1);
  }

  bool full_ = true;
  Request* joiner_ = nullptr;
};

TEST_F(ReadThroughFullQueueTest, EveryWaiterIsToldThatItIsBusy) {
  Request first = MakeRequest("key");
  Request joiner = MakeRequest("key");
  joiner_ = &joiner;
  EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
  ExpectBusy(first);
  ExpectBusy(joiner);
  EXPECT_EQ(home_.delivered.size(), 2u);
  EXPECT_EQ(home_.woken_with, 2u) << "no pause of the fetchers follows";
  full_ = false;
  EXPECT_FALSE(IsHit("key", Now())) << "the next miss starts anew";
}

TEST_F(ReadThroughFullQueueTest, ALateJoinerIsToldSoWhenSubmittingAgainFails) {
  full_ = false;
  Request first = MakeRequest("key", Now() - seconds(1));
  Request late = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &late, Now()));
  full_ = true;
  Finish(Failure(ErrorCode::kTimeout, "too late"));
  ExpectBusy(first);
  ExpectBusy(late);
  full_ = false;
  EXPECT_FALSE(IsHit("key", Now())) << "the next miss starts anew";
}

TEST_F(ReadThroughFullQueueTest, HitsAreServedAllTheSame) {
  full_ = false;
  Fetch("key", Value("value"));
  full_ = true;
  EXPECT_TRUE(IsHit("key", Now()));
}

}  // namespace
}  // namespace rp::proxy
