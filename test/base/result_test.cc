#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace rp {
namespace {

TEST(ResultTest, HoldsAValue) {
  Result<std::string> result = std::string("value");
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result);
  EXPECT_EQ(*result, "value");
  EXPECT_EQ(result->size(), 5u);
}

TEST(ResultTest, HoldsAnError) {
  const Result<int> result = Error{ErrorCode::kBusy, "later"};
  ASSERT_FALSE(result.ok());
  EXPECT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kBusy);
  EXPECT_EQ(result.error().message, "later");
}

TEST(ResultTest, PassesOnAValueThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(ResultTest, IsOkByDefaultWhenItHasNoValue) {
  EXPECT_TRUE(Result<void>().ok());
  const Result<void> failed = Error{ErrorCode::kTimeout, "late"};
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kTimeout);
}

TEST(ResultDeathTest, AbortsWhenTheWrongHalfIsRead) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<int> error = Error{};
  EXPECT_DEATH(static_cast<void>(error.value()), "check failed");
  const Result<int> value = 1;
  EXPECT_DEATH(static_cast<void>(value.error()), "check failed");
}

}  // namespace
}  // namespace rp
