// Cache: keys and values in memory, bounded by count and bytes, with eviction of the least recently
// used key and a deadline for each entry.
//
// 64 stripes share exact limits. An insert first reserves its share of the counts, so that the
// count never exceeds the capacity. Each stripe publishes the stamp of its tail. The least of the
// 64 belongs to the least recently used key of all, so eviction is exact LRU although no lock spans
// stripes: for one client exact to the last miss, for several up to the order of overlapping
// requests.
//
// Owner: the server. The cache knows neither Redis nor sockets. Time is an argument: `now` of each
// call should come from one clock reading per request.
// Thread safety: any thread.
// Cost: Get O(1); a store O(64 + log n).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/bounded_counter.h"
#include "cache/stripe.h"

namespace rp::cache {

struct CacheOptions {
  uint64_t capacity = 100'000;                // keys; 0 caches nothing
  uint64_t memory_bytes = 0;                  // of entries, see Room; 0 is no limit
  uint64_t value_bytes = 1 << 20;             // a larger value is not cached
  Duration expire = std::chrono::minutes(2);  // after this time without use; 0: never
  Duration stale{};                           // how long after its end GetStale returns an entry
  bool coherent = false;                      // no hits before BeginEpoch
};

struct CacheStats : StripeStats {
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

class Cache {
 public:
  explicit Cache(const CacheOptions& options);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // Returns the live entry of `key` and marks it most recently used, or an empty ref. With
  // Blocking::kNo, also returns an empty ref if the stripe is locked.
  [[nodiscard]] EntryRef Get(uint64_t hash, std::string_view key, TimePoint now,
                             Blocking blocking = Blocking::kYes);

  // Joins or starts the flight for a key that Get did not find; see Stripe. REQUIRES: the
  // candidate's hash, key_bytes and deadline are set.
  [[nodiscard]] LookupResult JoinOrStart(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                         TimePoint now, EntryRef* hit,
                                         Blocking blocking = Blocking::kYes);

  using Finished = Stripe::Finished;
  // Ends the flight and returns its waiters; the next miss of its key starts another. Stores
  // `entry` if it is not empty and the limits leave room for it. `sent_at` is when the GET was sent
  // that Redis has answered; kNever without an answer. An answer removes an old entry of the key
  // even if no new one is stored. With Finished::is_too_old the flight goes on: fetch again.
  [[nodiscard]] Finished Finish(Flight* flight, EntryRef entry, TimePoint now,
                                TimePoint sent_at = kNever);

  // Takes a waiter for the key with this hash out of its flight. Returns false if it is in no
  // flight.
  [[nodiscard]] bool Leave(uint64_t hash, Waiter* waiter);

  // Returns whether no invalidation has come and no epoch ended since the flight began.
  [[nodiscard]] bool IsCurrent(const Flight* flight, TimePoint now);

  // Ends a flight whose deadline has passed and appends its waiters to `*waiters`. Returns false,
  // and does nothing, if a waiter has joined whose deadline is later.
  [[nodiscard]] bool TryAbandon(Flight* flight, TimePoint now, WaiterList* waiters);

  // Returns whether Get would return this entry, without marking it used. `hash` is its key's.
  [[nodiscard]] bool Serves(uint64_t hash, const EntryRef& entry, TimePoint now);

  // Returns the entry of `key` although its time is over or the lease has ended, for use when Redis
  // does not answer; or an empty ref. Such an entry is returned for `stale` after its end, only
  // within its TTL in Redis, and never after an invalidation or a flush.
  [[nodiscard]] EntryRef GetStale(uint64_t hash, std::string_view key, TimePoint now);

  // --- Coherence. Any thread that knows of a write calls the first two. The caller orders the
  // calls of the others. ---

