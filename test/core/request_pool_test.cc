#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "core/pipeline.h"
#include "core/request_pool.h"
#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::core {
namespace {

TEST(RequestPoolTest, GivesOutAsManyAsItsLimitAndNoMore) {
  RequestPool pool(3);
  std::set<Request*> taken;
  for (int i = 0; i < 3; ++i) taken.insert(pool.Take());
  EXPECT_EQ(taken.count(nullptr), 0u);
  EXPECT_EQ(taken.size(), 3u);
  EXPECT_EQ(pool.out(), 3u);
  EXPECT_EQ(pool.Take(), nullptr);
  pool.PutBack(*taken.begin());
  EXPECT_EQ(pool.out(), 2u);
  EXPECT_EQ(pool.Take(), *taken.begin());
  EXPECT_EQ(pool.Take(), nullptr);
}

TEST(RequestPoolTest, GivesOutBlankRequests) {
  RequestPool pool(1);
  DeadlineList<Request> waits(Duration(10));
  Request* request = pool.Take();
  ASSERT_NE(request, nullptr);
  request->question.key = "key";
  request->answer.outcome = proxy::Outcome::kError;
  request->answer.source = proxy::Source::kStale;
  request->answer.error_text = "text";
  request->answer.value = cache::MakeEntry(0, "k", "v", TimePoint(), kNever);
  const cache::EntryRef value = request->answer.value;
  // Never followed.
  request->connection = reinterpret_cast<Connection*>(request);
  request->next_in_pipeline = request;
  request->state = Request::State::kAnswered;
  request->group = request->member_of = reinterpret_cast<Group*>(request);
  waits.Start(request, TimePoint());
  pool.PutBack(request);
  EXPECT_EQ(value->references, 1u) << "an idle request pins nothing";
  EXPECT_EQ(waits.next(), kNever);

  ASSERT_EQ(pool.Take(), request);
  EXPECT_EQ(request->question.key, "");
  EXPECT_EQ(request->answer.outcome, proxy::Outcome::kPending);
  EXPECT_EQ(request->answer.source, proxy::Source::kRedis);
  EXPECT_EQ(request->answer.error_text, "");
  EXPECT_FALSE(request->answer.value);
  EXPECT_EQ(request->connection, nullptr);
  EXPECT_EQ(request->next_in_pipeline, nullptr);
  EXPECT_EQ(request->state, Request::State::kFilling);
  EXPECT_EQ(request->group, nullptr);
  EXPECT_EQ(request->member_of, nullptr);
}

TEST(RequestPoolTest, DoesNotKeepTheMemoryOfALargeReply) {
  RequestPool pool(1);
  Request* request = pool.Take();
  ASSERT_NE(request, nullptr);
  request->answer.reply.assign(100'000, 'r');
  request->answer.error_text.assign(100'000, 'e');
  pool.PutBack(request);
  EXPECT_LE(request->answer.AllocatedBytes(), 2 * proxy::kKeptBytes);
}

TEST(RequestPoolTest, DoesNotKeepTheMemoryOfALongKey) {
  RequestPool pool(1);
  Request* request = pool.Take();
  ASSERT_NE(request, nullptr);
  request->question.key.assign(100'000, 'k');
  pool.PutBack(request);
  EXPECT_LE(request->question.key.capacity(), 512u);
}

// --- What many have taken goes back. ---

constexpr size_t kSlab = RequestPool::kSlabRequests;
constexpr size_t kKept = RequestPool::kKeptRequests;

TimePoint At(int64_t ms) { return TimePoint(std::chrono::milliseconds(ms)); }

std::vector<Request*> TakeMany(RequestPool* pool, size_t count) {
  std::vector<Request*> taken;
  for (size_t i = 0; i < count; ++i) taken.push_back(pool->Take());
  return taken;
}

void PutBackAll(RequestPool* pool, const std::vector<Request*>& requests) {
  for (Request* request : requests) pool->PutBack(request);
}

// Turns at this moment until nothing is to be done at once.
void EndTurns(RequestPool* pool, TimePoint now) {
  do {
    static_cast<void>(pool->EndTurn(now));
  } while (pool->next_work() <= now);
}

TEST(RequestPoolTest, KeepsAFewForGood) {
  RequestPool pool(10 * kKept);
  PutBackAll(&pool, TakeMany(&pool, kKept));
  EndTurns(&pool, At(1000));
  EXPECT_EQ(pool.next_work(), kNever);
  EXPECT_EQ(pool.held(), kKept);
}

TEST(RequestPoolTest, GivesBackWhatAWholePeriodHasNotNeeded) {
  RequestPool pool(100 * kKept);
  const std::vector<Request*> taken = TakeMany(&pool, 20 * kKept);
  EndTurns(&pool, At(0));
  PutBackAll(&pool, taken);
  EndTurns(&pool, At(10));
  EXPECT_EQ(pool.out(), 0u);
  EXPECT_EQ(pool.held(), 20 * kKept);
  EXPECT_EQ(pool.next_work(), At(1000));
  // They were needed in the first period.
  EndTurns(&pool, At(1000));
  EXPECT_EQ(pool.held(), 20 * kKept);
  PutBackAll(&pool, TakeMany(&pool, 2 * kKept));
  EndTurns(&pool, At(1999));
  EXPECT_EQ(pool.held(), 20 * kKept);
  EndTurns(&pool, At(2000));
  EXPECT_EQ(pool.held(), 2 * kKept) << "so many were needed in the second";
  EndTurns(&pool, At(3000));
  EXPECT_EQ(pool.held(), kKept);
  EXPECT_EQ(pool.next_work(), kNever) << "nobody is woken for nothing";
  PutBackAll(&pool, TakeMany(&pool, 2 * kKept));
}

TEST(RequestPoolTest, GivesBackInSlices) {
  RequestPool pool(100 * kKept);
  PutBackAll(&pool, TakeMany(&pool, 2 * RequestPool::kCleanedPerTurn + 1));
  EXPECT_EQ(pool.uncleaned(), RequestPool::kCleanedPerTurn + 1);
  static_cast<void>(pool.EndTurn(At(0)));
  EXPECT_EQ(pool.uncleaned(), 1u);
  EXPECT_EQ(pool.next_work(), TimePoint::min());
  static_cast<void>(pool.EndTurn(At(0)));
  EXPECT_EQ(pool.uncleaned(), 0u);
  const size_t held = pool.held();
  static_cast<void>(pool.EndTurn(At(1000)));
  EXPECT_EQ(pool.held(), held - RequestPool::kSlabsPerTurn * kSlab);
  EXPECT_LE(pool.next_work(), At(1000));
}

TEST(RequestPoolTest, TakesWhatIsNotCleanedYetBeforeItGrows) {
  RequestPool pool(RequestPool::kCleanedPerTurn + kSlab);
  const std::vector<Request*> taken = TakeMany(&pool, RequestPool::kCleanedPerTurn + kSlab);
  for (Request* request : taken) request->question.key = "key";
  const size_t held = pool.held();
  PutBackAll(&pool, taken);
  EXPECT_EQ(pool.uncleaned(), kSlab);
  EXPECT_TRUE(pool.Has(taken.size())) << "nobody is refused for them";
  for (Request* request : TakeMany(&pool, taken.size())) {
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->question.key, "");
  }
  EXPECT_EQ(pool.Take(), nullptr);
  EXPECT_EQ(pool.held(), held);
}

TEST(RequestPoolTest, AFewThatStayOutKeepNoMoreThanTheirSlabs) {
  RequestPool pool(100 * kKept);
  const std::vector<Request*> taken = TakeMany(&pool, 20 * kKept);
  for (size_t i = 0; i < taken.size(); ++i) {
    if (i % (10 * kSlab) != 0) pool.PutBack(taken[i]);
  }
  for (const int64_t ms : {0, 1000, 2000}) EndTurns(&pool, At(ms));
  EXPECT_EQ(pool.out(), 8u);
  EXPECT_LE(pool.held(), kKept + 8 * kSlab);
}

TEST(RequestPoolTest, TellsWhatMallocGotBack) {
  RequestPool pool(100 * kKept);
  const std::vector<Request*> taken = TakeMany(&pool, 2 * kKept);
  for (Request* request : taken) request->question.key.assign(480, 'k');
  PutBackAll(&pool, taken);
  uint64_t freed_bytes = 0;
  for (const int64_t ms : {0, 1000, 2000}) freed_bytes += pool.EndTurn(At(ms));
  EXPECT_GE(freed_bytes, kKept * 480);
  EXPECT_LT(freed_bytes, kKept * 600);
  Request* const request = pool.Take();
  request->answer.reply.assign(100'000, 'r');
  request->question.key.assign(50'000, 'k');
  pool.PutBack(request);
  freed_bytes = pool.EndTurn(At(2000));
  EXPECT_GE(freed_bytes, 150'000U) << "cleaning frees large texts";
  EXPECT_LT(freed_bytes, kKept * 600);
}

}  // namespace
}  // namespace rp::core
