#include "redis/fetchers.h"

#include <random>
#include <utility>

#include "base/check.h"
#include "base/signals_blocked.h"
#include "redis/command_exchange.h"
#include "redis/get_exchange.h"
#include "redis/reply.h"

// The one lock guards the schedule. It is held for a few pointer moves: nothing is sent, logged,
// called back or notified under it.

namespace rp::redis {
namespace {

using Loss = FetchSchedule::Loss;

// A connection that is idle for this long frees the memory of its largest reply.
constexpr Duration kBufferIdle = std::chrono::seconds(1);

}  // namespace

// A fetcher's connection, and what it has done so far.
struct Fetchers::Link {
  std::unique_ptr<Connection> connection;  // null: lost, or not made yet
  uint64_t generation = 0;                 // of CurrentServer
  bool answered = false;                   // it has answered a request
  bool idled = false;                      // since it last did
};

Fetchers::Fetchers(Options options, FetchSink* sink)
    : options_(std::move(options)),
      limits_{.connections = options_.connections,
              .ops_limit = options_.ops_limit,
              .max_pending = options_.max_pending},
      target_{.endpoint = options_.endpoint,
              .database = options_.database,
              .username = options_.username,
              .password = options_.password,
              .asks_version = options_.version != nullptr,
              .asks_identity = options_.asks_identity},
      sink_(sink),
      log_(target_.endpoint.ToString()),
      own_server_(target_.endpoint.ToString()),
      server_(options_.server != nullptr ? options_.server : &own_server_),
      schedule_(limits_, std::random_device()()) {
  RP_CHECK(options_.timeout > Duration::zero());
}

std::unique_ptr<Fetchers> Fetchers::Start(Options options, FetchSink* sink) {
  std::unique_ptr<Fetchers> fetchers(new Fetchers(std::move(options), sink));
  Fetchers* const self = fetchers.get();
  const SignalsBlocked blocked;  // for the threads, whose Connections require it
  self->threads_.emplace_back([self] { self->RunDeadlines(); });
  for (size_t i = 0; i < FetchSchedule::FetchersFor(self->limits_); ++i) {
    const size_t share = FetchSchedule::ShareOf(self->limits_, i);
    self->threads_.emplace_back([self, share] { self->RunFetcher(share); });
  }
  return fetchers;
}

Fetchers::~Fetchers() { Stop(); }

bool Fetchers::Submit(FetchQueue* fetches, Blocking blocking) {
  if (!mutex_.Lock(blocking)) return false;
  const FetchSchedule::Wakes wakes = schedule_.Submit(fetches);
  const bool is_full = !fetches->empty() && !schedule_.stopping();
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
    schedule_.Stop();
  }
  interrupt_.Raise();
  idle_condition_.NotifyAll();
  parked_condition_.NotifyAll();
  deadline_condition_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

// --- A fetcher ---

void Fetchers::RunFetcher(size_t share) noexcept {
  Link link;
  while (Connect(&link) && Serve(&link, share)) {
  }
}

// Returns false when it is time to stop.
bool Fetchers::Connect(Link* link) {
  while (AwaitTurn()) {
    const uint64_t since = server_->generation();
    Result<std::unique_ptr<Connection>> connection =
        Connection::Connect(target_, DeadlineAfter(Now(), options_.timeout), interrupt_.fd());
    if (connection) {
      const Connection& made = **connection;
      if (options_.version != nullptr) options_.version->Set(made.version());
      const ServerIdentity server = options_.asks_identity ? made.identity() : ServerIdentity{};
      const uint64_t generation = server_->OnConnected(server, made.address_id(), since, Now());
      *link = {.connection = std::move(*connection), .generation = generation};
      OnConnected(generation != since);
      return true;
    }
    OnConnectFailed(connection.error());
  }
  return false;
}

// Waits until this fetcher is to connect. Returns false when it is time to stop.
bool Fetchers::AwaitTurn() {
  MutexLock lock(&mutex_);
  for (;;) {
    const FetchSchedule::Turn turn = schedule_.BeginTurn(Now());
    if (turn.action != FetchSchedule::Turn::Action::kPark) {
      return turn.action == FetchSchedule::Turn::Action::kConnect;
    }
    parked_condition_.WaitUntil(&mutex_, turn.until);
    schedule_.EndTurn(turn);
  }
}

void Fetchers::OnConnected(bool is_another_server) {
  FetchSchedule::Connected connected;
  {
    MutexLock lock(&mutex_);
    connected = schedule_.OnConnected(Now());
    if (is_another_server) schedule_.OnAnotherServer(Now());
  }
  log_.OnOpened(connected.connections);
  log_.OnChange(connected.change, Error{}, connected.outage);
}

void Fetchers::OnConnectFailed(const Error& error) {
  FetchSchedule::ConnectFailure failure;
  {
    MutexLock lock(&mutex_);
    failure = schedule_.OnConnectFailed(error, Now());
    if (schedule_.stopping()) return;
  }
  log_.OnAttemptFailed(error);
  log_.OnChange(failure.change, error, Duration::zero());
  if (failure.change == CircuitBreaker::Change::kNone && IsTransient(error.code)) {
    log_.OnTrouble(error, StatusLog::Renewed::kNo);
  }
  Fail(std::move(failure.failed), failure.reason);
}

// Serves one batch after another until the connection is lost. Returns false when it is time to
// stop.
bool Fetchers::Serve(Link* link, size_t share) {
  while (link->connection != nullptr) {
    Connection* const connection = link->connection.get();
    Batch batch(sink_, [this](const Error& error) { OnTrouble(error); });
    const TimePoint until = connection->has_spare_buffer() ? Now() + kBufferIdle : kNever;
    if (!TakeBatch(share, until, link, &batch)) return false;
    if (batch.size() == 0) {
      if (until != kNever && Now() >= until) connection->GiveBackBuffer();
    } else if (link->generation != server_->generation() ||
               !(link->idled ? connection->UsableAfterIdling() : connection->InStep())) {
      Lose(link, &batch, Error{ErrorCode::kUnavailable, "closed while idle"}, Loss::kBeforeSending);
    } else if (connection->identity().kind == ServerIdentity::Kind::kUnknown &&
               !batch.IsOfCommands()) {
      // It may be another server, whose values must not be mixed in. But a command like SCRIPT KILL
      // must get through to a Redis that says nothing else than BUSY.
      const Error error = connection->identity_error();  // it goes with the connection
      OnTrouble(error);
      Lose(link, &batch, error, Loss::kBeforeAnswer);
    } else {
      Exchange(link, &batch);
    }
  }
  return true;
}

// Waits for fetches until `until` and takes this fetcher's share. The batch may stay empty. Returns
// false when it is time to stop.
bool Fetchers::TakeBatch(size_t share, TimePoint until, Link* link, Batch* batch) {
  FetchSchedule::Taken taken;
  {
    MutexLock lock(&mutex_);
    if (!link->idled) schedule_.OnServed();
    while (schedule_.BeginIdle()) {
      link->idled = true;
      idle_condition_.WaitUntil(&mutex_, until);
      schedule_.EndIdle();
      if (until != kNever && Now() >= until) break;
    }
    if (schedule_.stopping()) return false;
    taken = schedule_.Take(share, Now(), batch);
  }
  Wake(taken.wakes);
  Fail(std::move(taken.expired), OwnError(ErrorCode::kTimeout));
  return true;
}

// Sends the batch and hands on the replies; gives the connection up where that failed.
void Fetchers::Exchange(Link* link, Batch* batch) {
  Connection* const connection = link->connection.get();
  const bool is_large = (*batch)[0].IsLarge();
  const Result<void> done =
      batch->IsOfCommands()
          ? ExchangeCommands(connection, options_.timeout, options_.max_reply_bytes, batch)
          : ExchangeGets(connection, options_.timeout, batch);
  batch->Pause();
  const bool had_answered = std::exchange(link->answered, link->answered || batch->answered());
  link->idled = false;
  if (link->answered && !had_answered) {
    MutexLock lock(&mutex_);
    schedule_.OnFirstAnswer();
  }
  // Who it is can be asked anew on another connection.
  const bool is_known = connection->identity().kind != ServerIdentity::Kind::kUnknown;
  if (done && is_known && !batch->credentials_refused()) return;
  const Error error = !done ? done.error() : is_known ? Error{} : connection->identity_error();
  Loss loss = Loss::kOther;
  if (!done && had_answered && error.code == ErrorCode::kUnavailable && !connection->heard()) {
    loss = Loss::kSilent;
  } else if (!link->answered && !is_large && error.code != ErrorCode::kTimeout &&
             error.code != ErrorCode::kNoMemory) {
    loss = Loss::kBeforeAnswer;
  }
  Lose(link, batch, error, loss);
}

// Gives up the connection. The fetches that it has not answered wait again or fail.
void Fetchers::Lose(Link* link, Batch* batch, const Error& error, Loss loss) {
  link->connection.reset();
  FetchSchedule::Lost lost;
  {
    MutexLock lock(&mutex_);
    lost = schedule_.OnConnectionLost(batch, error, loss, Now());
  }
  Wake(lost.wakes);
  log_.OnClosed(lost.reason, lost.connections, lost.retried,
                lost.expired.size() + lost.failed.size());
  const bool maybe_sent = loss != Loss::kBeforeSending;
  Fail(std::move(lost.expired), OwnError(ErrorCode::kTimeout), maybe_sent);
  Fail(std::move(lost.failed), lost.reason, maybe_sent);
}

// A server that says that it is not the one to talk to may have lost its name to another. Every
// connection from before is given up at its next use.
void Fetchers::OnTrouble(const Error& error) {
  bool is_due;
  {
    MutexLock lock(&mutex_);
    is_due = renewal_.IsDue(error.code, Now());
  }
  log_.OnTrouble(error, is_due ? StatusLog::Renewed::kYes : StatusLog::Renewed::kNo);
  if (is_due) server_->Outdate(Now());
}

// --- The deadline thread ---

void Fetchers::RunDeadlines() noexcept {
  for (;;) {
    FetchSchedule::Expiry expiry;
    bool stopping;
    {
      MutexLock lock(&mutex_);
      for (;;) {
        expiry = schedule_.Expire(Now());
        stopping = schedule_.stopping();
        if (stopping || !expiry.fetches.empty()) break;
        deadline_condition_.WaitUntil(&mutex_, expiry.next);
      }
    }
    Fail(std::move(expiry.fetches), expiry.reason);
    if (stopping) return;
  }
}

// --- All threads ---

void Fetchers::Wake(const FetchSchedule::Wakes& wakes) {
  if (wakes.fetcher == FetchSchedule::Wakes::Fetcher::kIdle) idle_condition_.NotifyOne();
  if (wakes.fetcher == FetchSchedule::Wakes::Fetcher::kParked) parked_condition_.NotifyOne();
  if (wakes.deadline_thread) deadline_condition_.NotifyOne();
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
