#include "redis/fetchers.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/signals_blocked.h"
#include "redis/command_exchange.h"
#include "redis/get_exchange.h"

// The one lock guards the queue and the gate together, because every decision looks at both. It is
// held for a few pointer moves: nothing is sent, logged, called back or notified under it.
//
// A fetcher is either connected (it waits for work in fetcher_condition_, or is at work) or not (it
// waits in connector_condition_, or connects). Whoever leaves fetches in the queue names the next
// to wake: an idle fetcher, else one that could connect, and the keeper if it would sleep too long.
// One notification per batch is enough, since the one that wakes decides again after taking its
// share.

namespace rp::redis {
namespace {

constexpr unsigned kRetriesMax = 2;
constexpr unsigned kRetriesAfterGarbageMax = 1;

// A connection that is idle for so long gives back what its largest reply took.
constexpr Duration kBufferIdle = std::chrono::seconds(1);

// The keeper looks at every fetch that waits; this bounds how often.
constexpr Duration kScanInterval = std::chrono::milliseconds(10);

Error TimedOut() {
  return Error{ErrorCode::kTimeout, std::string(Describe(ErrorCode::kTimeout).text)};
}

Error ShuttingDown() { return Error{ErrorCode::kStopping, std::string("shutting down")}; }

// Whether a connection that ends like this may be the first that is heard of an outage.
bool IsAbsence(ErrorCode code) {
  return code == ErrorCode::kTimeout || code == ErrorCode::kUnavailable;
}

}  // namespace

Fetchers::Fetchers(Options options, FetchSink* sink)
    : options_(std::move(options)),
      target_{.endpoint = options_.endpoint,
              .database = options_.database,
              .username = options_.username,
              .password = options_.password},
      sink_(sink),
      interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      log_(target_.endpoint.ToString()),
      breaker_(std::random_device()()) {
  RP_CHECK(options_.connections >= 1 && options_.ops_limit >= 1);
  RP_CHECK(options_.timeout > Duration::zero());
  RP_CHECK(static_cast<bool>(interrupt_));
}

std::unique_ptr<Fetchers> Fetchers::Start(Options options, FetchSink* sink) {
  std::unique_ptr<Fetchers> fetchers(new Fetchers(std::move(options), sink));
  Fetchers* const self = fetchers.get();
  const SignalsBlocked blocked;  // for the threads, whose Connections require it
  self->threads_.emplace_back([self] { self->Keep(); });
  const auto limit = static_cast<size_t>(self->options_.ops_limit);
  const size_t count = std::min(static_cast<size_t>(self->options_.connections), limit);
  for (size_t i = 0; i < count; ++i) {
    const size_t share = limit / count + (i < limit % count ? 1 : 0);
    const size_t fetches_max = std::min(share, Batch::kFetchesMax);
    self->threads_.emplace_back([self, fetches_max] { self->Run(fetches_max); });
  }
  return fetchers;
}

Fetchers::~Fetchers() { Stop(); }

bool Fetchers::Submit(FetchQueue* fetches, Blocking blocking) {
  if (!mutex_.Lock(blocking)) return false;
  const Wakes wakes = TakeOver(fetches);
  const bool is_full = !fetches->empty() && !stopping_;
  mutex_.Unlock();
  Wake(wakes);
  if (is_full) log_.OnQueueFull();
  return true;
}

bool Fetchers::Submit(Fetch* fetch) {
  FetchQueue one;
  one.PushBack(fetch);
  return Submit(&one, Blocking::kYes) && one.empty();
}

void Fetchers::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  RP_CHECK(eventfd_write(interrupt_.get(), 1) == 0);
  fetcher_condition_.NotifyAll();
  connector_condition_.NotifyAll();
  keeper_condition_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

// --- The fetchers ---

void Fetchers::Run(size_t fetches_max) noexcept {
  std::unique_ptr<Connection> connection;
  bool proven = false;      // the connection has answered a request
  bool idled = false;       // since it last did
  uint64_t generation = 0;  // in which it was made
  for (;;) {
    if (connection == nullptr) {
      connection = AwaitConnection(&generation);
      if (connection == nullptr) return;
      proven = false;
      idled = false;
    }
    Batch batch(sink_, [this](const Error& error) { OnTrouble(error); });
    const TimePoint until = connection->has_spare_buffer() ? Now() + kBufferIdle : kNever;
    if (!TakeBatch(fetches_max, until, &batch, &idled)) return;
    if (batch.size() == 0) {
      if (until != kNever && Now() >= until) connection->GiveBackBuffer();
      continue;
    }
    if (generation != Generation() ||
        !(idled ? connection->UsableAfterIdling() : connection->InStep())) {
      connection.reset();
      GiveBack(&batch, Error{ErrorCode::kUnavailable, "closed while idle"}, Loss::kUnsent);
      continue;
    }
    const bool is_large = batch[0].IsLarge();
    Result<void> done =
        batch.IsOfCommands()
            ? ExchangeCommands(connection.get(), options_.timeout, options_.max_reply_bytes, &batch)
            : ExchangeGets(connection.get(), options_.timeout, &batch);
    batch.Pause();
    const bool was_proven = std::exchange(proven, proven || batch.answered());
    idled = false;
    if (proven && !was_proven) OnProven();
    if (done && !batch.credentials_refused()) continue;
    Loss loss = Loss::kBroken;
    if (!done && was_proven && done.error().code == ErrorCode::kUnavailable &&
        !connection->heard()) {
      loss = Loss::kSilent;
    } else if (!proven && !is_large && done.error().code != ErrorCode::kTimeout &&
               done.error().code != ErrorCode::kNoMemory) {
      loss = Loss::kWasted;
    }
    connection.reset();
    GiveBack(&batch, done ? Error{} : done.error(), loss);
  }
}

// Waits for work until `until` and takes its share. The batch may stay empty, also when all that
// waited had expired. False when it is time to stop.
bool Fetchers::TakeBatch(size_t fetches_max, TimePoint until, Batch* batch, bool* idled) {
  FetchQueue expired;
  Wakes wakes;
  {
    MutexLock lock(&mutex_);
    if (!*idled) breaker_.OnServed();
    while (!stopping_ && queue_.empty()) {
      *idled = true;
      ++idle_;
      fetcher_condition_.WaitUntil(&mutex_, until);
      --idle_;
      fetcher_woken_ = false;
      if (queue_.empty() && until != kNever && Now() >= until) return !stopping_;
    }
    if (stopping_) return false;
    const TimePoint now = Now();
    FetchQueue* const queue = queue_.NextQueue();
    while (batch->size() < fetches_max && !queue->empty()) {
      Fetch* const fetch = queue->PopFront();
      if (fetch->DeadlineTime() <= now) {
        expired.PushBack(fetch);
      } else if (batch->MayTakeAlong(*fetch)) {
        batch->Add(fetch);
      } else {
        queue->PushFront(fetch);
        break;
      }
    }
    wakes = PlanWakes();
  }
  Wake(wakes);
  Fail(std::move(expired), TimedOut());
  return true;
}

void Fetchers::OnProven() {
  MutexLock lock(&mutex_);
  breaker_.OnFirstAnswer();
}

// Gives up a connection: what it has not answered goes back to the head of the queue, in order, as
// long as it may be tried again.
void Fetchers::GiveBack(Batch* batch, const Error& error, Loss loss) {
  Leaving leaving;
  Error reason = error;
  Wakes wakes;
  size_t connected;
  {
    MutexLock lock(&mutex_);
    connected = --connected_;
    const TimePoint now = Now();
    if (loss == Loss::kWasted) breaker_.OnLostBeforeAnswer(now);
    if (IsAbsence(error.code) && loss != Loss::kUnsent) breaker_.OnConnectionLost(now);
    if (stopping_) reason = ShuttingDown();
    leaving = Requeue(batch, error.code, loss, now);
    wakes = PlanWakes();
  }
  Wake(wakes);
  log_.OnClosed(reason, connected, leaving.retried, leaving.expired.size() + leaving.failed.size());
  const bool maybe_sent = loss != Loss::kUnsent;
  Fail(std::move(leaving.expired), TimedOut(), maybe_sent);
  Fail(std::move(leaving.failed), reason, maybe_sent);
}

Fetchers::Leaving Fetchers::Requeue(Batch* batch, ErrorCode code, Loss loss, TimePoint now) {
  Leaving leaving;
  while (Fetch* const fetch = batch->PopLastUnanswered()) {
    if (stopping_) {
      leaving.failed.PushFront(fetch);
    } else if (fetch->DeadlineTime() <= now) {
      leaving.expired.PushFront(fetch);
    } else if (loss == Loss::kUnsent ||
               (fetch->IsRepeatable() &&
                ((loss == Loss::kSilent && !std::exchange(fetch->free_retry_used_, true)) ||
                 TryAgain(fetch, code)))) {
      queue_.PushFront(fetch);
      ++leaving.retried;
    } else {
      leaving.failed.PushFront(fetch);
    }
  }
  return leaving;
}

// --- The keeper ---

void Fetchers::Keep() noexcept {
  for (;;) {
    FetchQueue ended;
    Error error;  // of those, at the moment they were taken: a verdict may have ended meanwhile
    bool stopping;
    {
      MutexLock lock(&mutex_);
      for (;;) {
        stopping = stopping_;
        if (stopping || breaker_.open_error()) {
          error = stopping ? ShuttingDown() : *breaker_.open_error();
          ended = queue_.TakeAll();
        } else {
          const TimePoint now = Now();
          error = TimedOut();
          keeper_scan_ = now;
          ended = queue_.TakeIf([now](Fetch* fetch) { return fetch->DeadlineTime() <= now; });
        }
        if (stopping || !ended.empty()) break;
        keeper_wakeup_ = KeeperTime();
        keeper_condition_.WaitUntil(&mutex_, keeper_wakeup_);
      }
    }
    Fail(std::move(ended), error);
    if (stopping) return;
  }
}

// When the keeper has to look at the queue next.
TimePoint Fetchers::KeeperTime() const {
  if (queue_.empty()) return kNever;
  if (breaker_.open_error()) return TimePoint::min();
  return std::max(queue_.earliest(), keeper_scan_ + kScanInterval);
}

// --- Both ---

// Takes what there is room for out of `fetches`.
Fetchers::Wakes Fetchers::TakeOver(FetchQueue* fetches) {
  while (!fetches->empty() && !stopping_ && queue_.size() < options_.max_pending) {
    Fetch* const fetch = fetches->PopFront();
    fetch->failures_ = 0;
    fetch->free_retry_used_ = false;
    queue_.PushBack(fetch);
  }
  return PlanWakes();
}

// Counts a failed attempt; whether another one is due.
bool Fetchers::TryAgain(Fetch* fetch, ErrorCode code) const {
  const unsigned retries_max = code == ErrorCode::kProtocol ? kRetriesAfterGarbageMax : kRetriesMax;
  return ++fetch->failures_ <= retries_max;
}

Fetchers::Wakes Fetchers::PlanWakes() {
  Wakes wakes;
  if (queue_.empty()) return wakes;
  if (idle_ > 0) {
    wakes.fetcher = !std::exchange(fetcher_woken_, true);
    return wakes;
  }
  wakes.connector = parked_ > 0 && !connecting_ && !timer_held_;
  if (const TimePoint time = KeeperTime(); time < keeper_wakeup_) {
    // Whoever comes before the keeper has woken need not wake it again.
    keeper_wakeup_ = TimePoint::min();
    wakes.keeper = true;
  }
  return wakes;
}

void Fetchers::Wake(Wakes wakes) {
  if (wakes.fetcher) fetcher_condition_.NotifyOne();
  if (wakes.connector) connector_condition_.NotifyOne();
  if (wakes.keeper) keeper_condition_.NotifyOne();
}

// `maybe_sent`: Redis may have got them.
void Fetchers::Fail(FetchQueue fetches, const Error& error, bool maybe_sent) {
  if (fetches.empty()) return;
  FetchResult result;
  result.error_code = error.code;
  result.maybe_sent = maybe_sent;
  while (!fetches.empty()) {
    Fetch* const fetch = fetches.PopFront();
    const std::string text = maybe_sent ? LossText(*fetch, error.message) : error.message;
    result.error_text = text;
    Deliver(fetch, result, sink_);
  }
  sink_->OnPause();
}

}  // namespace rp::redis
