// Coherence: what the subscriber hears of writes in Redis, turned into what the cache may be
// trusted for.
//
// While it follows, an entry is dropped as soon as Redis says that its key was written, and a lease
// bounds what a loss of that connection can cost. While it does not, every request is answered from
// Redis. Only where -coherent=auto was asked for does a Redis that cannot be followed make the
// cache go by time alone.
//
// Owned by the server; borrows the cache. Thread safety: any thread asks, the subscriber's thread
// tells.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/siphash.h"
#include "cache/cache.h"
#include "redis/subscriber.h"

namespace rp::proxy {

struct CoherenceOptions {
  bool or_by_time = false;  // -coherent=auto
  Duration max_stale = std::chrono::seconds(1);
  std::vector<std::string> prefixes;  // of the keys that Redis reports on; none is all keys
};

class Coherence final : public redis::InvalidationSink {
 public:
  // So many keys that were written since the last call are much of the cache.
  static constexpr uint64_t kGarbageKeys = 1024;

  // `on_garbage` is called when much of the cache has become garbage or has gone, for the sweep to
  // come.
  Coherence(CoherenceOptions options, const Hasher& hasher, cache::Cache* cache,
            std::function<void()> on_garbage);

  // Whether the cache goes by what the subscriber hears; false where it has fallen back to time
  // alone.
  [[nodiscard]] bool follows() const { return follows_.load(std::memory_order_acquire); }
  // Whether Redis reports on this key.
  [[nodiscard]] bool Reports(std::string_view key) const;
  // Whether what this server answered is what the subscriber hears of: after a failover they may
  // differ for a while.
  [[nodiscard]] bool IsPeer(uint64_t peer) const {
    return !follows() || peer == peer_.load(std::memory_order_acquire);
  }
  // Why Redis cannot be followed, empty if it can as far as is known. From this call on such news
  // are logged as well.
  [[nodiscard]] std::string Refusal() RP_EXCLUDES(mutex_);
  // Grows with each subscription, before its epoch begins: connections to Redis from before may
  // lead to another server.
  [[nodiscard]] const std::atomic<uint64_t>* generation() const { return &generation_; }
  [[nodiscard]] Duration max_stale() const { return options_.max_stale; }

  void OnLive(uint64_t peer, TimePoint lease) override;
  void OnLease(TimePoint lease) override;
  void OnInvalidated(std::string_view key) override;
  void OnFlush() override;
  void OnLost() override;
  void OnUnsupported(const Error& error) RP_EXCLUDES(mutex_) override;

 private:
  const CoherenceOptions options_;
  const Hasher hasher_;
  cache::Cache* const cache_;
  const std::function<void()> on_garbage_;
  std::atomic<bool> follows_ = true;
  std::atomic<uint64_t> peer_ = 0;
  std::atomic<uint64_t> generation_ = 0;
  uint64_t invalidated_ = 0;  // keys; the subscriber's
  Mutex mutex_;
  std::string refusal_ RP_GUARDED_BY(mutex_);
  bool asked_ RP_GUARDED_BY(mutex_) = false;
};

}  // namespace rp::proxy
