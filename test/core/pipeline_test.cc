#include "core/pipeline.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace rp::core {
namespace {

using State = Request::State;

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

  // A first request, which is answered at once, and `rest` others, all in one group.
  std::vector<Request*> AddGroup(uint32_t rest) {
    std::vector<Request*> group;
    for (uint32_t i = 0; i <= rest; ++i) group.push_back(Add());
    pipeline_.MakeGroup(group[0], rest + 1);
    pipeline_.OnAnswered(group[0]);
    return group;
  }

  // Starts what may be started and returns it.
  std::vector<Request*> Start() {
    std::vector<Request*> started;
    while (Request* request = pipeline_.NextToStart()) {
      request->state = State::kInFlight;
      started.push_back(request);
    }
    return started;
  }

  void Fail(Request* request, ErrorCode code) {
    request->Fail(code);
    pipeline_.OnAnswered(request);
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

TEST_F(PipelineTest, AGroupIsReadyOnlyAsAWhole) {
  const auto group = AddGroup(2);
  EXPECT_EQ(Start(), (std::vector<Request*>{group[1], group[2]}));
  EXPECT_FALSE(pipeline_.has_ready()) << "the first is answered, but the others are not";
  pipeline_.OnAnswered(group[2]);
  EXPECT_FALSE(pipeline_.has_ready());
  pipeline_.OnAnswered(group[1]);
  EXPECT_TRUE(pipeline_.has_ready());
  for (Request* request : group) {
    EXPECT_TRUE(Pipeline::IsReady(*pipeline_.first()));
    EXPECT_EQ(pipeline_.Pop(), request);
    EXPECT_EQ(request->group, nullptr);
  }
}

TEST_F(PipelineTest, AGroupHasOnlySoManyRequestsInFlight) {
  constexpr uint32_t kMax = Pipeline::kMaxGroupInFlight;
  const auto group = AddGroup(kMax + 1);
  const auto started = Start();
  EXPECT_EQ(started.size(), kMax);
  EXPECT_EQ(started.back(), group[kMax]);
  pipeline_.OnAnswered(group[1]);
  EXPECT_EQ(Start(), std::vector<Request*>{group[kMax + 1]});
  pipeline_.OnAnswered(group[2]);
  EXPECT_EQ(Start(), std::vector<Request*>{});
}

TEST_F(PipelineTest, TwoGroupsAreInFlightSideBySide) {
  const auto a = AddGroup(Pipeline::kMaxGroupInFlight + 1);
  const auto b = AddGroup(1);
  EXPECT_EQ(Start().back(), b[1]);
  pipeline_.OnAnswered(b[1]);
  EXPECT_FALSE(pipeline_.has_ready()) << "the first group is not answered";
}

TEST_F(PipelineTest, WhatIsLeftOfAGroupThatHasFailedIsNotStarted) {
  const auto group = AddGroup(Pipeline::kMaxGroupInFlight + 2);
  const auto started = Start();
  Fail(group[1], ErrorCode::kTimeout);
  EXPECT_EQ(Start(), std::vector<Request*>{});
  EXPECT_EQ(group.back()->answer.outcome, proxy::Outcome::kError);
  EXPECT_EQ(group.back()->state, State::kAnswered);
  for (size_t i = 1; i < started.size(); ++i) pipeline_.OnAnswered(started[i]);
  EXPECT_TRUE(pipeline_.has_ready());
}

TEST_F(PipelineTest, AKeyOfAnotherTypeFailsNoGroup) {
  const auto group = AddGroup(1);
  Start();
  Fail(group[1], ErrorCode::kWrongType);
  EXPECT_FALSE(group[0]->group->has_failed);
}

TEST_F(PipelineTest, ARequestThatHasFailedAlreadyIsNotStarted) {
  Request* first = Add();
  Request* failed = Add();
  Request* other = Add();
  failed->Fail(ErrorCode::kNoMemory);
  pipeline_.MakeGroup(first, 3);
  pipeline_.OnAnswered(first);
  EXPECT_EQ(Start(), std::vector<Request*>{}) << "the answer will be the error";
  EXPECT_EQ(failed->state, State::kAnswered);
  EXPECT_EQ(other->state, State::kAnswered);
  EXPECT_TRUE(pipeline_.has_ready());
}

}  // namespace
}  // namespace rp::core
