#include "core/pipeline.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

namespace rp::core {
namespace {

using State = Request::State;

class NoKeys final : public GroupKeys {
 public:
  explicit NoKeys(size_t size = 0) : size_(size) {}
  [[nodiscard]] size_t size() const override { return size_; }
  [[nodiscard]] std::string_view operator[](size_t) const override { return {}; }

 private:
  const size_t size_;
};

// A pipeline whose requests the test answers; nothing of it has a socket or a pool.
class PipelineTest : public ::testing::Test {
 protected:
  ~PipelineTest() override {
    while (!pipeline_.empty()) static_cast<void>(pipeline_.Pop());
  }

  Request* Add() {
    Request* request = &requests_.emplace_back();
    request->state = State::kFilling;
    pipeline_.Append(request);
    return request;
  }

  std::deque<Request> requests_;
  Pipeline pipeline_;
};

TEST_F(PipelineTest, AnswersWaitForThoseBeforeThem) {
  Request* a = Add();
  Request* b = Add();
  EXPECT_EQ(pipeline_.size(), 2);
  EXPECT_FALSE(pipeline_.all_answered());
  pipeline_.OnAnswered(b);
  EXPECT_FALSE(pipeline_.has_ready());
  pipeline_.OnAnswered(a);
  EXPECT_TRUE(pipeline_.has_ready());
  EXPECT_TRUE(pipeline_.all_answered());
  EXPECT_EQ(pipeline_.Pop(), a);
  EXPECT_TRUE(pipeline_.has_ready());
  EXPECT_EQ(pipeline_.Pop(), b);
  EXPECT_TRUE(pipeline_.empty());
  EXPECT_EQ(pipeline_.last(), nullptr);
  EXPECT_EQ(pipeline_.size(), 0);
}

TEST_F(PipelineTest, ARequestThatIsTakenOutUnansweredIsNotWaitedFor) {
  Add();
  EXPECT_NE(pipeline_.Pop(), nullptr);
  EXPECT_TRUE(pipeline_.all_answered());
}

TEST_F(PipelineTest, GroupsEndWithTheirRequests) {
  Request* a = Add();
  pipeline_.SetGroup(a,
                     std::make_unique<Group>(Group::Keeps::kCount, std::make_unique<NoKeys>(), 0));
  Request* b = Add();
  pipeline_.SetGroup(b,
                     std::make_unique<Group>(Group::Keeps::kCount, std::make_unique<NoKeys>(), 0));
  pipeline_.OnAnswered(a);
  EXPECT_EQ(pipeline_.Pop(), a);
  EXPECT_EQ(a->group, nullptr);
  EXPECT_TRUE(pipeline_.has_groups());
  EXPECT_EQ(pipeline_.Pop(), b);
  EXPECT_FALSE(pipeline_.has_groups());
}

TEST_F(PipelineTest, HasNoRoomBehindGroupsOfManyKeys) {
  for (const size_t more : {size_t{1}, size_t{0}}) {
    Request* request = Add();
    pipeline_.SetGroup(
        request, std::make_unique<Group>(Group::Keeps::kCount,
                                         std::make_unique<NoKeys>(Pipeline::kManyKeys - more), 0));
    EXPECT_EQ(pipeline_.has_room(), more == 1);
    EXPECT_EQ(pipeline_.Pop(), request);
    EXPECT_TRUE(pipeline_.has_room());
  }
}

}  // namespace
}  // namespace rp::core
