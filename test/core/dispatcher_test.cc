#include "core/dispatcher.h"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/connection.h"
#include "core/reactor_context.h"
#include "test/support/owned_command.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_fixture.h"

namespace rp::core {
namespace {

using proxy::Outcome;
using proxy::Source;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A dispatcher over a cache that has "hit", a Redis that answers commands at once, and a worker
// pool without threads: what goes to the workers stays in their queue until RunWorker.
class DispatcherTest : public proxy::ReadThroughTest {
 protected:
  DispatcherTest()
      : ReadThroughTest({}, {.capacity = 100, .expire = minutes(1), .stale = hours(1)}),
        forwarder_(
            Hasher({1, 2}), &cache_, [](redis::Fetch* fetch) { return AnswerCommand(fetch); },
            [] {}),
        router_(&read_through_, &forwarder_),
        workers_(&router_, [] {}) {
    Fetch("hit", proxy::Value("value"));
    attempts_.clear();
    turn_.now = Now();
  }

  ~DispatcherTest() override {
    while (!fetches_.empty()) Finish(proxy::Missing());
  }

  Dispatcher Make(bool answers_inline) {
    return Dispatcher({.timeout = kTimeout, .answers_inline = answers_inline}, &router_, &workers_,
                      &answers_, &turn_);
  }

  Request* MakeRequest(const std::string& key) {
    Request* request = &requests_.emplace_back();
    request->state = Request::State::kFilling;
    request->question.key = key;
    return request;
  }

  // Leaves room for `count` jobs in the queue of the workers.
  void FillQueueOfWorkers(size_t count) {
    for (size_t i = count; i < WorkerPool::kQueueCapacity; ++i)
      ASSERT_TRUE(workers_.TrySubmit(&unused_));
  }

  // Has a worker do what it finds until `is_done`, which is called at any time.
  void RunWorker(const std::function<bool()>& is_done) {
    workers_.Start(1);
    const TimePoint patience = Now() + seconds(60);
    while (!is_done() && Now() < patience) std::this_thread::yield();
    workers_.Stop();
  }

  bool SubmitAll(redis::FetchQueue* fetches, Blocking blocking) override {
    attempts_.push_back(blocking);
    if (lock_is_held_ && blocking == Blocking::kNo) return false;
    const size_t count = fetches->size();
    const bool taken = ReadThroughTest::SubmitAll(fetches, blocking);
    submitted_ += count;
    return taken;
  }

  static bool AnswerCommand(redis::Fetch* fetch) {
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kReply;
    result.value = ":1\r\n";
    fetch->sink->OnFetched(fetch, result, Now());
    return true;
  }

  static constexpr Duration kTimeout = seconds(1);

