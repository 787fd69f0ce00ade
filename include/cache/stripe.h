// Stripe: one sixty-fourth of the cache under one mutex: a table, a list by last use, a heap by
// deadline, and the fetches under way for keys that are missing.
//
// Owned by Cache, which chooses the stripe by the key's hash and keeps the counts that span
// stripes. A stripe publishes the stamp of its least recently used entry and the bound of its
// earliest deadline in two atomics of Cache, so that eviction and sweep find the right stripe
// without a lock.
//
// Invariants, under the lock:
//   * The list is sorted by last_use: a stamp is never earlier than the head's, even when a
//     thread's clock reading is older than its turn at the lock. The entry of the last hit alone
//     may still be behind its place, but never at the tail (MoveUsed).
//   * Every entry is in table and list; it is in the heap just when it can expire, with a bound not
//     after its deadline.
//   * There is at most one attached flight for a key, and no flight is attached while the key has a
//     live entry.
// Nothing is freed, logged or called back under the lock: what leaves comes back to the caller as
// EntryRefs or as a chain linked by lru_next. No stripe's lock is ever taken while another is held.
//
// Thread safety: any thread. Cost: a hit is O(1); insert, evict and expire are O(log n).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/intrusive_list.h"
#include "base/mutex.h"
#include "cache/entry.h"
#include "cache/expiry_heap.h"
#include "cache/flat_table.h"

namespace rp::cache {

struct Flight;

// Something that waits for a flight; the owner derives from it.
struct Waiter : ListNode<Waiter> {
  // Under the stripe's lock:
  Flight* flight = nullptr;  // that it waits for; null when it waits no more
};
using WaiterList = IntrusiveList<Waiter>;

// One fetch under way for a key that is not in the cache, and all who wait for it. The owner
// derives from it, keeps it alive until Finish or TryAbandon gives the waiters back, and sets
// `deadline` to where the fetch keeps its own: the stripe moves it later, under its lock, when a
// later waiter joins.
struct Flight {
  uint64_t hash = 0;
  uint32_t tag = 0;
  std::string key_bytes;
  std::atomic<TimePoint>* deadline = nullptr;
  // What it brings may be stored. Set by the owner; the stripe clears it when an invalidation of
  // the key comes, and for a flight that starts while the cache is not trusted.
  bool storable = true;
  // Under the stripe's lock:
  uint32_t epoch = 0;  // in which it started
  WaiterList waiters;

  [[nodiscard]] std::string_view key() const { return key_bytes; }
};

// Who asks first starts the flight and sends the GET; who comes later joins it. kBusy: another
// thread is in the way, the caller does not wait, and nothing was done.
enum class LookupResult { kHit, kJoined, kStarted, kBusy };

struct StripeStats {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
  uint64_t expirations = 0;
};

// How far the cache's contents may be trusted: the same for all stripes.
//
// Without coherence the lease never ends and there is one epoch. With it, a hit needs a lease that
// has not ended and an entry of the current epoch; an entry of an epoch below the floor is never
// served again, not even as stale.
//
// Thread safety: any thread reads; epoch and floor may be raised by any, and only ever grow; the
// rest is written by one thread, the one that hears of invalidations.
struct Freshness {
  std::atomic<TimePoint> lease = kNever;
  std::atomic<uint32_t> epoch = 0;
  std::atomic<uint32_t> floor = 0;
  std::atomic<TimePoint> lost_at =
      kNever;  // when the last lease was given up; kNever while there is one

  // Acquire: whoever sees a new lease sees the epoch that was begun before it.
  [[nodiscard]] bool Trusted(TimePoint now) const {
    return now <= lease.load(std::memory_order_acquire);
  }
};

struct StripeOptions {
  Duration expire{};  // of non-use; 0 is never
  Duration stale{};   // how long beyond its end an entry is kept for GetStale
};

// What a stripe publishes. Readers take it as a hint and look again under the lock.
struct Published {
  std::atomic<TimePoint>* oldest_use;     // kNever: no entries
  std::atomic<TimePoint>* next_deadline;  // kNever: nothing expires
};

class alignas(64) Stripe {
 public:
  // `freshness` outlives the stripe.
  void Init(Published published, const StripeOptions& options, const Freshness* freshness);

  // The live entry, now the most recently used, or none; for who must not wait, none also while
  // another thread is in the stripe. An entry whose time is over is unlinked into `expired`.
  [[nodiscard]] EntryRef Get(uint32_t tag, std::string_view key, TimePoint now, Blocking blocking,
                             EntryRef* expired);

  // As Get; but without a live entry `waiter` joins the key's flight, or `candidate` becomes that
  // flight with `waiter` as its first. The flight's deadline is then at least `deadline`.
  [[nodiscard]] LookupResult JoinOrStart(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                         TimePoint now, Blocking blocking, EntryRef* hit,
                                         EntryRef* expired);

