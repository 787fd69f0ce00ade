#include "redis/subscriber.h"

#include <hiredis/hiredis.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/signals_blocked.h"
#include "redis/lease.h"

namespace rp::redis {
namespace {

constexpr std::string_view kChannel = "__redis__:invalidate";

constexpr Duration kFirstBackOff = std::chrono::milliseconds(10);
constexpr Duration kMaxBackOff = std::chrono::milliseconds(500);
constexpr Duration kTroubleLogInterval = std::chrono::seconds(10);

// While Redis cannot write to its disk it refuses PING along with the writes. That answer has come
// the same way as a PONG, and proves as much.
bool IsAsGoodAsPong(const redisReply& error) { return TextOf(error).starts_with("MISCONF "); }

Error Unexpected(const char* what) {
  return Error{ErrorCode::kProtocol, std::string("Redis sent ") + what};
}

bool IsString(const redisReply& reply) { return reply.type == REDIS_REPLY_STRING; }

// Returns whether `reply` is a message of pub/sub, an array whose first element names its kind.
bool IsPush(const redisReply& reply, std::string_view kind) {
  return reply.type == REDIS_REPLY_ARRAY && reply.elements >= 1 && IsString(*reply.element[0]) &&
         TextOf(*reply.element[0]) == kind;
}

// Returns whether waiting cannot change this error.
bool IsUnsupported(ErrorCode code) {
  return IsRefusal(code) || code == ErrorCode::kNoPermission || code == ErrorCode::kUpstream;
}

ConnectOptions TargetOf(ConnectOptions target) {
  target.database = 0;
  target.name = "redis-proxy-tracking";
  return target;
}

// A connection from OnLive to its loss.
class TrackedConnection {
 public:
  TrackedConnection(Connection* connection, InvalidationSink* sink, const Lease& lease)
      : connection_(connection), sink_(sink), lease_(lease) {}

  // Reports to the sink until the connection is lost, `stopping` or `renewing`, and returns why. It
  // looks at the latter two once per PING at least.
  Error Follow(const std::atomic<bool>& stopping, const std::atomic<bool>& renewing);

  [[nodiscard]] const Lease& lease() const { return lease_; }

 private:
  Result<void> Ping(TimePoint now);
  Result<void> Take(const redisReply& reply);
  Result<void> TakeMessage(const redisReply& payload);
  Result<void> TakePong();
  Result<void> TakeError(const redisReply& error);

  Connection* const connection_;
  InvalidationSink* const sink_;
  Lease lease_;
};

Error TrackedConnection::Follow(const std::atomic<bool>& stopping,
                                const std::atomic<bool>& renewing) {
  while (!stopping && !renewing) {
    if (const TimePoint now = Now(); lease_.IsPingDue(now)) {
      if (Result<void> sent = Ping(now); !sent) return sent.error();
    }
    Result<Reply> reply = connection_->ReadReply(lease_.WaitLimit());
    if (reply) {
      if (Result<void> taken = Take(**reply); !taken) return taken.error();
    } else if (reply.error().code != ErrorCode::kTimeout) {
      return reply.error();
    } else if (Now() >= lease_.LossTime()) {
      return lease_.LossReason();
    }
  }
  return Error{ErrorCode::kStopping, std::string("shutting down")};
}

Result<void> TrackedConnection::Ping(TimePoint now) {
  connection_->Append({"PING"});
  lease_.OnPing(now);
  return connection_->Flush(lease_.LossTime());
}

Result<void> TrackedConnection::Take(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) return TakeError(reply);
  if (IsPush(reply, "pong")) return TakePong();
  if (IsPush(reply, "message") && reply.elements == 3) return TakeMessage(*reply.element[2]);
  if (IsPush(reply, "unsubscribe")) return Unexpected("the end of the subscription");
  return Unexpected("neither an invalidation nor a PONG");
}

Result<void> TrackedConnection::TakeMessage(const redisReply& payload) {
  if (payload.type == REDIS_REPLY_NIL) {
    sink_->OnFlush();
  } else if (IsString(payload)) {
    // A client published this, not Redis; it could as well have written the key.
    sink_->OnInvalidated(TextOf(payload));
  } else if (payload.type == REDIS_REPLY_ARRAY) {
    for (size_t i = 0; i < payload.elements; ++i) {
      if (!IsString(*payload.element[i])) return Unexpected("an invalidation that names no key");
      sink_->OnInvalidated(TextOf(*payload.element[i]));
    }
  } else {
    return Unexpected("an invalidation that names no key");
  }
  lease_.OnReport(Now());
  return {};
}

Result<void> TrackedConnection::TakePong() {
  if (lease_.state() != Lease::State::kAwaiting) {
    return Unexpected("an unexpected PONG");
  }
  lease_.OnPong();
  sink_->OnLease(lease_.end());
  return {};
}

Result<void> TrackedConnection::TakeError(const redisReply& error) {
  if (lease_.state() != Lease::State::kAwaiting) {
    return Unexpected("an unexpected error");
  }
  if (IsAsGoodAsPong(error)) return TakePong();
  lease_.OnRefused(TextOf(error));
  return {};
}

}  // namespace

