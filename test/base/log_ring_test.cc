#include "base/log_ring.h"

#include <gtest/gtest.h>

#include <memory>

namespace rp {
namespace {

class LogRingTest : public ::testing::Test {
 protected:
  [[nodiscard]] bool Push(size_t size) {
    LogLine line;
    line.size = size;
    return ring_->Push(&line);
  }
  // The size of the oldest line, 0 when there is none.
  size_t Pop() {
    LogLine line;
    const bool popped = ring_->Pop(&line);
    lost_before_ = line.lost_before;
    return popped ? line.size : 0;
  }

  const std::unique_ptr<LogRing> ring_ = std::make_unique<LogRing>();
  uint64_t lost_before_ = 0;
};

TEST_F(LogRingTest, KeepsTheMostLinesInOrderAndLosesOneMore) {
  for (size_t i = 1; i <= LogRing::kMaxLines; ++i) ASSERT_TRUE(Push(i));
  EXPECT_FALSE(Push(999));
  for (size_t i = 1; i <= LogRing::kMaxLines; ++i) {
    ASSERT_EQ(Pop(), i);
    ASSERT_EQ(lost_before_, 0u);
  }
  EXPECT_EQ(Pop(), 0u);
  EXPECT_EQ(ring_->pushes(), LogRing::kMaxLines);
}

TEST_F(LogRingTest, TheLineBehindThoseThatWereLostTellsHowMany) {
  for (size_t i = 1; i <= LogRing::kMaxLines; ++i) ASSERT_TRUE(Push(i));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Push(999));
  ASSERT_EQ(Pop(), 1u);
  EXPECT_TRUE(Push(1000));
  EXPECT_FALSE(Push(999));
  for (size_t i = 2; i <= LogRing::kMaxLines; ++i) ASSERT_EQ(Pop(), i);
  EXPECT_EQ(Pop(), 1000u);
  EXPECT_EQ(lost_before_, 3u);
  EXPECT_EQ(ring_->TakeLost(), 1u);
  EXPECT_EQ(ring_->TakeLost(), 0u);
}

}  // namespace
}  // namespace rp
