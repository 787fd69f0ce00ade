#include "redis/fetch_schedule.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "redis/reply.h"

namespace rp::redis {
namespace {

Error ShuttingDown() { return Error{ErrorCode::kStopping, std::string("shutting down")}; }

// Returns whether a connection that ends like this may be the first sign of an outage.
bool IsOutage(ErrorCode code) {
  return code == ErrorCode::kTimeout || code == ErrorCode::kUnavailable;
}

}  // namespace

FetchSchedule::FetchSchedule(const FetchLimits& limits, uint64_t seed)
    : max_pending_(limits.max_pending), breaker_(seed) {
  counts_[static_cast<size_t>(State::kUnconnected)] = FetchersFor(limits);
}

size_t FetchSchedule::FetchersFor(const FetchLimits& limits) {
  RP_CHECK(limits.connections >= 1 && limits.ops_limit >= 1);
  return static_cast<size_t>(std::min(limits.connections, limits.ops_limit));
}

size_t FetchSchedule::ShareOf(const FetchLimits& limits, size_t index) {
  const size_t fetchers = FetchersFor(limits);
  const auto ops = static_cast<size_t>(limits.ops_limit);
  return std::min(ops / fetchers + (index < ops % fetchers ? 1 : 0), Batch::kMaxFetches);
}

FetchSchedule::Wakes FetchSchedule::Submit(FetchQueue* fetches) {
  while (!fetches->empty() && !stopping_ && queue_.size() < max_pending_) {
    Fetch* const fetch = fetches->PopFront();
    fetch->failures_ = 0;
    fetch->free_retry_used_ = false;
    queue_.PushBack(fetch);
  }
  return PlanWakes();
}

FetchSchedule::Turn FetchSchedule::BeginTurn(TimePoint now) {
  if (stopping_) return {.action = Turn::Action::kStop};
  const bool all_are_busy = Count(State::kIdle) + Count(State::kWoken) == 0;
  const bool is_wanted =
      Count(State::kConnecting) == 0 && (Connections() == 0 || (!queue_.empty() && all_are_busy));
  if (is_wanted && now >= breaker_.next_attempt()) {
    Move(State::kUnconnected, State::kConnecting);
    return {.action = Turn::Action::kConnect};
  }
  if (is_wanted && Count(State::kTiming) == 0) {
    Move(State::kUnconnected, State::kTiming);
    return {.action = Turn::Action::kPark, .until = breaker_.next_attempt()};
  }
  Move(State::kUnconnected, State::kParked);
  return {.action = Turn::Action::kPark};
}

void FetchSchedule::EndTurn(const Turn& turn) {
  RP_CHECK(turn.action == Turn::Action::kPark);
  Move(turn.until == kNever ? State::kParked : State::kTiming, State::kUnconnected);
}

FetchSchedule::Connected FetchSchedule::OnConnected(TimePoint now) {
  Move(State::kConnecting, State::kBusy);
  const CircuitBreaker::Change change = breaker_.OnConnected(now);
  return {.change = change, .outage = breaker_.outage(), .connections = Connections()};
}

FetchSchedule::ConnectFailure FetchSchedule::OnConnectFailed(const Error& error, TimePoint now) {
  Move(State::kConnecting, State::kUnconnected);
  ConnectFailure failure;
  if (stopping_) return failure;
  const bool alone = Connections() == 0;
  failure.change = breaker_.OnConnectFailed(error, alone, now);
  if (!alone) return failure;
  if (breaker_.open_error()) {
    failure.reason = *breaker_.open_error();
    failure.failed = queue_.TakeAll();
  } else if (error.code != ErrorCode::kTimeout) {
    failure.reason = error;
    if (error.code == ErrorCode::kUnavailable) {
      failure.reason.message = "cannot connect: " + error.message;
    }
    failure.failed = queue_.TakeIf(
        [&](Fetch* fetch) { return !MayRetry(fetch, error.code, Loss::kBeforeAnswer); });
  }
  return failure;
}

bool FetchSchedule::BeginIdle() {
  if (stopping_ || !queue_.empty()) return false;
  Move(State::kBusy, State::kIdle);
  return true;
}

// Any fetcher that wakes, even without being woken, takes the place of the one that was woken.
void FetchSchedule::EndIdle() {
  Move(Count(State::kWoken) > 0 ? State::kWoken : State::kIdle, State::kBusy);
}

FetchSchedule::Taken FetchSchedule::Take(size_t share, TimePoint now, Batch* batch) {
  RP_CHECK(batch->size() == 0);
  Taken taken;
  if (queue_.empty()) return taken;
  FetchQueue* const queue = queue_.NextQueue();
  while (batch->size() < share && !queue->empty()) {
    Fetch* const fetch = queue->PopFront();
    if (fetch->DeadlineTime() <= now) {
      taken.expired.PushBack(fetch);
    } else if (batch->MayTakeAlong(*fetch)) {
      batch->Add(fetch);
    } else {
      queue->PushFront(fetch);
      break;
    }
  }
  taken.wakes = PlanWakes();
  return taken;
}

FetchSchedule::Lost FetchSchedule::OnConnectionLost(Batch* batch, const Error& error, Loss loss,
                                                    TimePoint now) {
  Move(State::kBusy, State::kUnconnected);
  if (loss == Loss::kBeforeAnswer) breaker_.OnLostBeforeAnswer(now);
  if (loss != Loss::kBeforeSending && IsOutage(error.code)) breaker_.OnConnectionLost(now);
  Lost lost;
  lost.reason = stopping_ ? ShuttingDown() : error;
  lost.connections = Connections();
  while (Fetch* const fetch = batch->PopLastUnanswered()) {
    if (stopping_) {
      lost.failed.PushFront(fetch);
    } else if (fetch->DeadlineTime() <= now) {
      lost.expired.PushFront(fetch);
    } else if (loss == Loss::kBeforeSending ||
               (fetch->IsRepeatable() && MayRetry(fetch, error.code, loss))) {
      queue_.PushFront(fetch);
      ++lost.retried;
    } else {
      lost.failed.PushFront(fetch);
    }
  }
  lost.wakes = PlanWakes();
  return lost;
}

FetchSchedule::Expiry FetchSchedule::Expire(TimePoint now) {
  Expiry expiry;
  if (stopping_ || breaker_.open_error()) {
    expiry.reason = stopping_ ? ShuttingDown() : *breaker_.open_error();
    expiry.fetches = queue_.TakeAll();
  } else {
    last_scan_ = now;
    expiry.reason = OwnError(ErrorCode::kTimeout);
    expiry.fetches = queue_.TakeIf([now](Fetch* fetch) { return fetch->DeadlineTime() <= now; });
  }
  if (expiry.fetches.empty()) expiry.next = deadline_wakeup_ = NextExpiry();
  return expiry;
}

void FetchSchedule::Move(State from, State to) {
  RP_CHECK(Count(from) > 0);
  --counts_[static_cast<size_t>(from)];
  ++counts_[static_cast<size_t>(to)];
}

// One thread is enough, because it plans again after it has taken its share.
FetchSchedule::Wakes FetchSchedule::PlanWakes() {
  Wakes wakes;
  if (queue_.empty() || Count(State::kWoken) > 0) return wakes;
  if (Count(State::kIdle) > 0) {
    Move(State::kIdle, State::kWoken);
    wakes.fetcher = Wakes::Fetcher::kIdle;
    return wakes;
  }
  if (Count(State::kParked) > 0 && Count(State::kConnecting) + Count(State::kTiming) == 0) {
    wakes.fetcher = Wakes::Fetcher::kParked;
  }
  if (NextExpiry() < deadline_wakeup_) {
    // Until the deadline thread has woken, no other wake-up is needed.
    deadline_wakeup_ = TimePoint::min();
    wakes.deadline_thread = true;
  }
  return wakes;
}

// When the deadline thread has to look at the queue next.
TimePoint FetchSchedule::NextExpiry() const {
  if (queue_.empty()) return kNever;
  if (breaker_.open_error()) return TimePoint::min();
  return std::max(queue_.earliest(), last_scan_ + kScanInterval);
}

// Counts a failed attempt and returns whether another one is due. The first loss that was silent
// counts for nothing: Redis had most likely closed the idle connection.
bool FetchSchedule::MayRetry(Fetch* fetch, ErrorCode code, Loss loss) {
  if (loss == Loss::kSilent && !std::exchange(fetch->free_retry_used_, true)) return true;
  const unsigned max = code == ErrorCode::kProtocol ? kMaxRetriesAfterGarbage : kMaxRetries;
  return ++fetch->failures_ <= max;
}

}  // namespace rp::redis
