// Cache: keys and values in memory, bounded by count and bytes, least recently used first out, each
// with a deadline.
//
// 64 stripes share exact limits. A slot is reserved before an insert by compare-and-swap, so the
// count never passes the capacity, not even for an instant. Each stripe publishes the stamp of its
// tail; the least of the 64 is the least recently used key of all, so eviction is exact LRU
// although no lock spans stripes. For one client it is exact to the last miss; with several, up to
// the order of overlapping requests.
//
// Owned by the server. It knows neither Redis nor sockets, and time is an argument: `now` of each
// call should come from one clock reading per request.
//
// Thread safety: any thread. Cost: Get O(1); a store O(64 + log n).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/bounded_counter.h"
#include "cache/stripe.h"

namespace rp::cache {

struct CacheOptions {
  uint64_t capacity = 100'000;                // keys; 0 caches nothing
  uint64_t memory_bytes = 0;                  // see Room; 0 is no limit
  uint64_t value_bytes = 1 << 20;             // a larger value is not cached
  Duration expire = std::chrono::minutes(2);  // of non-use; 0 is never
  Duration stale{};       // how long beyond its end an entry may be had from GetStale
  bool coherent = false;  // nothing is trusted before BeginEpoch
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

  // The live value of the key, now the most recently used, or none; for who must not wait, none
  // also if another thread is in the way.
  [[nodiscard]] EntryRef Get(uint64_t hash, std::string_view key, TimePoint now,
                             Blocking blocking = Blocking::kYes);

  // For a key that Get did not find; see Stripe. REQUIRES: candidate's hash, key_bytes and deadline
  // are set.
  [[nodiscard]] LookupResult JoinOrStart(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                         TimePoint now, EntryRef* hit,
                                         Blocking blocking = Blocking::kYes);

  struct Finished {
    WaiterList waiters;
    TimePoint deadline;  // of the entry, if it was stored and can expire; else kNever
  };
  // Ends the flight; from now on the next miss of its key starts another. `entry`, if any, is
  // stored unless the limits leave it no room.
  // `drop_old` says that Redis answered: what the cache still held of the key goes even if nothing
  // takes its place.
  [[nodiscard]] Finished Finish(Flight* flight, EntryRef entry, TimePoint now,
                                bool drop_old = false);

  // Takes a waiter for the key with this hash out of its flight; false when it waits for none (any
  // more).
  [[nodiscard]] bool Leave(uint64_t hash, Waiter* waiter);

  // Whether no invalidation has come and no epoch ended since the flight began.
  [[nodiscard]] bool IsCurrent(const Flight* flight, TimePoint now);

  // Ends a flight that nobody waits for any more; false when somebody joined after all.
  [[nodiscard]] bool TryAbandon(Flight* flight, TimePoint now, WaiterList* waiters);

  // The value of the key although its time is over or trust is lost, where nothing better can be
  // had: within `stale` of its end, before the end of its own TTL in Redis, and never once
  // invalidated or flushed.
  [[nodiscard]] EntryRef GetStale(uint64_t hash, std::string_view key, TimePoint now);

  // --- Coherence: the first two are any thread's, who has heard of a write or done it; the others
  // are called by the one thread that hears what is written in Redis. ---

  // Takes out the key if it is there. What a fetch under way brings is not stored, and the next
  // miss starts another.
  void Invalidate(uint64_t hash, std::string_view key);
  // Everything before counts as overwritten. The memory is freed by the next sweep, which the
  // caller schedules.
  void Flush();
  // Invalidations are heard of again: a new epoch, trusted until `lease`. Everything before counts
  // as overwritten.
  void BeginEpoch(TimePoint lease);
  // Invalidations were heard of until now: trust goes on until `lease`.
  void RenewLease(TimePoint lease);
  // Invalidations are not heard of any more: nothing is a hit until BeginEpoch.
  void EndEpoch(TimePoint now);

  // Whether hits are possible, and misses stored.
  [[nodiscard]] bool Trusted(TimePoint now) const { return freshness_.Trusted(now); }

  // Evicts an eighth of what is there, but a thousand entries or so at most: memory is short.
  void Shrink();

  // Whether an entry of this kind and size may be stored. Values are as long as the options allow,
  // their keys 64 KB at most. Of a key without a value only the key takes room, so that who asks
  // for many could fill the cache with them: such a key is remembered if it has 1 KB at most.
  [[nodiscard]] bool Admits(Kind kind, uint64_t key_bytes, uint64_t value_bytes) const;
  static constexpr uint64_t kMostKeyBytes = 64 * 1024;
  static constexpr uint64_t kMostKeyBytesWithoutValue = 1024;

  // Returns whether an entry of this charge may be made at all, to be stored or only served: the
  // entries outside the cache, which are being written to clients, may have three quarters of the
  // memory limit, or kLeastOutsideBytes; one alone may have any size.
  [[nodiscard]] bool MayMake(uint64_t charge_bytes) const;
  static constexpr uint64_t kLeastOutsideBytes = 16 << 20;

  // Frees entries whose time is over, about `budget` of them at most, and returns when to come
  // again: `now` when the budget ended first, kNever when nothing can expire.
  [[nodiscard]] TimePoint Sweep(TimePoint now, int budget);

  // The earliest bound of a deadline, kNever when nothing can expire.
  [[nodiscard]] TimePoint NextDeadline() const;

  // How many keys there are, without a lock.
  [[nodiscard]] uint64_t size() const { return count_.value(); }
  // What they are charged with, the same way.
  [[nodiscard]] uint64_t bytes() const { return bytes_.value(); }

  // The counts may be of slightly different moments.
  [[nodiscard]] CacheStats stats();

 private:
  static constexpr int kStripeBits = 6;
  static constexpr size_t kStripes = size_t{1} << kStripeBits;

  [[nodiscard]] static size_t StripeIndex(uint64_t hash) { return hash >> (64 - kStripeBits); }
  // How many bytes the entries of the cache may have, one of `charge_bytes` that is to come
  // included.
  //
  // That is what the memory limit leaves beside the entries that are outside the cache and exist
  // all the same, because they are being written to clients; but a quarter of the limit at least,
  // so that slow readers cannot take all of it.
  [[nodiscard]] uint64_t Room(uint64_t charge_bytes) const;
  // What the entries that exist outside the cache are charged with, one of `charge_bytes` left out.
  [[nodiscard]] uint64_t OutsideBytes(uint64_t charge_bytes) const;
  [[nodiscard]] bool Reserve(uint64_t charge_bytes);
  [[nodiscard]] bool EvictOne();
  // Gives back the room of entries that have left their stripe.
  void Release(const EntryRef& entry);
  void ReleaseAll(IntrusiveList<Entry> entries);
  [[nodiscard]] bool PurgeOld(int* budget);
  [[nodiscard]] bool FreeDue(TimePoint now, int* budget);
  template <typename Step>
  [[nodiscard]] bool ForStripesInTurn(int* budget, Step step);

  const CacheOptions options_;
  Freshness freshness_;
  std::atomic<uint32_t> purged_floor_ = 0;  // nothing below it is left
  BoundedCounter count_;
  BoundedCounter bytes_;
  std::atomic<size_t> sweep_start_ = 0;  // so that a short budget reaches every stripe in turn
  alignas(64) std::array<std::atomic<TimePoint>, kStripes> oldest_use_;
  alignas(64) std::array<std::atomic<TimePoint>, kStripes> next_deadline_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace rp::cache
