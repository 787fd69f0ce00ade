#include "proxy/read_through.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "test/support/read_through_fixture.h"

namespace rp::proxy {
namespace {

// --- Outcomes. ---

TEST_F(ReadThroughTest, AMissIsFetchedAndTheNextRequestIsAHit) {
  Request miss = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &miss, Now()));
  ASSERT_EQ(fetches_.size(), 1u);
  EXPECT_EQ(fetches_[0]->key, "key");
  EXPECT_EQ(fetches_[0]->DeadlineTime(), miss.deadline);
  EXPECT_TRUE(home_.delivered().empty());
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered(), std::vector<Request*>{&miss});
  EXPECT_EQ(miss.answer.outcome, Outcome::kValue);
  EXPECT_EQ(miss.answer.source, Source::kRedis);
  EXPECT_EQ(miss.answer.value->value(), "value");

  Request hit = MakeRequest("key");
  EXPECT_TRUE(StartOne(&read_through_, &hit, Now()));
  EXPECT_EQ(hit.answer.outcome, Outcome::kValue);
  EXPECT_EQ(hit.answer.source, Source::kCache);
  EXPECT_EQ(hit.answer.value.get(), miss.answer.value.get()) << "one entry, not two copies";
  EXPECT_EQ(home_.delivered().size(), 1u) << "who is answered at once is not delivered";
  EXPECT_TRUE(fetches_.empty());
}

TEST_F(ReadThroughTest, KeysAndValuesAreBytes) {
  const std::string key("k\0\r\n\xff", 5);
  const std::string value("\0\r\n", 3);
  Request request = MakeRequest(key);
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  EXPECT_EQ(fetches_[0]->key, key);
  Finish(Value(value));
  EXPECT_EQ(request.answer.value->value(), value);
  EXPECT_TRUE(IsHit(key, Now()));
  EXPECT_FALSE(IsHit("k", Now()));
}

TEST_F(ReadThroughTest, AnEmptyValueIsAValue) {
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Value(""));
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  ASSERT_TRUE(request.answer.value);
  EXPECT_EQ(request.answer.value->value(), "");
  EXPECT_TRUE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, ManyRequestsForOneKeyAreOneFetch) {
  std::vector<Request> requests(200);
  for (Request& request : requests) {
    request.home = &home_;
    request.question.key = "key";
    request.deadline = Now() + seconds(60);
    EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  }
  ASSERT_EQ(fetches_.size(), 1u);
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered().size(), 200u);
  for (Request& request : requests) {
    EXPECT_EQ(home_.CountOf(&request), 1u);
    EXPECT_EQ(request.answer.outcome, Outcome::kValue);
    EXPECT_EQ(request.answer.value.get(), requests[0].answer.value.get());
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
  EXPECT_EQ(a.answer.outcome, Outcome::kPending);
  Finish(Value("value of a"));
  EXPECT_EQ(a.answer.value->value(), "value of a");
  EXPECT_EQ(b.answer.value->value(), "value of b");
}

TEST_F(ReadThroughTest, EachWaiterIsDeliveredToItsOwnHome) {
  TestHome other_home;
  Request here = MakeRequest("key");
  Request there = MakeRequest("key");
  there.home = &other_home;
  EXPECT_FALSE(StartOne(&read_through_, &here, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &there, Now()));
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered(), std::vector<Request*>{&here});
  EXPECT_EQ(other_home.delivered(), std::vector<Request*>{&there});
}

TEST_F(ReadThroughTest, AMissingKeyIsAnsweredAndNotCached) {
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Missing());
  EXPECT_EQ(home_.delivered(), std::vector<Request*>{&request});
  EXPECT_EQ(request.answer.outcome, Outcome::kMissing);
  EXPECT_FALSE(request.answer.value);
  EXPECT_FALSE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, EveryErrorReachesEveryWaiterAndIsNotCached) {
  for (const ErrorCode code :
       {ErrorCode::kWrongType, ErrorCode::kNoPermission, ErrorCode::kUnavailable,
        ErrorCode::kProtocol, ErrorCode::kAuth, ErrorCode::kUpstream, ErrorCode::kBusy,
        ErrorCode::kLoading, ErrorCode::kInternal}) {
    Request first = MakeRequest("key");
    Request second = MakeRequest("key");
    EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
    EXPECT_FALSE(StartOne(&read_through_, &second, Now()));
    Finish(Failure(code, "what Redis said"));
    for (const Request* request : {&first, &second}) {
      EXPECT_EQ(request->answer.outcome, Outcome::kError);
      EXPECT_EQ(request->answer.error, code);
      EXPECT_EQ(request->answer.error_text, "what Redis said");
      EXPECT_FALSE(request->answer.value);
    }
    EXPECT_FALSE(IsHit("key", Now()));
  }
  EXPECT_TRUE(stored_deadlines_.empty());
}

