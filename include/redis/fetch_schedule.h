// Decides when each fetch is sent, sent again or failed, and what each fetcher does next. Holds the
// queue, the states of the fetchers and the circuit breaker as one machine, because every decision
// looks at all three. Hides the retry policy, the division of -redis-ops-limit and whom to wake.
// Contains no thread, lock, clock or socket: Fetchers has those.
//
// A fetch:
//
//   Submit           Take                Batch::Answer
//   --------> waits ------> under way -----------------> delivered
//              |  ^            |
//              |  |            | OnConnectionLost
//              |  +------------+  before all others, while it may be sent again
//              |               |
//              |               +--> failed: its deadline has passed, it has no attempts left, or it
//              |                    is a command that Redis may have got
//              +--> failed: its deadline has passed (Take, Expire), or the circuit is open or the
//                   schedule stopped (OnConnectFailed, Expire)
//
// A fetcher; the machine counts how many are in each state and does not know them apart:
//
//   from            call                to
//   kUnconnected    BeginTurn           kConnecting, kTiming or kParked; or it ends
//   kConnecting     OnConnected         kBusy           at most one connects
//   kConnecting     OnConnectFailed     kUnconnected
//   kTiming         EndTurn             kUnconnected    at most one waits for the next attempt
//   kParked         EndTurn             kUnconnected    waits to be woken
//   kBusy           BeginIdle           kIdle           waits for fetches
//   kIdle           named by a Wakes    kWoken          at most one
//   kIdle, kWoken   EndIdle             kBusy
//   kBusy           OnConnectionLost    kUnconnected
//
// A fetcher connects if no other is connected, or if fetches wait and no other is idle.
//
// Owner: Fetchers.
// Thread safety: one thread at a time (the fetchers' lock guards it). Time is an argument.
// Cost: O(1) per call and fetch, no allocation, but for Expire, which is O(n) at most once in
// kScanInterval, and for texts of errors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/time.h"
#include "redis/batch.h"
#include "redis/circuit_breaker.h"
#include "redis/fetch_queue.h"

namespace rp::redis {

struct FetchLimits {
  int connections = 4;         // at most
  int ops_limit = 128;         // fetches under way, over all connections
  size_t max_pending = 16384;  // fetches that wait
};

class FetchSchedule {
 public:
  // Maximum retries of a fetch whose connection was lost; the second, if Redis sent bytes that are
  // not RESP.
  static constexpr unsigned kMaxRetries = 2;
  static constexpr unsigned kMaxRetriesAfterGarbage = 1;
  // Minimum time between two scans for deadlines, each of which looks at every waiting fetch.
  static constexpr Duration kScanInterval = std::chrono::milliseconds(10);

  // Which threads to notify once the lock is released.
  struct Wakes {
    enum class Fetcher : uint8_t { kNone, kIdle, kParked };
    Fetcher fetcher = Fetcher::kNone;
    bool deadline_thread = false;
  };

  // The next action of a fetcher without a connection.
  struct Turn {
    enum class Action : uint8_t { kConnect, kPark, kStop };
    Action action = Action::kStop;
    TimePoint until = kNever;  // with kPark: in kTiming until this time, or in kParked
  };

  struct Connected {
    CircuitBreaker::Change change = CircuitBreaker::Change::kNone;
    Duration outage{};       // with kReconnected
    size_t connections = 0;  // that live now
  };

  struct ConnectFailure {
    CircuitBreaker::Change change = CircuitBreaker::Change::kNone;
    FetchQueue failed;  // to be failed with `reason`
    Error reason;
  };

  struct Taken {
    FetchQueue expired;  // to be failed with kTimeout
    Wakes wakes;
  };

  // How a connection was lost.
  enum class Loss : uint8_t {
    kBeforeSending,  // it was found closed before anything was sent
    kSilent,         // it had answered before, and was lost before the first byte of a reply
    kBeforeAnswer,   // it was new and never answered a request, though nothing large was asked
    kOther,
  };

  // What happens to the fetches of a lost connection.
  struct Lost {
    FetchQueue expired;      // to be failed with kTimeout
    FetchQueue failed;       // to be failed with `reason`
    size_t retried = 0;      // wait again
    size_t connections = 0;  // that live now
    Error reason;
    Wakes wakes;
  };

