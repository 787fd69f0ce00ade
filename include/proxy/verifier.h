// Verifier: fetches one hit in N anew, for which no client waits, and compares (-verify). A value
// that Redis has changed without a report is a violation of what -coherent promises: SWAPDB, a
// fault of Redis, or one of this program. It is counted and logged, and all connections and the
// epoch begin anew, so that the cache heals.
//
//   a hit --Check--> fetched anew --OnFetched--> the same: done
//                                            --> another: kept for max_stale --Judge--> violation,
//                                                if the entry is still served; a report that came
//                                                late has removed it
//
// Owner: the server; borrows the cache and the coherence.
// Thread safety: any thread.
// Cost: IsChosen is one atomic addition. Check never waits, and does nothing if kMaxUnderWay are
// under way or the queue of the fetchers is full or locked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/siphash.h"
#include "base/time.h"
#include "cache/cache.h"
#include "proxy/coherence.h"
#include "proxy/submit_fetch.h"

namespace rp::proxy {

struct VerifierOptions {
  uint32_t every = 0;                            // one hit in so many; 0: none
  Duration timeout = std::chrono::seconds(1);    // of a fetch
  Duration max_stale = std::chrono::seconds(1);  // when a difference becomes a violation
};

class Verifier final : public redis::FetchSink {
 public:
  // Maximum fetches under way, and differences that are kept.
  static constexpr size_t kMaxUnderWay = 64;

  // `on_violation` makes the epoch and the connections begin anew.
  Verifier(const VerifierOptions& options, const Hasher& hasher, cache::Cache* cache,
           const Coherence* coherence, SubmitFetches submit, std::function<void()> on_violation);
  ~Verifier();

  // Returns whether this hit is to be checked.
  [[nodiscard]] bool IsChosen() {
    return options_.every != 0 &&
           hits_.fetch_add(1, std::memory_order_relaxed) % options_.every == options_.every - 1;
  }

  // Fetches the key of `entry`, which is in the cache and was served, anew.
  void Check(const cache::EntryRef& entry, TimePoint now);

  // Looks at the differences of at least max_stale ago. Call it often while writes are reported.
  void Judge(TimePoint now) RP_EXCLUDES(mutex_);

  void OnFetched(redis::Fetch* fetch, const redis::FetchResult& result, TimePoint now) override
      RP_EXCLUDES(mutex_);

  // Return how many hits were compared, and how many of them were violations.
  [[nodiscard]] uint64_t checked() const { return checked_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t violations() const { return violations_.load(std::memory_order_relaxed); }

 private:
  struct Verification;
  struct Difference {
    cache::EntryRef entry;
    TimePoint due;
  };

  const VerifierOptions options_;
  const Hasher hasher_;
  cache::Cache* const cache_;
  const Coherence* const coherence_;
  const SubmitFetches submit_;
  const std::function<void()> on_violation_;
  LogLimiter log_limiter_{std::chrono::seconds(10)};
  std::atomic<uint32_t> hits_ = 0;
  std::atomic<size_t> under_way_ = 0;
  std::atomic<uint64_t> checked_ = 0;
  std::atomic<uint64_t> violations_ = 0;
  Mutex mutex_;
  std::vector<Difference> differences_ RP_GUARDED_BY(mutex_);  // oldest first
};

}  // namespace rp::proxy
