#include "redis/subscriber.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/signals_blocked.h"
#include "redis/reply.h"

namespace rp::redis {
namespace {

constexpr Duration kFirstBackOff = std::chrono::milliseconds(10);
constexpr Duration kMaxBackOff = std::chrono::milliseconds(500);
// Maximum bytes of an answer of Redis that are shown.
constexpr size_t kMaxShownBytes = 256;
// Longest wait before it looks whether its connection is outdated.
constexpr Duration kMaxWait = std::chrono::milliseconds(250);
constexpr Duration kTroubleLogInterval = std::chrono::seconds(10);

// Returns whether Redis answers and waiting for it does not change the error.
bool IsUnsupported(ErrorCode code) {
  return IsRefusal(code) || code == ErrorCode::kNoPermission || code == ErrorCode::kUpstream ||
         code == ErrorCode::kReadOnly;
}

ConnectOptions TargetOf(ConnectOptions target) {
  target.database = 0;
  target.name = "redis-proxy-tracking";
  target.asks_identity = true;
  return target;
}

}  // namespace

Subscriber::Subscriber(SubscriberOptions options, CurrentServer* server, InvalidationSink* sink)
    : options_(std::move(options)),
      target_(TargetOf(options_.target)),
      name_(target_.endpoint.ToString()),
      server_(server),
      sink_(sink),
      back_off_(kFirstBackOff, kMaxBackOff, std::random_device()()),
      unsupported_limiter_(kTroubleLogInterval),
      trouble_limiter_(kTroubleLogInterval) {
  RP_CHECK(options_.max_stale > Duration::zero() && options_.max_stale <= std::chrono::hours(1));
  RP_CHECK(options_.timeout > Duration::zero());
  RP_CHECK(options_.unsupported_retry >= Duration::zero());
}

std::unique_ptr<Subscriber> Subscriber::Start(SubscriberOptions options, CurrentServer* server,
                                              InvalidationSink* sink) {
  std::unique_ptr<Subscriber> subscriber(new Subscriber(std::move(options), server, sink));
  Subscriber* const self = subscriber.get();
  const SignalsBlocked blocked;  // for the thread, whose Connection requires it
  self->thread_ = std::thread([self] { self->Run(); });
  return subscriber;
}

Subscriber::~Subscriber() { Stop(); }

Subscriber::FirstOutcome Subscriber::AwaitFirst(TimePoint deadline) {
  MutexLock lock(&mutex_);
  while (!first_ && Now() < deadline) changed_.WaitUntil(&mutex_, deadline);
  return first_.value_or(FirstOutcome::kUnreachable);
}

void Subscriber::Stop() {
  interrupt_.Raise();
  SettleFirst(FirstOutcome::kUnreachable);
  if (thread_.joinable()) thread_.join();
}

void Subscriber::Run() noexcept {
  while (interrupt_.Sleep(FollowOnce())) {
  }
}

// One attempt and, where it succeeds, all until the loss. Returns the wait before the next.
Duration Subscriber::FollowOnce() {
  const uint64_t since = server_->generation();
  Result<std::unique_ptr<Connection>> connected = Connect();
  if (!connected) return OnFailed(Explain(connected.error(), /*is_cluster=*/false));
  Connection* const connection = connected->get();
  const ServerIdentity& identity = connection->identity();
  const auto report = [&](uint64_t generation) {
    return server_->OnConnected(identity, connection->address_id(), generation, Now());
  };
  uint64_t generation = report(since);
  TrackingOptions options;
  options.max_stale = options_.max_stale;
  options.timeout = options_.timeout;
  options.prefixes = options_.prefixes;
  options.server = identity.id;
  options.on_ready = [&] {
    if (identity.kind == ServerIdentity::Kind::kAddress) {
      // The address may have led to another server when the data connections were made.
      server_->Outdate(Now());
      generation = report(server_->generation());
    }
    return generation;
  };
  Tracking tracking(std::move(options), sink_, Now());
  const Error reason = Follow(connection, &generation, &tracking);
  if (tracking.state() == Tracking::State::kSetUp) {
    return OnFailed(Explain(reason, tracking.is_cluster()));
  }
  sink_->OnLost(reason, Now());
  Log(LogLevel::kDebug, "redis: no longer following writes of %s: %s", name_.c_str(),
      reason.message.c_str());
  // The next attempt says that it is a replica.
  if (reason.code != ErrorCode::kStopping && reason.code != ErrorCode::kReadOnly) {
    LogTrouble(reason);
  }
  // A Redis that takes subscriptions and closes them at once is not worth a storm of them.
  if (tracking.was_renewed()) failures_ = 0;
  return back_off_.Draw(++failures_);
}

Result<std::unique_ptr<Connection>> Subscriber::Connect() {
  Result<std::unique_ptr<Connection>> connected =
      Connection::Connect(target_, DeadlineAfter(Now(), options_.timeout), interrupt_.fd());
  if (!connected) return connected;
  if ((*connected)->identity().kind == ServerIdentity::Kind::kUnknown) {
    return Error{ErrorCode::kTimeout, std::string("Redis does not answer INFO for now")};
  }
  if (!(*connected)->InStep()) {
    return Error{ErrorCode::kProtocol, std::string("Redis sent more than was asked for")};
  }
  return connected;
}

// Moves bytes between the connection and `tracking` until either fails, all connections are
// outdated, or the thread must stop. Returns why.
Error Subscriber::Follow(Connection* connection, const uint64_t* generation, Tracking* tracking) {
  while (!interrupt_.is_raised() && *generation == server_->generation()) {
    if (Result<void> fine = tracking->OnTime(Now()); !fine) return fine.error();
    const std::string_view output = tracking->output();
    const std::span<char> room = tracking->Room();
    if (room.empty()) return OwnError(ErrorCode::kNoMemory);
    Result<Connection::Transferred> moved =
        connection->Transfer(std::span(&output, output.empty() ? 0 : 1), room,
                             std::min(tracking->WaitLimit(), DeadlineAfter(Now(), kMaxWait)));
    if (!moved) {
      if (moved.error().code == ErrorCode::kTimeout) continue;
      return moved.error();
    }
    tracking->OnSent(moved->sent);
    const bool was_live = tracking->state() == Tracking::State::kLive;
    if (Result<void> fine = tracking->OnReceived(moved->received, Now()); !fine) {
      return fine.error();
    }
    if (!was_live && tracking->state() == Tracking::State::kLive) {
      OnNowLive(connection->identity().kind);
    }
  }
  return Error{ErrorCode::kStopping,
               std::string(interrupt_.is_raised() ? "shutting down" : "outdated")};
}

void Subscriber::OnNowLive(ServerIdentity::Kind kind) {
  unsupported_ = {};
  if (std::exchange(logged_, Logged::kLive) != Logged::kLive) {
    Log(LogLevel::kInfo, "redis: following writes of %s", name_.c_str());
  }
  if (kind == ServerIdentity::Kind::kAddress && !std::exchange(is_weakness_logged_, true)) {
    Log(LogLevel::kWarn,
        "redis: %s tells no run_id in INFO (the user needs +info), so it is known by its address "
        "alone: another server that takes the address over is not noticed",
        name_.c_str());
  }
  SettleFirst(FirstOutcome::kLive);
}

// Adds to a refusal what to do about it. Other errors pass unchanged.
Error Subscriber::Explain(Error error, bool is_cluster) const {
  // What to do must not be cut off from the line in the log.
  error.message.resize(std::min(error.message.size(), kMaxShownBytes));
  std::replace(error.message.begin(), error.message.end(), '\0', '?');
  if (IsRefusal(error.code)) return Error{error.code, RefusalText(name_, error)};
  const auto line = [&](const char* predicate, const std::string& advice) {
    return Error{error.code, name_ + " " + predicate + " (" + error.message + "): " + advice};
  };
  if (error.code == ErrorCode::kReadOnly) {
    return line("is a replica, whose values may be old", "give -redis the address of its master");
  }
  if (error.code == ErrorCode::kNoPermission) {
    // Redis before 6.2.2 wants a permission for HELLO.
    const bool is_hello = error.message.find("hello") != std::string::npos;
    return line("does not permit this proxy to follow writes",
                "run ACL SETUSER " + (target_.username.empty() ? "default" : target_.username) +
                    " +client|tracking +ping +info" + (is_cluster ? " +cluster|info" : "") +
                    (is_hello ? " +hello" : ""));
  }
  if (error.code != ErrorCode::kUpstream) return error;
  if (error.message.find("overlap") != std::string::npos) {
    return line("cannot report writes", "no prefix may begin with another one");
  }
  return line("cannot report writes",
              "this needs Redis 6.0.6 or newer, or a service that allows CLIENT TRACKING in RESP3");
}

// Logs the failed attempt or tells the sink, and returns the wait before the next one.
Duration Subscriber::OnFailed(const Error& error) {
  if (interrupt_.is_raised()) return Duration::zero();
  Log(LogLevel::kDebug, "redis: an attempt to follow writes of %s failed: %s", name_.c_str(),
      error.message.c_str());
  if (!IsUnsupported(error.code)) {
    // Whoever has outdated the connection has said why.
    if (error.code != ErrorCode::kStopping) LogTrouble(error);
    SettleFirst(FirstOutcome::kUnreachable);
    return back_off_.Draw(++failures_);
  }
  logged_ = Logged::kTrouble;
  // A text that changes each time is not told each time, but the last one is.
  uint64_t suppressed = 0;
  if (unsupported_.message != error.message &&
      (unsupported_.code != error.code || unsupported_.message.empty() ||
       unsupported_limiter_.Allow(Now(), &suppressed))) {
    unsupported_ = error;
    sink_->OnUnsupported(error, Now());
  }
  SettleFirst(FirstOutcome::kUnsupported);
  // A replica may become a master at any moment.
  return error.code == ErrorCode::kReadOnly ? back_off_.Draw(++failures_)
                                            : options_.unsupported_retry;
}

void Subscriber::LogTrouble(const Error& reason) {
  uint64_t suppressed = 0;
  if (logged_ == Logged::kTrouble || !trouble_limiter_.Allow(Now(), &suppressed)) return;
  const bool was_live = std::exchange(logged_, Logged::kTrouble) == Logged::kLive;
  Log(LogLevel::kWarn, "redis: %s writes at %s: %s; retrying",
      was_live ? "lost track of" : "cannot follow", name_.c_str(), reason.message.c_str());
}

void Subscriber::SettleFirst(FirstOutcome outcome) {
  {
    MutexLock lock(&mutex_);
    if (first_) return;
    first_ = outcome;
  }
  changed_.NotifyAll();
}

}  // namespace rp::redis