  proxy::TestHome answers_;
  std::deque<Request> requests_;
  bool lock_is_held_ = false;          // of the fetchers, by others
  std::vector<Blocking> attempts_;     // to submit
  std::atomic<size_t> submitted_ = 0;  // fetches
  proxy::Request unused_;
  proxy::Forwarder forwarder_;
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
  EXPECT_EQ(miss->deadline, turn_.now + kTimeout);
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
  RunWorker([this] { return !answers_.delivered().empty(); });
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
  RunWorker([this] { return submitted_ >= 16 + 17; });
  EXPECT_EQ(fetches_.size(), 16u + 17u);
}

TEST_F(DispatcherTest, ACommandGoesToTheWorkers) {
  Dispatcher dispatcher = Make(true);
  Request* command = MakeRequest("");
  proxy::SetCommand(command, {"TTL", "k"});
  command->question.reads_only = true;
  dispatcher.Send(command);
  dispatcher.Start();
  EXPECT_TRUE(answers_.delivered().empty());
  RunWorker([this] { return !answers_.delivered().empty(); });
  EXPECT_EQ(answers_.delivered(), std::vector<proxy::Request*>{command});
  EXPECT_EQ(command->answer.outcome, Outcome::kReply);
  EXPECT_EQ(command->answer.reply, ":1\r\n");
}

TEST_F(DispatcherTest, DoesTheJobItselfWhenTheQueueOfTheWorkersIsFull) {
  FillQueueOfWorkers(1);
  Dispatcher dispatcher = Make(false);
  dispatcher.Send(MakeRequest("hit"));
  dispatcher.Start();
  EXPECT_TRUE(answers_.delivered().empty()) << "the queue has taken it";
  Request* hit = MakeRequest("hit");
  dispatcher.Send(hit);
  dispatcher.Send(MakeRequest("miss"));
  dispatcher.Start();
  EXPECT_EQ(answers_.delivered(), std::vector<proxy::Request*>{hit});
  EXPECT_EQ(answers_.woken_with(), 1u);
  EXPECT_EQ(fetches_.size(), 1u);
}

TEST_F(DispatcherTest, WaitsForTheFetchersAfterFourRefusals) {
  Dispatcher dispatcher = Make(true);
  lock_is_held_ = true;
  dispatcher.Send(MakeRequest("a"));
  for (int i = 0; i < 4; ++i) {
    dispatcher.Start();
    EXPECT_TRUE(dispatcher.has_fetches());
  }
  EXPECT_EQ(attempts_, std::vector<Blocking>(4, Blocking::kNo));
  dispatcher.Start();
  EXPECT_EQ(attempts_.back(), Blocking::kYes);
  EXPECT_FALSE(dispatcher.has_fetches());
  EXPECT_EQ(fetches_.size(), 1u);
  dispatcher.Send(MakeRequest("b"));
  dispatcher.Start();
  EXPECT_EQ(attempts_.back(), Blocking::kNo) << "it counts anew";
  dispatcher.Finish();
}

TEST_F(DispatcherTest, AtTheEndSubmitsWhatIsLeft) {
  Dispatcher dispatcher = Make(true);
  lock_is_held_ = true;
  dispatcher.Send(MakeRequest("a"));
  dispatcher.Start();
  EXPECT_TRUE(dispatcher.has_fetches());
  dispatcher.Finish();
  EXPECT_FALSE(dispatcher.has_fetches());
  EXPECT_EQ(fetches_.size(), 1u);
  dispatcher.Finish();
  EXPECT_EQ(attempts_, (std::vector{Blocking::kNo, Blocking::kYes})) << "the last had none";
}

TEST_F(DispatcherTest, SaysWhenTheNextTimeOutIs) {
  Dispatcher dispatcher = Make(true);
  EXPECT_EQ(dispatcher.next_deadline(), kNever);
  Request* miss = MakeRequest("miss");
  dispatcher.Send(miss);
  EXPECT_EQ(dispatcher.next_deadline(), turn_.now + kTimeout);
  dispatcher.Start();
  EXPECT_TRUE(dispatcher.TakeBack(miss));
  EXPECT_FALSE(dispatcher.TakeBack(miss)) << "it waits no longer";
  miss->Leave();
  EXPECT_EQ(dispatcher.next_deadline(), kNever);
}

// --- Requests whose time is over. ---

// The dispatcher of a reactor, with a connection that has neither socket nor session: answers stay
// in its pipeline.
class DispatcherWaitTest : public DispatcherTest {
 protected:
  DispatcherWaitTest()
      : context_({.timeout = kTimeout}, ClientTimeouts(), &clients_, &router_, &workers_,
                 &answers_) {
    context_.turn.now = Now();
    auto made = std::make_unique<Connection>(&context_, 1, UniqueFd(), nullptr);
    connection_ = made.get();
    context_.connections.Add(std::move(made), clients_.Enter());
  }

  ~DispatcherWaitTest() override {
    context_.connections.CloseAll("the test is over");
    context_.connections.DeleteClosed();
    EXPECT_EQ(context_.requests.out(), 0u) << "a request was lost";
  }

  Request* Send(const std::string& key) {
    Request* const request = connection_->AddRequest();
    request->question.key = key;
    dispatcher().Send(request);
    return request;
  }

  void EndWaitsAfter(Duration wait) {
    context_.turn.now += wait;
    dispatcher().EndWaits(TurnBudget::kTimeouts);
  }

