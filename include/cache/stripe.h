// Stripe: one sixty-fourth of the cache under one mutex: a table, a list by last use, a heap by
// deadline, and the flights (fetches under way) for keys that are missing.
//
// A stripe publishes the stamp of its least recently used entry and the bound of its earliest
// deadline in two atomics of Cache, so that eviction and sweep find the right stripe without a
// lock.
//
// Invariants, under the lock:
//   * The list is sorted by last_use: a stamp is never earlier than the front's, even if a thread's
//     clock reading is older than its turn at the lock. Only the entry of the last hit may still be
//     out of place, but it is never the last (MoveUsed).
//   * Every entry is in table and list. It is in the heap if and only if it can expire, and its
//     bound there is not after its deadline.
//   * A key has at most one attached flight, and none while it has a live entry.
// Nothing is freed, logged or called back under the lock: entries that leave are returned to the
// caller. No thread locks a stripe while it holds another lock.
//
// The states of a flight:
//
//   candidate --JoinOrStart--> attached --Finish--> ended; its result may be stored
//                                 |   |
//                                 |   +--TryAbandon, deadline passed--> ended without a result
//                                 |
//                                 | Erase, a new epoch, or no memory for it in the table
//                                 v
//                              detached --Finish, TryAbandon--> ended; nothing is stored
//
// A waiter joins only an attached flight; Leave takes it out of either.
//
// Reads do not go backwards. The answer of a detached flight may be newer than an entry of its key,
// or than what its attached flight will bring. So Supersede removes that entry and requires of that
// flight an answer to a later GET, before the answer of the detached flight is given to anybody.
//
// Owner: Cache, which chooses the stripe by the key's hash and keeps the counts over all stripes.
// Thread safety: any thread.
// Cost: a hit is O(1); insert, evict and expire are O(log n).
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

// Waiter: something that waits for a flight. The owner derives from it.
struct Waiter : ListNode<Waiter> {
  // Under the stripe's lock: the flight that it waits for, or null.
  Flight* flight = nullptr;
};
using WaiterList = IntrusiveList<Waiter>;

// Flight: one fetch under way for a key that is not in the cache, and its waiters. The owner
// derives from it, keeps it alive until Finish or TryAbandon returns the waiters, and sets
// `deadline` to the fetch's own deadline. The stripe moves that to a later time, under its lock,
// when a waiter joins.
struct Flight {
  uint64_t hash = 0;
  uint32_t tag = 0;
  std::string key_bytes;
  std::atomic<TimePoint>* deadline = nullptr;
  // Whether the result may be stored. Set by the owner. The stripe clears it on an invalidation of
  // the key, and for a flight that starts while the cache is not trusted.
  bool storable = true;
  // Under the stripe's lock:
  uint32_t epoch = 0;  // in which it started
  // An answer to a GET that was sent before this is too old, since a newer one may have been given.
  TimePoint not_before = TimePoint::min();
  WaiterList waiters;

  [[nodiscard]] std::string_view key() const { return key_bytes; }
};

// The first caller starts a flight and sends the GET; later callers join it.
enum class LookupResult {
  kHit,
  kJoined,
  kStarted,
  kBusy,  // with Blocking::kNo: the stripe is locked, and nothing was done
};

struct StripeStats {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
  uint64_t expirations = 0;
};

// Freshness: how far the cache's entries may be trusted; the same for all stripes.
//
// Without coherence the lease never ends and there is one epoch. With it, a hit needs a lease that
// has not ended and an entry of the current epoch. An entry of an epoch below the floor is never
// served again, not even as stale.
//
// Thread safety: any thread reads. Any thread may raise epoch and floor, which never decrease. The
// rest is written under a lock of the caller's.
struct Freshness {
  std::atomic<TimePoint> lease = kNever;
  std::atomic<uint32_t> epoch = 0;
  std::atomic<uint32_t> floor = 0;
  // When the last lease was given up; kNever while there is one.
  std::atomic<TimePoint> lost_at = kNever;

  // Returns whether the lease holds. Acquire: a thread that sees a new lease also sees the epoch
  // that began before it.
  [[nodiscard]] bool Trusted(TimePoint now) const {
    return now <= lease.load(std::memory_order_acquire);
  }
};

struct StripeOptions {
  Duration expire{};  // after this time without use; 0: never
  Duration stale{};   // how long after its end an entry is kept for GetStale
};

// The values that a stripe publishes. Readers use them as hints and check again under the lock.
struct Published {
  std::atomic<TimePoint>* oldest_use;     // kNever without entries
  std::atomic<TimePoint>* next_deadline;  // kNever if nothing expires
};

class alignas(64) Stripe {
 public:
  // Sets the stripe up, before any other call. REQUIRES: `freshness` outlives the stripe.
  void Init(Published published, const StripeOptions& options, const Freshness* freshness);

  // Returns the live entry of `key` and marks it most recently used, or an empty ref. With
  // Blocking::kNo, also returns an empty ref if the stripe is locked. Moves an entry whose time is
  // over out of the stripe into `*expired`.
  [[nodiscard]] EntryRef Get(uint32_t tag, std::string_view key, TimePoint now, Blocking blocking,
                             EntryRef* expired);

  // Does the same as Get, with the entry in `*hit`. Without a live entry, `waiter` joins the key's
  // flight, or `candidate` becomes that flight with `waiter` as its first. The flight's deadline is
  // then at least `deadline`.
  [[nodiscard]] LookupResult JoinOrStart(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                         TimePoint now, Blocking blocking, EntryRef* hit,
                                         EntryRef* expired);