Subscriber::Subscriber(SubscriberOptions options, InvalidationSink* sink)
    : options_(std::move(options)),
      target_(TargetOf(options_.target)),
      name_(target_.endpoint.ToString()),
      sink_(sink),
      interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      back_off_(kFirstBackOff, kMaxBackOff, std::random_device()()),
      trouble_limiter_(kTroubleLogInterval) {
  RP_CHECK(options_.max_stale > Duration::zero() && options_.max_stale <= std::chrono::hours(1));
  RP_CHECK(options_.timeout > Duration::zero());
  RP_CHECK(options_.unsupported_retry >= Duration::zero());
  RP_CHECK(static_cast<bool>(interrupt_));
}

std::unique_ptr<Subscriber> Subscriber::Start(SubscriberOptions options, InvalidationSink* sink) {
  std::unique_ptr<Subscriber> subscriber(new Subscriber(std::move(options), sink));
  Subscriber* const self = subscriber.get();
  const SignalsBlocked blocked;  // for the thread, whose Connection requires it
  self->thread_ = std::thread([self] { self->Run(); });
  return subscriber;
}

Subscriber::~Subscriber() { Stop(); }

Subscriber::FirstOutcome Subscriber::AwaitFirst(TimePoint deadline) {
  MutexLock lock(&mutex_);
  while (!first_ && !stopping_ && Now() < deadline) changed_.WaitUntil(&mutex_, deadline);
  return first_.value_or(FirstOutcome::kUnreachable);
}

void Subscriber::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  RP_CHECK(eventfd_write(interrupt_.get(), 1) == 0);
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Subscriber::Run() noexcept {
  while (Sleep(FollowOnce())) {
  }
}

// One attempt and, where it succeeds, all until the loss. Returns the wait before the next.
Duration Subscriber::FollowOnce() {
  TimePoint tracked_at;
  renewing_ = false;  // whatever was asked for before is what this does
  Result<std::unique_ptr<Connection>> connection = Subscribe(&tracked_at);
  if (!connection) return OnFailed(connection.error());
  sink_->OnLive((*connection)->peer(), tracked_at + options_.max_stale);
  unsupported_.clear();
  if (std::exchange(logged_, Logged::kLive) != Logged::kLive) {
    Log(LogLevel::kInfo, "redis: following writes of %s", name_.c_str());
  }
  SettleFirst(FirstOutcome::kLive);
  TrackedConnection tracked(connection->get(), sink_, Lease(options_.max_stale, tracked_at, Now()));
  const Error reason = tracked.Follow(stopping_, renewing_);
  sink_->OnLost();
  Log(LogLevel::kDebug, "redis: no longer following writes of %s: %s", name_.c_str(),
      reason.message.c_str());
  if (!stopping_ && !renewing_) LogTrouble(reason);
  // A Redis that takes subscriptions and closes them at once is not worth a storm of them.
  if (tracked.lease().was_renewed()) failures_ = 0;
  return back_off_.Draw(++failures_);
}

