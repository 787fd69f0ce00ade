#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "server/request.h"

namespace rp::server {
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
  request->key = "key";
  request->outcome = proxy::Outcome::kError;
  request->source = proxy::Source::kStale;
  request->error_text = "text";
  request->value = cache::MakeEntry(0, "k", "v", TimePoint(), kNever);
  const cache::EntryRef value = request->value;
  // Never followed.
  request->connection = reinterpret_cast<Connection*>(request);
  request->next_in_pipeline = request;
  request->answered = request->head_only = request->http10 = request->close = true;
  request->local_status = 400;
  request->local_text = "text";
  waits.Start(request, TimePoint());
  pool.PutBack(request);
  EXPECT_EQ(value->references, 1u) << "an idle request pins nothing";
  EXPECT_EQ(waits.next(), kNever);

  ASSERT_EQ(pool.Take(), request);
  EXPECT_EQ(request->key, "");
  EXPECT_EQ(request->outcome, proxy::Outcome::kPending);
  EXPECT_EQ(request->source, proxy::Source::kRedis);
  EXPECT_EQ(request->error_text, "");
  EXPECT_FALSE(request->value);
  EXPECT_EQ(request->connection, nullptr);
  EXPECT_EQ(request->next_in_pipeline, nullptr);
  EXPECT_FALSE(request->answered || request->head_only || request->http10 || request->close);
  EXPECT_EQ(request->local_status, 0);
  EXPECT_EQ(request->local_text, "");
}

TEST(RequestPoolTest, DoesNotKeepTheMemoryOfALongKey) {
  RequestPool pool(1);
  Request* request = pool.Take();
  ASSERT_NE(request, nullptr);
  request->key.assign(100'000, 'k');
  pool.PutBack(request);
  EXPECT_LE(request->key.capacity(), 512u);
}

}  // namespace
}  // namespace rp::server