  // Redis has answered the flight. Removes the entry of the flight's key, which may be older than
  // the answer, and returns it, or returns an empty ref. If the flight is detached, the key's
  // attached flight may only end with an answer to a GET that is sent after `now`.
  [[nodiscard]] EntryRef Supersede(const Flight* flight, TimePoint now);

  struct Finished {
    // The answer is too old, and nothing has changed: fetch it again.
    bool is_too_old = false;
    WaiterList waiters;
    TimePoint deadline = kNever;  // of the entry, if it was stored and can expire
    EntryRef replaced;            // an older entry of the key
  };
  // Detaches the flight and returns its waiters. Stores `*entry` if there is one, the flight is
  // storable and there is memory for its place; then `*entry` becomes empty. The answer is to a GET
  // that was sent at `sent_at`; kNever if there is none.
  [[nodiscard]] Finished Finish(Flight* flight, EntryRef* entry, TimePoint now, TimePoint sent_at);

  // Takes the waiter out of its flight, which goes on without it. Returns false if the waiter is in
  // no flight, because its answer is under way.
  [[nodiscard]] bool Leave(Waiter* waiter);

  // Detaches the flight and appends its waiters to `*waiters`. Returns false, and does nothing, if
  // its deadline has not passed, because a waiter has just joined.
  [[nodiscard]] bool TryAbandon(Flight* flight, TimePoint now, WaiterList* waiters);

  // Returns whether the flight's result is known to be current: it is attached, its epoch has not
  // ended and the lease holds.
  [[nodiscard]] bool IsCurrent(const Flight* flight, TimePoint now);

  // Returns whether Get would return this entry. Does not mark it as used.
  [[nodiscard]] bool Serves(const EntryRef& entry, TimePoint now);

  // Returns the entry of `key`, although its time is over or the lease is lost, if it may still be
  // served as stale; or an empty ref. Does not mark it as used.
  [[nodiscard]] EntryRef GetStale(uint32_t tag, std::string_view key, TimePoint now);

  // Removes the least recently used entry and returns it. Returns an empty ref if there is none, or
  // if its stamp is later than `stamp`.
  [[nodiscard]] EntryRef EvictTail(TimePoint stamp);

  // Looks at up to `budget` entries whose bound has passed. Removes those whose time is over and
  // returns them. REQUIRES of this and Purge: the caller adopts the reference of each entry.
  [[nodiscard]] IntrusiveList<Entry> Sweep(TimePoint now, int budget);

  // Removes up to `budget` entries of epochs below the floor and returns them. An empty list means
  // that none are left.
  [[nodiscard]] IntrusiveList<Entry> Purge(int budget);

  // Removes the entry of `key` and returns it, or an empty ref. Detaches the key's flight: its
  // result is not stored, and the next miss starts another.
  [[nodiscard]] EntryRef Erase(uint32_t tag, std::string_view key);

  [[nodiscard]] StripeStats stats();

 private:
  // Return when the entry stops being live, and when it stops being served as stale.
  [[nodiscard]] TimePoint FreshUntil(const Entry* entry) const RP_REQUIRES(mutex_);
  [[nodiscard]] TimePoint KeptUntil(const Entry* entry) const RP_REQUIRES(mutex_);
  [[nodiscard]] bool IsLive(const Entry* entry, TimePoint now) const RP_REQUIRES(mutex_);
  [[nodiscard]] EntryRef Use(uint32_t tag, std::string_view key, TimePoint now, EntryRef* expired)
      RP_REQUIRES(mutex_);
  [[nodiscard]] LookupResult JoinOrStartLocked(Flight* candidate, Waiter* waiter,
                                               TimePoint deadline, TimePoint now, EntryRef* hit,
                                               EntryRef* expired) RP_REQUIRES(mutex_);
  [[nodiscard]] WaiterList TakeWaiters(Flight* flight) RP_REQUIRES(mutex_);
  // Moves the entry of the last hit to the front. A hit leaves this to the next operation and only
  // prefetches the neighbours: waiting for them would take a fifth of a hit's time among a million
  // keys.
  void MoveUsed() RP_REQUIRES(mutex_);
  // Adds the entry and sets `*deadline` to its deadline. Returns false, and does nothing, if there
  // is no memory.
  [[nodiscard]] bool Insert(Entry* entry, TimePoint now, TimePoint* deadline) RP_REQUIRES(mutex_);
  [[nodiscard]] EntryRef Remove(Entry* entry) RP_REQUIRES(mutex_);
  void PublishTail() RP_REQUIRES(mutex_);
  void PublishDeadline() RP_REQUIRES(mutex_);

  Mutex mutex_;
  FlatTable<Entry> entries_ RP_GUARDED_BY(mutex_);
  FlatTable<Flight> flights_ RP_GUARDED_BY(mutex_);
  IntrusiveList<Entry> by_use_ RP_GUARDED_BY(mutex_);  // the front was used last
  Entry* used_ RP_GUARDED_BY(mutex_) = nullptr;        // by the last hit, and not moved yet
  ExpiryHeap heap_ RP_GUARDED_BY(mutex_);
  StripeStats stats_ RP_GUARDED_BY(mutex_);
  StripeOptions options_ RP_GUARDED_BY(mutex_);
  const Freshness* freshness_ RP_GUARDED_BY(mutex_) = nullptr;
  Published published_ RP_GUARDED_BY(mutex_) = {};
};

}  // namespace rp::cache