// Connects, and returns when both the tracking, which was asked for at `*tracked_at`, and the
// subscription are acknowledged.
Result<std::unique_ptr<Connection>> Subscriber::Subscribe(TimePoint* tracked_at) {
  const TimePoint deadline = DeadlineAfter(Now(), options_.timeout);
  Result<std::unique_ptr<Connection>> connected =
      Connection::Connect(target_, deadline, interrupt_.get());
  if (!connected) return Explain(connected.error());
  Connection* const connection = connected->get();
  // Connect takes a forbidden PING for an answer, but the lease depends on it.
  if (Result<Reply> pong = Call(connection, {"PING"}, deadline); !pong) return pong.error();
  Result<Reply> id = Call(connection, {"CLIENT", "ID"}, deadline);
  if (!id) return id.error();
  if ((*id)->type != REDIS_REPLY_INTEGER) return Unexpected("no number for CLIENT ID");
  const std::string own_id = std::to_string((*id)->integer);
  std::vector<std::string_view> command = {"CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST"};
  for (const std::string& prefix : options_.prefixes) {
    command.insert(command.end(), {"PREFIX", prefix});
  }
  *tracked_at = Now();
  Result<Reply> tracking = Call(connection, command, deadline);
  if (!tracking) return tracking.error();
  if ((*tracking)->type != REDIS_REPLY_STATUS) return Unexpected("no OK for CLIENT TRACKING");
  Result<Reply> subscription = Call(connection, {"SUBSCRIBE", kChannel}, deadline);
  if (!subscription) return subscription.error();
  if (!IsPush(**subscription, "subscribe")) return Unexpected("no answer to SUBSCRIBE");
  return connected;
}

// Sends a command and reads its reply; an error reply is an error.
Result<Reply> Subscriber::Call(Connection* connection,
                               const std::vector<std::string_view>& arguments, TimePoint deadline) {
  connection->Append(arguments);
  if (Result<void> sent = connection->Flush(deadline); !sent) return sent.error();
  Result<Reply> reply = connection->ReadReply(deadline);
  if (!reply || (*reply)->type != REDIS_REPLY_ERROR || IsAsGoodAsPong(**reply)) return reply;
  const std::string text(TextOf(**reply));
  return Explain(Error{ClassifyErrorReply(text), text});
}

// Adds to a refusal what to do about it. Other errors pass unchanged.
Error Subscriber::Explain(const Error& error) const {
  if (IsRefusal(error.code)) return Error{error.code, RefusalText(name_, error)};
  const auto line = [&](const char* predicate, const std::string& advice) {
    return Error{error.code, name_ + " " + predicate + " (" + error.message + "): " + advice};
  };
  if (error.code == ErrorCode::kNoPermission) {
    return line("does not permit this proxy to follow writes",
                "run ACL SETUSER " + (target_.username.empty() ? "default" : target_.username) +
                    " +client|id +client|tracking +subscribe +ping &" + std::string(kChannel));
  }
  if (error.code != ErrorCode::kUpstream) return error;
  if (error.message.find("overlap") != std::string::npos) {
    return line("cannot report writes", "no prefix may begin with another one");
  }
  return line("cannot report writes",
              "this needs Redis 6.0.6 or newer, or a service that allows CLIENT TRACKING with "
              "REDIRECT");
}

// Logs the failed attempt or tells the sink, and returns the wait before the next one.
Duration Subscriber::OnFailed(const Error& error) {
  if (stopping_) return Duration::zero();
  Log(LogLevel::kDebug, "redis: an attempt to follow writes of %s failed: %s", name_.c_str(),
      error.message.c_str());
  if (!IsUnsupported(error.code)) {
    LogTrouble(error);
    SettleFirst(FirstOutcome::kUnreachable);
    return back_off_.Draw(++failures_);
  }
  logged_ = Logged::kTrouble;
  if (std::exchange(unsupported_, error.message) != error.message) sink_->OnUnsupported(error);
  SettleFirst(FirstOutcome::kUnsupported);
  return options_.unsupported_retry;
}

void Subscriber::LogTrouble(const Error& reason) {
  uint64_t suppressed = 0;
  if (logged_ == Logged::kTrouble || !trouble_limiter_.Allow(Now(), &suppressed)) return;
  const bool was_live = std::exchange(logged_, Logged::kTrouble) == Logged::kLive;
  Log(LogLevel::kWarn, "redis: %s writes at %s: %s; retrying",
      was_live ? "lost track of" : "cannot follow", name_.c_str(), reason.message.c_str());
}

// Waits, and returns false if the thread must stop.
bool Subscriber::Sleep(Duration wait) {
  const TimePoint until = DeadlineAfter(Now(), wait);
  MutexLock lock(&mutex_);
  while (!stopping_ && Now() < until) changed_.WaitUntil(&mutex_, until);
  return !stopping_;
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
