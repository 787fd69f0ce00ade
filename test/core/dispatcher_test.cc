#include "core/dispatcher.h"

#include <deque>

#include "test/support/cache_flight.h"
#include "test/support/owned_command.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_fixture.h"

namespace rp::core {
namespace {

using proxy::Outcome;

// A dispatcher over a cache that has "hit", and a worker pool without threads: what goes to the
// workers stays in their queue.
class DispatcherTest : public proxy::ReadThroughTest {
 protected:
  DispatcherTest() : router_(&read_through_, nullptr), workers_(&router_, [] {}) {
    Fetch("hit", proxy::Value("value"));
    turn_.now = Now();
  }

  ~DispatcherTest() override {
    while (!fetches_.empty()) Finish(proxy::Missing());
  }

  Dispatcher Make(bool answers_inline) {
    return Dispatcher({.timeout = seconds(1), .answers_inline = answers_inline}, &router_,
                      &workers_, &answers_, &turn_);
  }

  Request* MakeRequest(const std::string& key) {
    Request* request = &requests_.emplace_back();
    request->state = Request::State::kFilling;
    request->question.key = key;
    return request;
  }

  using seconds = std::chrono::seconds;

  proxy::TestHome answers_;
  std::deque<Request> requests_;
  proxy::Router router_;
  WorkerPool workers_;
  Turn turn_;
};

TEST_F(DispatcherTest, AnswersHitsAndStartsAFewMissesItself) {
  Dispatcher dispatcher = Make(true);
  Request* hit = MakeRequest("hit");
  EXPECT_TRUE(dispatcher.TryHit(hit));
  EXPECT_EQ(hit->answer.outcome, Outcome::kValue);
  EXPECT_TRUE(dispatcher.TryFind("hit"));
  EXPECT_FALSE(dispatcher.TryFind("miss"));
  Request* miss = MakeRequest("miss");
  EXPECT_FALSE(dispatcher.TryHit(miss));
  dispatcher.Send(miss);
  EXPECT_EQ(miss->state, Request::State::kInFlight);
  EXPECT_EQ(miss->deadline, turn_.now + seconds(1));
  dispatcher.Start();
  EXPECT_EQ(fetches_.size(), 1u) << "no worker was needed";
}

TEST_F(DispatcherTest, WithoutTheShortCutAllGoesThroughTheQueue) {
  Dispatcher dispatcher = Make(false);
  EXPECT_FALSE(dispatcher.TryHit(MakeRequest("hit")));
  EXPECT_FALSE(dispatcher.TryFind("hit"));
  Request* hit = MakeRequest("hit");
  Request* miss = MakeRequest("miss");
  dispatcher.Send(hit);
  dispatcher.Send(miss);
  dispatcher.Start();
  EXPECT_EQ(hit->answer.outcome, Outcome::kPending);
  EXPECT_EQ(fetches_.size(), 0u) << "it waits for a worker";
  workers_.Start(1);
  const TimePoint patience = Now() + seconds(30);
  while (answers_.delivered().empty() && Now() < patience) std::this_thread::yield();
  workers_.Stop();
  EXPECT_EQ(answers_.delivered(), std::vector<proxy::Request*>{hit});
  EXPECT_EQ(hit->answer.value->value(), "value");
  EXPECT_EQ(fetches_.size(), 1u);
}

TEST_F(DispatcherTest, ManyMissesOfATurnGoToTheWorkers) {
  Dispatcher dispatcher = Make(true);
  for (int i = 0; i < 16; ++i) dispatcher.Send(MakeRequest("a" + std::to_string(i)));
  dispatcher.Start();
  EXPECT_EQ(fetches_.size(), 16u);
  for (int i = 0; i < 17; ++i) dispatcher.Send(MakeRequest("b" + std::to_string(i)));
  dispatcher.Start();
  EXPECT_EQ(fetches_.size(), 16u);
}

TEST_F(DispatcherTest, ACommandGoesToTheWorkers) {
  Dispatcher dispatcher = Make(true);
  Request* command = MakeRequest("");
  proxy::SetCommand(command, {"TTL", "k"});
  dispatcher.Send(command);
  dispatcher.Start();
  EXPECT_EQ(command->answer.outcome, Outcome::kPending);
}

TEST_F(DispatcherTest, SaysWhenTheNextTimeOutIs) {
  Dispatcher dispatcher = Make(true);
  EXPECT_EQ(dispatcher.next_deadline(), kNever);
  Request* miss = MakeRequest("miss");
  dispatcher.Send(miss);
  EXPECT_EQ(dispatcher.next_deadline(), turn_.now + seconds(1));
  dispatcher.Start();
  EXPECT_TRUE(dispatcher.TakeBack(miss));
  EXPECT_FALSE(dispatcher.TakeBack(miss)) << "it waits no longer";
  miss->Leave();
  EXPECT_EQ(dispatcher.next_deadline(), kNever);
}

}  // namespace
}  // namespace rp::core
