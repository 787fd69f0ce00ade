// Coherence: applies the subscriber's reports of writes in Redis to the cache.
//
//   state        event                                                     next state
//   any          OnLive: a new epoch begins                                kLive
//   kLive        OnMoved, OnLost: the epoch ends                           kLost
//   kLive        OnLost, and Redis is a replica: the epoch ends            kNotPrimary
//   any          OnUnsupported                                             kLost
//   any          OnUnsupported, and Redis is a replica                     kNotPrimary
//   any          OnUnsupported, with -coherent=auto: a new epoch begins    kByTime
//
// In kLive, an entry is dropped as soon as Redis reports that its key was written, and the lease
// bounds how stale an entry can be when reports stop. In kLost and kNotPrimary, every request is
// answered by Redis. In kByTime, entries are kept as without -coherent. A Redis that was a master
// and became a replica does not lead to kByTime: it will be a master again, or its name will lead
// to one. OnMoved treats all entries as overwritten, in every state.
//
// Owner: the server; it borrows the cache and the record of the current server.
// Thread safety: the subscriber's thread calls the functions of the sink, any thread the others.
// Cost: one invalidation of the cache per report; queries are a few loads and allocate nothing, but
// Refusal copies a text.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/siphash.h"
#include "cache/cache.h"
#include "redis/current_server.h"
#include "redis/invalidation_sink.h"

namespace rp::proxy {

struct CoherenceOptions {
  bool or_by_time = false;  // -coherent=auto
  Duration max_stale = std::chrono::seconds(1);
  std::vector<std::string> prefixes;  // of the keys that Redis reports; none: all keys
  // Called on the subscriber's thread after each OnLease; may be empty.
  std::function<void()> on_lease = nullptr;
};

class Coherence final : public redis::InvalidationSink {
 public:
  enum class State : uint8_t { kLost, kNotPrimary, kLive, kByTime };

  // `on_garbage` is called each time that this many keys were invalidated.
  static constexpr uint64_t kGarbageKeys = 1024;

  // `on_garbage` is called when much of the cache has become garbage or has gone, so that the owner
  // sweeps it.
  Coherence(CoherenceOptions options, const Hasher& hasher, redis::CurrentServer* server,
            cache::Cache* cache, std::function<void()> on_garbage);

  [[nodiscard]] State state() const { return state_.load(std::memory_order_acquire); }
  // Returns whether the cache depends on reports; false while it has fallen back to time alone.
  [[nodiscard]] bool follows() const { return state() != State::kByTime; }
  // Returns whether Redis reports writes of `key`.
  [[nodiscard]] bool Reports(std::string_view key) const;
  // Returns whether the writes of `server` (ServerIdentity::id) are those that are reported: after
  // a failover they may differ for a while. Always true while follows() is false.
  [[nodiscard]] bool ReportsOf(uint64_t server) const {
    return !follows() || server == reporting_.load(std::memory_order_acquire);
  }
  // Returns false if connections lead to another server than this one by now.
  [[nodiscard]] bool MayBeCurrent(uint64_t server) const {
    return !follows() || server_->MayBe(server);
  }
  // Returns why Redis cannot report its writes, or an empty text if no reason is known. After this
  // call, further reasons are logged.
  [[nodiscard]] std::string Refusal() RP_EXCLUDES(mutex_);
  [[nodiscard]] Duration max_stale() const { return options_.max_stale; }

  // All connections to Redis have become outdated. Runs under the lock of the current server.
  void OnMoved(TimePoint now);

  void OnLive(uint64_t server, uint64_t generation, TimePoint lease) override;
  void OnLease(TimePoint lease) override;
  void OnInvalidated(std::string_view key) override;
  void OnFlush() override;
  void OnLost(const Error& reason, TimePoint now) override;
  void OnUnsupported(const Error& error, TimePoint now) RP_EXCLUDES(mutex_) override;

 private:
  const CoherenceOptions options_;
  const Hasher hasher_;
  redis::CurrentServer* const server_;
  cache::Cache* const cache_;
  const std::function<void()> on_garbage_;
  void SetState(State state) { state_.store(state, std::memory_order_release); }

  // Written under the lock of the current server:
  std::atomic<State> state_ = State::kLost;
  std::atomic<uint64_t> reporting_ = 0;
  // Of the subscriber's thread.
  uint64_t live_generation_ = 0;
  bool was_live_ = false;
  uint64_t invalidated_ = 0;  // keys
  Mutex mutex_;
  std::string refusal_ RP_GUARDED_BY(mutex_);
  bool asked_ RP_GUARDED_BY(mutex_) = false;
};

}  // namespace rp::proxy