// --- Deadlines of requests. ---

TEST_F(ReadThroughTest, ATimeoutReachesAllWhenNobodyHasTimeLeft) {
  Request first = MakeRequest("key", Now() - seconds(1));
  Request second = MakeRequest("key", Now() - seconds(2));
  EXPECT_FALSE(StartOne(&read_through_, &first, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &second, Now()));
  Finish(Failure(ErrorCode::kTimeout, "too late"));
  EXPECT_EQ(home_.delivered().size(), 2u);
  for (const Request* request : {&first, &second}) {
    EXPECT_EQ(request->answer.outcome, Outcome::kError);
    EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
    EXPECT_EQ(request->answer.error_text, "too late");
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
  EXPECT_TRUE(home_.delivered().empty());
  ASSERT_EQ(fetches_.size(), 1u) << "submitted again";
  EXPECT_EQ(fetches_[0]->key, "key");
  EXPECT_EQ(fetches_[0]->DeadlineTime(), late.deadline);
  Request third = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &third, Now()));
  EXPECT_EQ(fetches_.size(), 1u) << "the flight is the same";
  Finish(Value("value"));
  EXPECT_EQ(home_.delivered().size(), 3u);
  for (const Request* request : {&first, &late, &third})
    EXPECT_EQ(request->answer.outcome, Outcome::kValue);
}

// --- Waking. ---

TEST_F(ReadThroughTest, HomesAreWokenOnceForAllThatCameTogether) {
  Request a = MakeRequest("a");
  Request b = MakeRequest("b");
  EXPECT_FALSE(StartOne(&read_through_, &a, Now()));
  EXPECT_FALSE(StartOne(&read_through_, &b, Now()));
  Finish(Value("1"));
  Finish(Value("2"));
  EXPECT_EQ(home_.delivered().size(), 2u);
  EXPECT_EQ(home_.woken_with(), 0u);
  read_through_.OnPause();
  EXPECT_EQ(home_.woken_with(), 2u);
}

// --- Starting without waiting. ---

TEST_F(ReadThroughTest, StartWithoutWaitingCollectsTheFetchesOfMissesAndJoinsFlights) {
  using Started = ReadThrough::Started;
  Fetch("here", Value("value"));
  Request here = MakeRequest("here");
  Request a = MakeRequest("a");
  Request same = MakeRequest("a");
  Request b = MakeRequest("b");
  redis::FetchQueue fetches;
  EXPECT_EQ(read_through_.Start(&here, Now(), Blocking::kNo, &fetches), Started::kAnswered);
  EXPECT_EQ(here.answer.value->value(), "value");
  EXPECT_EQ(read_through_.Start(&a, Now(), Blocking::kNo, &fetches), Started::kInFlight);
  EXPECT_EQ(read_through_.Start(&same, Now(), Blocking::kNo, &fetches), Started::kInFlight);
  EXPECT_EQ(read_through_.Start(&b, Now(), Blocking::kNo, &fetches), Started::kInFlight);
  EXPECT_EQ(fetches.size(), 2u);
  EXPECT_TRUE(fetches_.empty()) << "before Submit";
  EXPECT_TRUE(read_through_.Submit(&fetches, Blocking::kNo));
  EXPECT_TRUE(fetches.empty());
  ASSERT_EQ(fetches_.size(), 2u);
  Finish(Value("1"));
  Finish(Value("2"));
  EXPECT_EQ(a.answer.value->value(), "1");
  EXPECT_EQ(same.answer.value->value(), "1");
  EXPECT_EQ(b.answer.value->value(), "2");
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
    EXPECT_EQ(request.answer.outcome, Outcome::kError);
    EXPECT_EQ(request.answer.error, ErrorCode::kBusy);
    EXPECT_FALSE(request.answer.error_text.empty());
    EXPECT_EQ(home_.CountOf(&request), 1u);
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
  EXPECT_EQ(home_.delivered().size(), 2u);
  EXPECT_EQ(home_.woken_with(), 2u) << "no pause of the fetchers follows";
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