  [[nodiscard]] Dispatcher& dispatcher() { return context_.dispatcher; }

  ClientCount clients_{1};
  ReactorContext context_;
  Connection* connection_ = nullptr;
};

TEST_F(DispatcherWaitTest, ARequestFailsWhenItsTimeIsOver) {
  const Request* request = Send("miss");
  dispatcher().Start();
  EndWaitsAfter(kTimeout - milliseconds(1));
  EXPECT_EQ(request->state, Request::State::kInFlight);
  EndWaitsAfter(milliseconds(1));
  EXPECT_EQ(request->state, Request::State::kAnswered);
  EXPECT_EQ(request->answer.outcome, Outcome::kError);
  EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
  EXPECT_EQ(dispatcher().next_deadline(), kNever);
  Finish(proxy::Value("late"));
  EXPECT_TRUE(answers_.delivered().empty()) << "it was taken back";
  EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
}

TEST_F(DispatcherWaitTest, OnlySoManyAreAnsweredAtOnce) {
  for (const char* key : {"a", "b", "c"}) Send(key);
  dispatcher().Start();
  context_.turn.now += kTimeout;
  const auto answered = [this] {
    int count = 0;
    for (const Request* request = connection_->pipeline().first(); request != nullptr;
         request = request->next_in_pipeline)
      count += request->state == Request::State::kAnswered ? 1 : 0;
    return count;
  };
  dispatcher().EndWaits(2);
  EXPECT_EQ(answered(), 2);
  EXPECT_LE(dispatcher().next_deadline(), context_.turn.now) << "the next turn comes at once";
  dispatcher().EndWaits(2);
  EXPECT_EQ(answered(), 3);
}

TEST_F(DispatcherWaitTest, AnOldValueIsServedInstead) {
  context_.turn.now += minutes(10);
  const Request* request = Send("hit");
  dispatcher().Start();
  ASSERT_EQ(fetches_.size(), 1u) << "the value is too old";
  EndWaitsAfter(kTimeout);
  EXPECT_EQ(request->state, Request::State::kAnswered);
  EXPECT_EQ(request->answer.outcome, Outcome::kValue);
  EXPECT_EQ(request->answer.source, Source::kStale);
  ASSERT_TRUE(request->answer.value);
  EXPECT_EQ(request->answer.value->value(), "value");
}

TEST_F(DispatcherWaitTest, AnAnswerOnItsWayIsNotReplaced) {
  Request* request = Send("miss");
  dispatcher().Start();
  Finish(proxy::Value("just in time"));
  ASSERT_EQ(answers_.delivered(), std::vector<proxy::Request*>{request});
  for (const Duration wait : {Duration(kTimeout), Duration(milliseconds(1))}) {
    EndWaitsAfter(wait);
    EXPECT_EQ(request->state, Request::State::kInFlight);
    EXPECT_EQ(request->answer.outcome, Outcome::kValue);
    EXPECT_EQ(dispatcher().next_deadline(), context_.turn.now + milliseconds(1));
  }
  connection_->OnAnswer(request);  // as the reactor does
  EXPECT_EQ(dispatcher().next_deadline(), kNever);
  EndWaitsAfter(milliseconds(1));
  EXPECT_EQ(request->answer.outcome, Outcome::kValue);
  EXPECT_EQ(request->answer.value->value(), "just in time");
}

TEST_F(DispatcherWaitTest, AnOverdueRequestIsLookedAtAgain) {
  const Request* request = Send("miss");
  EndWaitsAfter(kTimeout);
  EXPECT_EQ(request->state, Request::State::kInFlight) << "it has not been started";
  dispatcher().Start();
  EndWaitsAfter(milliseconds(1) - Duration(1));
  EXPECT_EQ(request->state, Request::State::kInFlight);
  EndWaitsAfter(Duration(1));
  EXPECT_EQ(request->state, Request::State::kAnswered);
  EXPECT_EQ(request->answer.error, ErrorCode::kTimeout);
  EXPECT_EQ(dispatcher().next_deadline(), kNever);
}

}  // namespace
}  // namespace rp::core