  struct Expiry {
    FetchQueue fetches;  // to be failed with `reason`
    Error reason;
    TimePoint next = kNever;  // where `fetches` is empty: when to call Expire again
  };

  // `seed` is that of the back-off. REQUIRES: connections >= 1, ops_limit >= 1.
  FetchSchedule(const FetchLimits& limits, uint64_t seed);

  // Returns min(connections, ops_limit), the number of fetchers.
  [[nodiscard]] static size_t FetchersFor(const FetchLimits& limits);

  // Returns how many fetches the fetcher `index` may have under way: at most Batch::kMaxFetches.
  // The shares of all fetchers add up to ops_limit at most. REQUIRES: index < FetchersFor(limits).
  [[nodiscard]] static size_t ShareOf(const FetchLimits& limits, size_t index);

  [[nodiscard]] bool stopping() const { return stopping_; }

  // From now on nothing is taken, sent or sent again, and Expire returns all that waits.
  void Stop() { stopping_ = true; }

  // Queues `*fetches`; those that do not fit (max_pending wait, or stopped) stay in it.
  [[nodiscard]] Wakes Submit(FetchQueue* fetches);

  // Returns what a fetcher in kUnconnected does: connect now, wait until it is woken or `until`
  // passes and then call EndTurn, or end because the schedule was stopped.
  [[nodiscard]] Turn BeginTurn(TimePoint now);
  // REQUIRES: `turn` is the caller's, with kPark.
  void EndTurn(const Turn& turn);

  // No thread has to be woken: the fetcher calls Take next.
  [[nodiscard]] Connected OnConnected(TimePoint now);

  // The connection leads to another server than those before, which are outdated.
  void OnAnotherServer(TimePoint now) { breaker_.OnAnotherServer(now); }

  // No thread has to be woken: the fetcher calls BeginTurn next.
  [[nodiscard]] ConnectFailure OnConnectFailed(const Error& error, TimePoint now);

  // The caller's connection has answered its first request.
  void OnFirstAnswer() { breaker_.OnFirstAnswer(); }
  // The caller's connection has answered all that it was asked.
  void OnServed() { breaker_.OnServed(); }

  // Returns true if nothing waits: the caller then waits until it is woken, and calls EndIdle.
  [[nodiscard]] bool BeginIdle();
  void EndIdle();

  // Moves up to `share` fetches of one kind into `*batch`: GETs and commands in turn, the first
  // first, and a large one alone. `*batch` stays empty if nothing waits that is not expired.
  // REQUIRES: `*batch` is empty.
  [[nodiscard]] Taken Take(size_t share, TimePoint now, Batch* batch);

  // The caller's connection was lost with `error`. Takes what it left unanswered out of `*batch`:
  // what may be sent again waits again, in the same order and before all others.
  [[nodiscard]] Lost OnConnectionLost(Batch* batch, const Error& error, Loss loss, TimePoint now);

  // Takes out the fetches whose deadline has passed, or all of them if the circuit is open or the
  // schedule stopped. Called by the deadline thread: again at once if it returned fetches, else at
  // `next` or when a Wakes names that thread.
  [[nodiscard]] Expiry Expire(TimePoint now);

 private:
  enum class State : uint8_t { kUnconnected, kConnecting, kTiming, kParked, kBusy, kIdle, kWoken };

  [[nodiscard]] size_t Count(State state) const { return counts_[static_cast<size_t>(state)]; }
  [[nodiscard]] size_t Connections() const {
    return Count(State::kBusy) + Count(State::kIdle) + Count(State::kWoken);
  }
  void Move(State from, State to);
  [[nodiscard]] Wakes PlanWakes();
  [[nodiscard]] TimePoint NextExpiry() const;
  [[nodiscard]] static bool MayRetry(Fetch* fetch, ErrorCode code, Loss loss);

  const size_t max_pending_;
  WaitingFetches queue_;
  CircuitBreaker breaker_;
  std::array<size_t, static_cast<size_t>(State::kWoken) + 1> counts_{};  // of fetchers
  TimePoint deadline_wakeup_ = kNever;  // when the deadline thread wakes by itself
  TimePoint last_scan_ = TimePoint::min();
  bool stopping_ = false;
};

}  // namespace rp::redis
