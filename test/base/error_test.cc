#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace rp {
namespace {

constexpr int kCodes = static_cast<int>(ErrorCode::kInternal) + 1;

TEST(ErrorTest, GivesEachCodeItsHttpStatus) {
  EXPECT_EQ(Describe(ErrorCode::kWrongType).http_status, 409);
  EXPECT_EQ(Describe(ErrorCode::kNoPermission).http_status, 403);
  EXPECT_EQ(Describe(ErrorCode::kTimeout).http_status, 504);
  EXPECT_EQ(Describe(ErrorCode::kUnavailable).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kProtocol).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kAuth).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kUpstream).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kTooLarge).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kRefused).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kMoved).http_status, 502);
  EXPECT_EQ(Describe(ErrorCode::kReadOnly).http_status, 502);
  for (const ErrorCode code :
       {ErrorCode::kAway, ErrorCode::kLoading, ErrorCode::kMasterDown, ErrorCode::kClusterDown,
        ErrorCode::kTryAgain, ErrorCode::kScriptRuns, ErrorCode::kTooManyClients, ErrorCode::kBusy,
        ErrorCode::kNoMemory, ErrorCode::kStopping}) {
    EXPECT_EQ(Describe(code).http_status, 503) << Describe(code).name;
  }
  EXPECT_EQ(Describe(ErrorCode::kInternal).http_status, 500);
}

TEST(ErrorTest, AsksToRetryExactlyWhereItAnswers503) {
  for (int i = 0; i < kCodes; ++i) {
    const ErrorInfo& info = Describe(static_cast<ErrorCode>(i));
    EXPECT_EQ(info.retry_after, info.http_status == 503) << info.name;
  }
}

TEST(ErrorTest, GivesEachCodeANameAndALineOfItsOwn) {
  std::set<std::string_view> names;
  std::set<std::string_view> texts;
  for (int i = 0; i < kCodes; ++i) {
    const ErrorInfo& info = Describe(static_cast<ErrorCode>(i));
    names.insert(info.name);
    texts.insert(info.text);
    EXPECT_FALSE(info.text.empty());
    EXPECT_EQ(info.text.find('\n'), std::string_view::npos);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kCodes));
  EXPECT_EQ(texts.size(), static_cast<size_t>(kCodes));
}

}  // namespace
}  // namespace rp
