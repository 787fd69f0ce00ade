#include "redis/status_log.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

namespace rp::redis {
namespace {

constexpr auto kYes = StatusLog::Renewed::kYes;
constexpr auto kNo = StatusLog::Renewed::kNo;

const Error kMasterDown{ErrorCode::kMasterDown, "MASTERDOWN Link with MASTER is down"};
const Error kLoading{ErrorCode::kLoading, "LOADING Redis is loading the dataset in memory"};

// All of it within ten seconds.
std::string LogOf(const std::function<void(StatusLog*)>& events) {
  StatusLog log("redis:6379");
  testing::internal::CaptureStderr();
  events(&log);
  return testing::internal::GetCapturedStderr();
}

size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(StatusLogTest, ARenewalIsSaidAlsoSoonAfterItsError) {
  const std::string log = LogOf([](StatusLog* status) {
    for (int i = 0; i < 3; ++i) status->OnTrouble(kMasterDown, kNo);
    for (int i = 0; i < 3; ++i) status->OnTrouble(kMasterDown, kYes);
  });
  EXPECT_EQ(Count(log, "MASTERDOWN"), 2U) << log;
  EXPECT_EQ(Count(log, "reconnecting"), 1U) << log;
}

TEST(StatusLogTest, AnErrorThatComesWithARenewalIsSaidOnce) {
  const std::string log = LogOf([](StatusLog* status) {
    status->OnTrouble(kMasterDown, kYes);
    for (int i = 0; i < 3; ++i) status->OnTrouble(kMasterDown, kNo);
  });
  EXPECT_EQ(Count(log, "MASTERDOWN"), 1U) << log;
  EXPECT_EQ(Count(log, "reconnecting"), 1U) << log;
}

TEST(StatusLogTest, TheFirstErrorOfAKindIsSaidAlsoSoonAfterTheRenewalOverAnother) {
  const std::string log = LogOf([](StatusLog* status) {
    status->OnTrouble(kMasterDown, kYes);
    status->OnTrouble(kLoading, kYes);
  });
  EXPECT_EQ(Count(log, "MASTERDOWN"), 1U) << log;
  EXPECT_EQ(Count(log, "LOADING"), 1U) << log;
}

TEST(StatusLogTest, OtherErrorsOfRedisAreOfAsManyKindsAsTheyHaveFirstWords) {
  const std::string words[] = {"ERR", "MISCONF", "NOREPLICAS", "OOM", "DENIED"};
  const std::string log = LogOf([&](StatusLog* status) {
    for (const std::string& word : words) {
      status->OnTrouble(Error{ErrorCode::kUpstream, word + " first"}, kNo);
      status->OnTrouble(Error{ErrorCode::kUpstream, word + " second"}, kNo);
    }
  });
  for (const std::string& word : words) {
    EXPECT_EQ(Count(log, "answers " + word + " first"), 1U) << log;
    EXPECT_EQ(Count(log, "answers " + word + " second"), 0U) << log;
  }
}

}  // namespace
}  // namespace rp::redis
