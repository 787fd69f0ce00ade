// A schedule of fetches, its fetches and the time, for tests without threads.
//
// Thread safety: the thread of the test.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "redis/fetch_schedule.h"
#include "test/support/outgoing.h"

namespace rp::redis {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Action = FetchSchedule::Turn::Action;
using Change = CircuitBreaker::Change;
using Loss = FetchSchedule::Loss;
using WakesFetcher = FetchSchedule::Wakes::Fetcher;
using Strings = std::vector<std::string>;

inline const Error kRefusal{ErrorCode::kUnavailable, "Connection refused"};
inline const Error kClosed{ErrorCode::kUnavailable, "Server closed the connection"};
inline const Error kSilence{ErrorCode::kTimeout, "no answer in time"};
inline const Error kGarbage{ErrorCode::kProtocol, "Redis sent garbage"};

inline Strings Drain(FetchQueue queue) {
  Strings keys;
  while (!queue.empty()) {
    keys.push_back(TextOf(*queue.PopFront()));
  }
  return keys;
}

class FetchScheduleFixture : public testing::Test {
 protected:
  Fetch* Get(const char* key, Duration timeout = seconds(60)) {
    Fetch& fetch = fetches_.emplace_back();
    fetch.key = key;
    fetch.SetDeadline(now_ + timeout);
    return &fetch;
  }
  Fetch* Command(std::string_view bytes, bool may_be_repeated = false) {
    Fetch* const fetch = Get("");
    fetch->command = OutgoingOf(std::string(bytes));
    fetch->may_be_repeated = may_be_repeated;
    return fetch;
  }

  FetchSchedule::Wakes Submit(Fetch* fetch) {
    FetchQueue one;
    one.PushBack(fetch);
    const FetchSchedule::Wakes wakes = schedule_.Submit(&one);
    was_taken_ = one.empty();
    Drain(std::move(one));
    return wakes;
  }

  // One more fetcher connects.
  void Connect() {
    ASSERT_EQ(schedule_.BeginTurn(now_).action, Action::kConnect);
    static_cast<void>(schedule_.OnConnected(now_));
  }

  FetchSchedule::ConnectFailure FailToConnect(const Error& error) {
    FetchSchedule::Turn turn = schedule_.BeginTurn(now_);
    if (turn.action == Action::kPark) {
      now_ = turn.until;
      schedule_.EndTurn(turn);
      turn = schedule_.BeginTurn(now_);
    }
    EXPECT_EQ(turn.action, Action::kConnect);
    return schedule_.OnConnectFailed(error, now_);
  }

  // A connected fetcher takes its share and loses it with its connection; then it connects anew.
  FetchSchedule::Lost LoseBatch(const Error& error, Loss loss) {
    Batch batch(nullptr);
    static_cast<void>(schedule_.Take(32, now_, &batch));
    EXPECT_GT(batch.size(), 0u);
    FetchSchedule::Lost lost = schedule_.OnConnectionLost(&batch, error, loss, now_);
    now_ += seconds(1);
    Connect();
    return lost;
  }

  Strings Take(size_t share = 32) {
    Batch batch(nullptr);
    expired_ = Drain(std::move(schedule_.Take(share, now_, &batch).expired));
    Strings taken;
    for (size_t i = 0; i < batch.size(); ++i) {
      taken.push_back(TextOf(batch[i]));
    }
    return taken;
  }

  TimePoint now_{std::chrono::hours(1)};
  std::deque<Fetch> fetches_;
  FetchSchedule schedule_{{.connections = 4, .ops_limit = 128, .max_pending = 4}, 42};
  Strings expired_;
  bool was_taken_ = false;
};

}  // namespace rp::redis
