// What becomes of what Redis answers: until when it is an entry, and which values are none.
#include <limits>

#include "test/support/read_through_fixture.h"
#include "test/support/suspension.h"

namespace rp::proxy {
namespace {

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

TEST_F(ReadThroughTest, AKeyEndsAlsoWhileTheMachineIsSuspended) {
  Fetch("key", Value("value", 2000));
  EXPECT_TRUE(IsHit("key", Now()));
  const Suspension suspension(seconds(6));
  EXPECT_FALSE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, ATimeToLiveBeyondAllTimePointsIsNotNone) {
  constexpr int64_t kMaxMs = std::chrono::floor<std::chrono::milliseconds>(Duration::max()).count();
  // The last second of the year 9999, and as much as Redis takes.
  for (const int64_t ttl_ms :
       {kMaxMs, kMaxMs + 1, int64_t{251'606'498'496'000}, std::numeric_limits<int64_t>::max()}) {
    const std::string key = std::to_string(ttl_ms);
    Fetch(key, Value("value", ttl_ms));
    Request request = MakeRequest(key);
    ASSERT_TRUE(StartOne(&read_through_, &request, Now()));
    EXPECT_EQ(request.answer.value->hard_deadline, kTooFar) << ttl_ms;
  }
}

TEST_F(ReadThroughTest, AKeyThatWentBetweenGetAndPttlIsServedAndNotCached) {
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Value("value", redis::kTtlGone));
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  EXPECT_EQ(request.answer.value->value(), "value");
  EXPECT_FALSE(IsHit("key", Now()));
}

TEST_F(ReadThroughTest, AValueWhoseTtlPassedOnTheWayIsServedAndNotCached) {
  for (const int64_t ttl_ms : {0, 999}) {
    redis::FetchResult result = Value("value", ttl_ms);
    result.sent_at -= seconds(1);
    Request request = MakeRequest("key");
    EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
    Finish(result);
    EXPECT_EQ(request.answer.outcome, Outcome::kValue);
    EXPECT_EQ(cache_.stats().entries, 0u);
  }
}

TEST_F(ReadThroughTest, AgeCountsFromBeforeTheGet) {
  redis::FetchResult result = Value("value");
  result.sent_at -= seconds(5);
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(result);
  EXPECT_EQ(request.answer.value->AgeSeconds(result.sent_at + seconds(5) - Duration(1)), 4);
  EXPECT_EQ(request.answer.value->AgeSeconds(result.sent_at + seconds(5) + milliseconds(63)), 5);
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

// --- Sizes of values. ---

// Only its length is real.
TEST_F(ReadThroughTest, AValueOfMoreThanAnEntryHoldsIsRefusedAndNeverCutShort) {
  const char byte = 'v';
  Request request = MakeRequest("key");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  Finish(Value(std::string_view(&byte, cache::kMaxValueBytes + 1)));
  EXPECT_EQ(request.answer.outcome, Outcome::kError);
  EXPECT_EQ(request.answer.error, ErrorCode::kTooLarge);
  EXPECT_FALSE(request.answer.value);
  EXPECT_FALSE(IsHit("key", Now()));
}

class ReadThroughMaxValueTest : public ReadThroughTest {
 protected:
  ReadThroughMaxValueTest()
      : ReadThroughTest({}, {.capacity = 100, .value_bytes = 10, .expire = Duration::zero()}) {}
};

TEST_F(ReadThroughMaxValueTest, ALargerValueIsServedAndNotCached) {
  Fetch("n", Value(std::string(10, 'v')));
  EXPECT_TRUE(IsHit("n", Now()));
  Request request = MakeRequest("n+1");
  EXPECT_FALSE(StartOne(&read_through_, &request, Now()));
  const std::string value(11, 'v');
  Finish(Value(value));
  EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  EXPECT_EQ(request.answer.value->value(), value);
  EXPECT_FALSE(IsHit("n+1", Now()));
}

}  // namespace
}  // namespace rp::proxy
