// ReadThrough when there is no memory for a key or a value.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/read_through.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_support.h"
#include "test/support/sanitized.h"
#include "test/support/scarce_memory.h"

namespace rp::proxy {
namespace {

class ReadThroughMemoryTest : public ::testing::Test {
 protected:
  ReadThroughMemoryTest()
      : cache_({.capacity = 100, .expire = Duration::zero()}),
        read_through_(
            {}, Hasher({1, 2}), &cache_, nullptr, SubmitEach([this](redis::Fetch* fetch) {
              fetches_.push_back(fetch);
              return true;
            }),
            [](TimePoint) {}, [] {}) {}

  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer takes address space of its own";
  }

  // Asks for the key; whether it is answered at once.
  bool Ask(Request* request) {
    request->home = &home_;
    request->deadline = Now() + std::chrono::seconds(60);
    return StartOne(&read_through_, request, Now());
  }

  // Ends the fetch that is under way.
  void Finish(std::string_view value) {
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kValue;
    result.value = value;
    result.ttl_ms = redis::kTtlNone;
    result.sent_at = Now();
    read_through_.OnFetched(std::exchange(fetches_, {}).at(0), result, Now());
  }

  void Fetch(const std::string& key) {
    Request request;
    request.question.key = key;
    ASSERT_FALSE(Ask(&request));
    Finish("value");
    EXPECT_EQ(request.answer.outcome, Outcome::kValue);
  }

  TestHome home_;
  std::vector<redis::Fetch*> fetches_;
  cache::Cache cache_;
  ReadThrough read_through_;
};

TEST_F(ReadThroughMemoryTest, AValueForWhichThereIsNoneIsAnErrorAndFreesSomeOfTheCache) {
  for (int i = 0; i < 16; ++i) Fetch(std::to_string(i));
  Request request;
  request.question.key = "key";
  EXPECT_FALSE(Ask(&request));
  const std::string value(256 << 20, 'v');
  {
    const ScarceMemory scarce;
    Finish(value);
  }
  EXPECT_EQ(request.answer.outcome, Outcome::kError);
  EXPECT_EQ(request.answer.error, ErrorCode::kNoMemory);
  EXPECT_EQ(cache_.size(), 14u);
  Fetch("key");
  EXPECT_EQ(cache_.size(), 15u);
}

TEST_F(ReadThroughMemoryTest, AKeyForWhichThereIsNoneIsAnError) {
  Request request;
  request.question.key = std::string(256 << 20, 'k');
  {
    const ScarceMemory scarce;
    EXPECT_TRUE(Ask(&request));
  }
  EXPECT_EQ(request.answer.outcome, Outcome::kError);
  EXPECT_EQ(request.answer.error, ErrorCode::kNoMemory);
  EXPECT_TRUE(fetches_.empty());
}

}  // namespace
}  // namespace rp::proxy