  // Removes the key, if present, and detaches its flight: the flight's result is not stored, and
  // the next miss starts another.
  void Invalidate(uint64_t hash, std::string_view key);
  // Treats all entries as overwritten. The next sweep, which the caller schedules, frees them.
  void Flush();
  // Begins a new epoch, trusted until `lease`: invalidations are received again. Treats all entries
  // of older epochs as overwritten.
  void BeginEpoch(TimePoint lease);
  // Extends the trust until `lease`: all invalidations until now were received.
  void RenewLease(TimePoint lease);
  // Ends the epoch: invalidations are not received any more, and there are no hits until
  // BeginEpoch. May be called again: who asks after that joins no flight from before it.
  void EndEpoch(TimePoint now);

  // Returns whether hits are possible and results of misses are stored.
  [[nodiscard]] bool Trusted(TimePoint now) const { return freshness_.Trusted(now); }

  // Evicts an eighth of the entries, but at most about a thousand, because memory is short.
  void Shrink();

  // Returns whether an entry of this kind and size may be stored. The options limit values, and a
  // key with a value has at most 64 KB. A key without a value has at most 1 KB, because clients
  // could fill the cache with such keys.
  [[nodiscard]] bool Admits(Kind kind, uint64_t key_bytes, uint64_t value_bytes) const;
  static constexpr uint64_t kMaxCachedKeyBytes = 64 * 1024;
  static constexpr uint64_t kMaxCachedKeyBytesWithoutValue = 1024;

  // Returns whether an entry of this charge may be made at all, to be stored or only served. The
  // entries outside the cache, which are being written to clients, may use three quarters of the
  // memory limit, or kMinOutsideBytes if that is more; a single one may have any size.
  [[nodiscard]] bool MayMake(uint64_t charge_bytes) const;
  static constexpr uint64_t kMinOutsideBytes = 16 << 20;

  // Frees at most about `budget` entries whose time is over. Returns when to call it again: `now`
  // if the budget was too small, kNever if nothing can expire.
  [[nodiscard]] TimePoint Sweep(TimePoint now, int budget);

  // Returns the earliest bound of a deadline, or kNever if nothing can expire.
  [[nodiscard]] TimePoint NextDeadline() const;

  // Returns the number of keys, without a lock.
  [[nodiscard]] uint64_t size() const { return count_.value(); }
  // Returns the bytes that they are charged, without a lock.
  [[nodiscard]] uint64_t bytes() const { return bytes_.value(); }

  // Returns the counts, which may be of slightly different moments.
  [[nodiscard]] CacheStats stats();

 private:
  static constexpr int kStripeBits = 6;
  static constexpr size_t kStripes = size_t{1} << kStripeBits;

  [[nodiscard]] static size_t StripeIndex(uint64_t hash) { return hash >> (64 - kStripeBits); }
  // Returns how many bytes the entries of the cache may have, a new one of `charge_bytes` included:
  // the memory limit without the entries that are outside the cache because they are being written
  // to clients; but at least a quarter of the limit, so that slow readers cannot take all of it.
  [[nodiscard]] uint64_t Room(uint64_t charge_bytes) const;
  // Returns the charge of the entries outside the cache, without a new one of `charge_bytes`.
  [[nodiscard]] uint64_t OutsideBytes(uint64_t charge_bytes) const;
  [[nodiscard]] bool Reserve(uint64_t charge_bytes);
  [[nodiscard]] bool EvictOne();
  // Subtract entries that have left their stripe from the counts.
  void Release(const EntryRef& entry);
  void ReleaseAll(IntrusiveList<Entry> entries);
  [[nodiscard]] bool PurgeOld(int* budget);
  [[nodiscard]] bool FreeDue(TimePoint now, int* budget);
  template <typename Step>
  [[nodiscard]] bool ForStripesInTurn(int* budget, Step step);

  const CacheOptions options_;
  Freshness freshness_;
  std::atomic<uint32_t> purged_floor_ = 0;  // all entries below it are freed
  BoundedCounter count_;
  BoundedCounter bytes_;
  std::atomic<size_t> sweep_start_ = 0;  // lets a short budget reach every stripe in turn
  alignas(64) std::array<std::atomic<TimePoint>, kStripes> oldest_use_;
  alignas(64) std::array<std::atomic<TimePoint>, kStripes> next_deadline_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace rp::cache