  // Takes out what is left of the flight's key, unless an invalidation has made the flight's word
  // worth no more than that entry's.
  [[nodiscard]] EntryRef DropOld(const Flight* flight);

  // Detaches the flight, stores `entry` if there is one, the flight may and there is memory for its
  // place, and gives back who waited. `*deadline` becomes that of the stored entry (kNever for
  // none), and `entry` is empty if it was stored. An older entry of the same key goes to
  // `replaced`.
  [[nodiscard]] WaiterList Finish(Flight* flight, EntryRef* entry, TimePoint now,
                                  TimePoint* deadline, EntryRef* replaced);

  // Takes the waiter out of its flight; false when it waits for none (any more): its answer is on
  // the way. The flight goes on without it.
  [[nodiscard]] bool Leave(Waiter* waiter);

  // Detaches the flight if its deadline has passed, else returns false: somebody joined just now.
  [[nodiscard]] bool TryAbandon(Flight* flight, TimePoint now, WaiterList* waiters);

  // Whether what the flight brings is still the key's value as far as can be known: no invalidation
  // came, no epoch ended and the lease holds.
  [[nodiscard]] bool IsCurrent(const Flight* flight, TimePoint now);

  // The value of the key although its time is over or the lease is lost, if it may still be served
  // for want of anything better; it is not thereby used.
  [[nodiscard]] EntryRef GetStale(uint32_t tag, std::string_view key, TimePoint now);

  // Takes out the least recently used entry if its stamp is not later than `stamp`.
  [[nodiscard]] EntryRef EvictTail(TimePoint stamp);

  // Looks at up to `budget` entries whose bound has passed. Those that ended come back as a chain.
  [[nodiscard]] IntrusiveList<Entry> Sweep(TimePoint now, int budget);

  // Takes out up to `budget` entries of epochs below the floor, as a chain; null when none are
  // left.
  [[nodiscard]] IntrusiveList<Entry> Purge(int budget);

  // Takes out `key` if it is there, and detaches its flight: what that brings is not stored, and
  // the next miss starts another.
  [[nodiscard]] EntryRef Erase(uint32_t tag, std::string_view key);

  [[nodiscard]] StripeStats stats();

 private:
  // When the entry ends, and when it is to be forgotten.
  [[nodiscard]] TimePoint FreshUntil(const Entry* entry) const RP_REQUIRES(mutex_);
  [[nodiscard]] TimePoint KeptUntil(const Entry* entry) const RP_REQUIRES(mutex_);
  [[nodiscard]] EntryRef Use(uint32_t tag, std::string_view key, TimePoint now, EntryRef* expired)
      RP_REQUIRES(mutex_);
  [[nodiscard]] LookupResult JoinOrStartLocked(Flight* candidate, Waiter* waiter,
                                               TimePoint deadline, TimePoint now, EntryRef* hit,
                                               EntryRef* expired) RP_REQUIRES(mutex_);
  [[nodiscard]] WaiterList TakeWaiters(Flight* flight) RP_REQUIRES(mutex_);
  // Moves the entry of the last hit to the head. A hit leaves this to whoever comes next, and only
  // has the neighbours fetched from memory: waiting for them would be a fifth of a hit's time
  // among a million keys.
  void MoveUsed() RP_REQUIRES(mutex_);
  // False, with nothing done, for want of memory. `*deadline` becomes the entry's.
  [[nodiscard]] bool Insert(Entry* entry, TimePoint now, TimePoint* deadline) RP_REQUIRES(mutex_);
  [[nodiscard]] EntryRef Remove(Entry* entry) RP_REQUIRES(mutex_);
  void PublishTail() RP_REQUIRES(mutex_);
  void PublishDeadline() RP_REQUIRES(mutex_);

  Mutex mutex_;
  FlatTable<Entry> entries_ RP_GUARDED_BY(mutex_);
  FlatTable<Flight> flights_ RP_GUARDED_BY(mutex_);
  IntrusiveList<Entry> by_use_ RP_GUARDED_BY(mutex_);  // the front was used last
  Entry* used_ RP_GUARDED_BY(mutex_) = nullptr;        // by the last hit, and not yet moved
  ExpiryHeap heap_ RP_GUARDED_BY(mutex_);
  StripeStats stats_ RP_GUARDED_BY(mutex_);
  StripeOptions options_ RP_GUARDED_BY(mutex_);
  const Freshness* freshness_ RP_GUARDED_BY(mutex_) = nullptr;
  Published published_ RP_GUARDED_BY(mutex_) = {};
};

}  // namespace rp::cache
