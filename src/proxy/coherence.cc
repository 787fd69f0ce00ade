#include "proxy/coherence.h"

#include <algorithm>

#include "base/log.h"

namespace rp::proxy {

Coherence::Coherence(CoherenceOptions options, const Hasher& hasher, redis::CurrentServer* server,
                     cache::Cache* cache, std::function<void()> on_garbage)
    : options_(std::move(options)),
      hasher_(hasher),
      server_(server),
      cache_(cache),
      on_garbage_(std::move(on_garbage)) {}

bool Coherence::Reports(std::string_view key) const {
  return options_.prefixes.empty() ||
         std::any_of(options_.prefixes.begin(), options_.prefixes.end(),
                     [&](const std::string& prefix) { return key.starts_with(prefix); });
}

std::string Coherence::Refusal() {
  MutexLock lock(&mutex_);
  asked_ = true;
  return refusal_;
}

void Coherence::OnMoved(TimePoint now) {
  // By time too, values of two servers must not be mixed.
  if (state() == State::kByTime) return cache_->BeginEpoch(kNever);
  if (state() == State::kLive) SetState(State::kLost);
  // Nothing is known of how another server's values compare with these, not even as stale ones.
  cache_->Flush();
  cache_->EndEpoch(now);
}

void Coherence::OnLive(uint64_t server, uint64_t generation, TimePoint lease) {
  live_generation_ = generation;
  const bool has_begun = server_->RunIf(generation, [&] {
    // Before the epoch begins, because entries stored in it are checked against this server.
    reporting_.store(server, std::memory_order_release);
    SetState(State::kLive);
    cache_->BeginEpoch(lease);
  });
  if (!has_begun) return;
  was_live_ = true;
  Log(LogLevel::kDebug, "coherent: writes are reported; older entries are not served");
  on_garbage_();
}

void Coherence::OnLease(TimePoint lease) {
  static_cast<void>(server_->RunIf(live_generation_, [&] { cache_->RenewLease(lease); }));
  if (options_.on_lease) options_.on_lease();
}

void Coherence::OnInvalidated(std::string_view key) {
  cache_->Invalidate(hasher_(key), key);
  if (++invalidated_ % kGarbageKeys == 0) on_garbage_();
}

void Coherence::OnFlush() {
  cache_->Flush();
  Log(LogLevel::kDebug, "coherent: Redis was flushed; older entries are not served");
  on_garbage_();
}

void Coherence::OnLost(const Error& reason, TimePoint now) {
  server_->Run([&] {
    if (state() != State::kLive) return;  // it has been outdated before it could begin
    SetState(reason.code == ErrorCode::kReadOnly ? State::kNotPrimary : State::kLost);
    cache_->EndEpoch(now);
  });
  Log(LogLevel::kDebug,
      "coherent: writes are no longer reported; nothing is cached until they are");
}

void Coherence::OnUnsupported(const Error& error, TimePoint now) {
  const bool is_replica = error.code == ErrorCode::kReadOnly;
  if (options_.or_by_time && !(is_replica && was_live_)) {
    Log(LogLevel::kWarn, "-coherent=auto: %s; meanwhile entries expire by time alone",
        error.message.c_str());
    server_->Run([&] {
      if (state() == State::kByTime) return;
      SetState(State::kByTime);
      cache_->BeginEpoch(kNever);
    });
    return on_garbage_();
  }
  server_->Run([&] {
    if (state() == State::kByTime) cache_->EndEpoch(now);
    SetState(is_replica ? State::kNotPrimary : State::kLost);
  });
  {
    MutexLock lock(&mutex_);
    refusal_ = error.message;
    if (!asked_) return;
  }
  Log(LogLevel::kError, "-coherent: %s; meanwhile nothing is cached", error.message.c_str());
}

}  // namespace rp::proxy
