// How Fetchers comes to connections: when to try, what a failure means for those who wait, and when
// to give up connections that work.
#include "redis/fetchers.h"

namespace rp::redis {

// Null when it is time to stop.
std::unique_ptr<Connection> Fetchers::AwaitConnection(uint64_t* generation) {
  while (ReserveAttempt()) {
    *generation = Generation();
    Result<std::unique_ptr<Connection>> connection =
        Connection::Connect(target_, DeadlineAfter(Now(), options_.timeout), interrupt_.get());
    if (connection) {
      OnConnected();
      return std::move(*connection);
    }
    OnConnectFailed(connection.error());
  }
  return nullptr;
}

// Waits until it is this thread's turn to connect. False when it is time to stop.
bool Fetchers::ReserveAttempt() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const bool wanted = !connecting_ && (connected_ == 0 || (!queue_.empty() && idle_ == 0));
    if (wanted && Now() >= breaker_.next_attempt()) {
      connecting_ = true;
      return true;
    }
    ++parked_;
    if (wanted && !timer_held_) {
      timer_held_ = true;
      connector_condition_.WaitUntil(&mutex_, breaker_.next_attempt());
      timer_held_ = false;
    } else {
      connector_condition_.Wait(&mutex_);
    }
    --parked_;
  }
  return false;
}

// No wake is due: this thread takes from the queue next, and wakes another if it leaves something.
void Fetchers::OnConnected() {
  CircuitBreaker::Change change;
  Duration outage;
  size_t connected;
  {
    MutexLock lock(&mutex_);
    connecting_ = false;
    connected = ++connected_;
    change = breaker_.OnConnected(Now());
    outage = breaker_.outage();
  }
  log_.OnOpened(connected);
  log_.OnChange(change, Error{}, outage);
}

// No wake is due: this thread itself waits for the next attempt.
void Fetchers::OnConnectFailed(const Error& error) {
  CircuitBreaker::Change change;
  FetchQueue failed;
  Error reason = error;
  if (error.code == ErrorCode::kUnavailable) reason.message = "cannot connect: " + reason.message;
  {
    MutexLock lock(&mutex_);
    connecting_ = false;
    if (stopping_) return;
    const bool alone = connected_ == 0;
    change = breaker_.OnConnectFailed(error, alone, Now());
    if (alone && breaker_.open_error()) {
      reason = *breaker_.open_error();
      failed = queue_.TakeAll();
    } else if (alone && error.code != ErrorCode::kTimeout) {
      failed = queue_.TakeIf([&](Fetch* fetch) { return !TryAgain(fetch, error.code); });
    }
  }
  log_.OnAttemptFailed(error);
  log_.OnChange(change, error, Duration::zero());
  if (change == CircuitBreaker::Change::kNone && IsTransient(error.code)) {
    log_.OnTrouble(error, StatusLog::Renewed::kNo);
  }
  Fail(std::move(failed), reason);
}

// A server that says that it is not the one to talk to may have lost its name to another. Every
// connection from before is given up at its next use.
void Fetchers::OnTrouble(const Error& error) {
  bool is_due;
  {
    MutexLock lock(&mutex_);
    is_due = renewal_.IsDue(error.code, Now());
    if (is_due) renewals_.fetch_add(1, std::memory_order_acq_rel);
  }
  log_.OnTrouble(error, is_due ? StatusLog::Renewed::kYes : StatusLog::Renewed::kNo);
  if (is_due && options_.on_renewal) options_.on_renewal();
}

}  // namespace rp::redis
