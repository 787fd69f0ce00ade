#include "cache/cache.h"

#include <algorithm>
#include <utility>

namespace rp::cache {
namespace {

// How many entries the sweep looks at in one stripe before it goes on to the next. Neighbours in
// memory were made one after the other and so belong to different stripes: a page is free, and can
// go back to the kernel, only once they are all gone.
constexpr int kPopsPerLock = 32;
// After this many lost races for the oldest key, any tail is evicted.
constexpr int kEvictionTries = 8;
constexpr int kMaxShrunk = 1024;
// The cache may always use a quarter of the memory limit.
constexpr uint64_t kMinShare = 4;

uint64_t ChargeOf(const EntryRef& entry) {
  return ChargeBytes(entry->key_bytes, entry->value_bytes);
}

}  // namespace

Cache::Cache(const CacheOptions& options) : options_(options) {
  if (options_.coherent) freshness_.lease.store(TimePoint::min(), std::memory_order_relaxed);
  for (size_t i = 0; i < kStripes; ++i) {
    stripes_[i].Init({&oldest_use_[i], &next_deadline_[i]},
                     {.expire = options_.expire, .stale = options_.stale}, &freshness_);
  }
}

Cache::~Cache() {
  while (EvictOne()) {
  }
}

EntryRef Cache::Get(uint64_t hash, std::string_view key, TimePoint now, Blocking blocking) {
  EntryRef expired;
  EntryRef entry =
      stripes_[StripeIndex(hash)].Get(static_cast<uint32_t>(hash), key, now, blocking, &expired);
  if (expired) Release(expired);
  return entry;
}

LookupResult Cache::JoinOrStart(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                TimePoint now, EntryRef* hit, Blocking blocking) {
  EntryRef expired;
  candidate->tag = static_cast<uint32_t>(candidate->hash);
  const LookupResult result = stripes_[StripeIndex(candidate->hash)].JoinOrStart(
      candidate, waiter, deadline, now, blocking, hit, &expired);
  if (expired) Release(expired);
  return result;
}

Cache::Finished Cache::Finish(Flight* flight, EntryRef entry, TimePoint now, TimePoint sent_at) {
  Stripe& stripe = stripes_[StripeIndex(flight->hash)];
  // The old entry's room is freed before room is made for the new one.
  if (sent_at != kNever && (options_.coherent || options_.stale != Duration::zero())) {
    const EntryRef old = stripe.Supersede(flight, now);
    if (old) Release(old);
  }
  const bool reserved = entry && Admits(entry->kind, entry->key_bytes, entry->value_bytes) &&
                        Reserve(ChargeOf(entry));
  if (!reserved) entry = {};
  Finished finished = stripe.Finish(flight, &entry, now, sent_at);
  if (finished.replaced) Release(std::exchange(finished.replaced, {}));
  if (entry) Release(entry);
  return finished;
}

bool Cache::Leave(uint64_t hash, Waiter* waiter) {
  return stripes_[StripeIndex(hash)].Leave(waiter);
}

bool Cache::IsCurrent(const Flight* flight, TimePoint now) {
  return stripes_[StripeIndex(flight->hash)].IsCurrent(flight, now);
}

bool Cache::TryAbandon(Flight* flight, TimePoint now, WaiterList* waiters) {
  return stripes_[StripeIndex(flight->hash)].TryAbandon(flight, now, waiters);
}

bool Cache::Serves(uint64_t hash, const EntryRef& entry, TimePoint now) {
  return stripes_[StripeIndex(hash)].Serves(entry, now);
}

EntryRef Cache::GetStale(uint64_t hash, std::string_view key, TimePoint now) {
  if (options_.stale == Duration::zero()) return {};
  return stripes_[StripeIndex(hash)].GetStale(static_cast<uint32_t>(hash), key, now);
}

void Cache::Invalidate(uint64_t hash, std::string_view key) {
  const EntryRef erased = stripes_[StripeIndex(hash)].Erase(static_cast<uint32_t>(hash), key);
  if (erased) Release(erased);
}

void Cache::Flush() {
  const uint32_t epoch = freshness_.epoch.fetch_add(1, std::memory_order_acq_rel) + 1;
  // Another thread may have begun a later epoch meanwhile.
  uint32_t floor = freshness_.floor.load(std::memory_order_relaxed);
  while (floor < epoch && !freshness_.floor.compare_exchange_weak(
                              floor, epoch, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

void Cache::BeginEpoch(TimePoint lease) {
  Flush();
  freshness_.lost_at.store(kNever, std::memory_order_release);
  freshness_.lease.store(lease, std::memory_order_release);
}

void Cache::RenewLease(TimePoint lease) {
  freshness_.lease.store(lease, std::memory_order_release);
}

void Cache::EndEpoch(TimePoint now) {
  freshness_.lease.store(TimePoint::min(), std::memory_order_release);
  TimePoint never = kNever;  // a loss upon a loss prolongs nothing
  freshness_.lost_at.compare_exchange_strong(never, now, std::memory_order_acq_rel);
  freshness_.epoch.fetch_add(1, std::memory_order_acq_rel);
}

void Cache::Shrink() {
  const uint64_t goal = bytes_.value() / 8 * 7;
  for (int i = 0; i < kMaxShrunk && bytes_.value() > goal; ++i) {
    if (!EvictOne()) return;
  }
}

bool Cache::Admits(Kind kind, uint64_t key_bytes, uint64_t value_bytes) const {
  return value_bytes <= options_.value_bytes &&
         key_bytes <= (kind == Kind::kValue ? kMaxCachedKeyBytes : kMaxCachedKeyBytesWithoutValue);
}

TimePoint Cache::Sweep(TimePoint now, int budget) {
  return PurgeOld(&budget) && FreeDue(now, &budget) ? NextDeadline() : now;
}

// Returns whether all entries below the floor are freed.
bool Cache::PurgeOld(int* budget) {
  const uint32_t floor = freshness_.floor.load(std::memory_order_acquire);
  if (purged_floor_.load(std::memory_order_relaxed) == floor) return true;
  const bool done = ForStripesInTurn(budget, [this](size_t i) {
    IntrusiveList<Entry> purged = stripes_[i].Purge(kPopsPerLock);
    const bool any = !purged.empty();
    ReleaseAll(std::move(purged));
    return any;
  });
  if (done) purged_floor_.store(floor, std::memory_order_relaxed);
  return done;
}

// Returns whether all entries that are due are freed.
bool Cache::FreeDue(TimePoint now, int* budget) {
  return ForStripesInTurn(budget, [this, now](size_t i) {
    if (next_deadline_[i].load(std::memory_order_relaxed) > now) return false;
    ReleaseAll(stripes_[i].Sweep(now, kPopsPerLock));
    return true;
  });
}

// Calls step(i) for each stripe in turn. Returns true once no stripe has anything to do, or false
// once the budget is spent; then the next call goes on where this one ended.
template <typename Step>
bool Cache::ForStripesInTurn(int* budget, Step step) {
  if (*budget <= 0) return false;
  size_t i = sweep_start_.load(std::memory_order_relaxed);
  for (size_t idle = 0; idle < kStripes; i = (i + 1) % kStripes) {
    if (!step(i)) {
      ++idle;
      continue;
    }
    idle = 0;
    *budget -= kPopsPerLock;
    if (*budget <= 0) {
      sweep_start_.store((i + 1) % kStripes, std::memory_order_relaxed);
      return false;
    }
  }
  return true;
}

TimePoint Cache::NextDeadline() const {
  TimePoint earliest = kNever;
  for (const auto& deadline : next_deadline_)
    earliest = std::min(earliest, deadline.load(std::memory_order_relaxed));
  return earliest;
}

CacheStats Cache::stats() {
  CacheStats sum;
  for (Stripe& stripe : stripes_) {
    const StripeStats part = stripe.stats();
    sum.hits += part.hits;
    sum.misses += part.misses;
    sum.evictions += part.evictions;
    sum.expirations += part.expirations;
  }
  sum.entries = size();
  sum.bytes = bytes();
  return sum;
}

uint64_t Cache::OutsideBytes(uint64_t charge_bytes) const {
  // The two counts may be of slightly different moments.
  const uint64_t inside = bytes_.value() + charge_bytes;
  const uint64_t all = AllChargedBytes();
  return all > inside ? all - inside : 0;
}

uint64_t Cache::Room(uint64_t charge_bytes) const {
  const uint64_t limit = options_.memory_bytes;
  if (limit == 0) return UINT64_MAX;
  return std::max(limit - std::min(OutsideBytes(charge_bytes), limit), limit / kMinShare);
}

bool Cache::MayMake(uint64_t charge_bytes) const {
  const uint64_t limit = options_.memory_bytes;
  if (limit == 0) return true;
  const uint64_t outside = OutsideBytes(0);
  // Room keeps the rest for the cache.
  const uint64_t most = std::max(limit - limit / kMinShare, kMinOutsideBytes);
  return outside == 0 || outside + charge_bytes <= most;
}

bool Cache::Reserve(uint64_t charge_bytes) {
  // A value that is too large for the cache must not empty it in the attempt.
  if (options_.capacity == 0 || charge_bytes > Room(charge_bytes)) return false;
  while (!count_.TryAdd(1, options_.capacity)) {
    if (!EvictOne()) return false;
  }
  for (;;) {
    const uint64_t room = Room(charge_bytes);
    if (bytes_.TryAdd(charge_bytes, room)) return true;
    if (charge_bytes > room || !EvictOne()) break;
  }
  count_.Subtract(1);
  return false;
}

bool Cache::EvictOne() {
  for (int attempt = 0;; ++attempt) {
    size_t oldest = 0;
    TimePoint stamp = kNever;
    for (size_t i = 0; i < kStripes; ++i) {
      const TimePoint use = oldest_use_[i].load(std::memory_order_relaxed);
      if (use < stamp) {
        stamp = use;
        oldest = i;
      }
    }
    // All slots are reserved for inserts that are still under way.
    if (stamp == kNever) return false;
    const EntryRef evicted = stripes_[oldest].EvictTail(attempt < kEvictionTries ? stamp : kNever);
    if (evicted) {
      Release(evicted);
      return true;
    }
  }
}

void Cache::ReleaseAll(IntrusiveList<Entry> entries) {
  while (!entries.empty()) Release(EntryRef::Adopt(entries.PopFront()));
}

void Cache::Release(const EntryRef& entry) {
  count_.Subtract(1);
  bytes_.Subtract(ChargeOf(entry));
}

}  // namespace rp::cache
