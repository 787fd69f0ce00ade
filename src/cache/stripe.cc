#include "cache/stripe.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::cache {

void Stripe::Init(Published published, const StripeOptions& options, const Freshness* freshness) {
  MutexLock lock(&mutex_);
  published_ = published;
  options_ = options;
  freshness_ = freshness;
  PublishTail();
  PublishDeadline();
}

EntryRef Stripe::Get(uint32_t tag, std::string_view key, TimePoint now, Blocking blocking,
                     EntryRef* expired) {
  if (!mutex_.Lock(blocking)) return {};
  EntryRef entry = Use(tag, key, now, expired);
  // A miss is counted when it joins or starts a flight.
  if (entry) ++stats_.hits;
  mutex_.Unlock();
  return entry;
}

LookupResult Stripe::JoinOrStart(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                 TimePoint now, Blocking blocking, EntryRef* hit,
                                 EntryRef* expired) {
  if (!mutex_.Lock(blocking)) return LookupResult::kBusy;
  const LookupResult result = JoinOrStartLocked(candidate, waiter, deadline, now, hit, expired);
  mutex_.Unlock();
  return result;
}

LookupResult Stripe::JoinOrStartLocked(Flight* candidate, Waiter* waiter, TimePoint deadline,
                                       TimePoint now, EntryRef* hit, EntryRef* expired) {
  *hit = Use(candidate->tag, candidate->key(), now, expired);
  if (*hit) {
    ++stats_.hits;
    return LookupResult::kHit;
  }
  ++stats_.misses;
  Flight* flight = flights_.Find(candidate->tag, candidate->key());
  // A flush or a loss detaches a flight as an invalidation does: a later caller gets an answer that
  // was fetched later.
  if (flight != nullptr && flight->epoch != freshness_->epoch.load(std::memory_order_acquire)) {
    flights_.Erase(flight);
    flight = nullptr;
  }
  const LookupResult result = flight != nullptr ? LookupResult::kJoined : LookupResult::kStarted;
  if (flight == nullptr) {
    flight = candidate;
    flight->storable = flight->storable && freshness_->Trusted(now);
    flight->epoch = freshness_->epoch.load(std::memory_order_acquire);
    // Without memory for its place the flight is detached: no waiter joins it, and its result is
    // not stored.
    static_cast<void>(flights_.Insert(flight));
  }
  waiter->flight = flight;
  flight->waiters.PushFront(waiter);
  // Relaxed: only holders of this lock write it, and a fetcher that reads it without the lock may
  // see either value.
  if (flight->deadline->load(std::memory_order_relaxed) < deadline) {
    flight->deadline->store(deadline, std::memory_order_relaxed);
  }
  return result;
}

EntryRef Stripe::Supersede(const Flight* flight, TimePoint now) {
  MutexLock lock(&mutex_);
  Flight* attached = flights_.Find(flight->tag, flight->key());
  if (attached != nullptr && attached != flight) {
    attached->not_before = std::max(attached->not_before, now);
  }
  Entry* present = entries_.Find(flight->tag, flight->key());
  return present == nullptr ? EntryRef() : Remove(present);
}

Stripe::Finished Stripe::Finish(Flight* flight, EntryRef* entry, TimePoint now, TimePoint sent_at) {
  MutexLock lock(&mutex_);
  const bool is_too_old = sent_at < flight->not_before;
  Finished finished{is_too_old, is_too_old ? WaiterList() : TakeWaiters(flight), kNever, {}};
  if (is_too_old) return finished;
  // No invalidation would reach a flight that is detached for want of memory.
  const bool attached = flights_.Erase(flight);
  if (*entry && attached && flight->storable &&
      flight->epoch == freshness_->epoch.load(std::memory_order_acquire)) {
    Entry* present = entries_.Find(flight->tag, flight->key());
    if (present != nullptr) finished.replaced = Remove(present);
    (*entry)->epoch = flight->epoch;
    // From here on the stripe holds the reference.
    if (Insert(entry->get(), now, &finished.deadline)) static_cast<void>(entry->Release());
  }
  return finished;
}

bool Stripe::Leave(Waiter* waiter) {
  MutexLock lock(&mutex_);
  if (waiter->flight == nullptr) return false;
  waiter->Unlink();
  waiter->flight = nullptr;
  return true;
}

bool Stripe::TryAbandon(Flight* flight, TimePoint now, WaiterList* waiters) {
  MutexLock lock(&mutex_);
  if (flight->deadline->load(std::memory_order_relaxed) > now) return false;
  flights_.Erase(flight);
  WaiterList taken = TakeWaiters(flight);
  waiters->Append(&taken);
  return true;
}

bool Stripe::IsCurrent(const Flight* flight, TimePoint now) {
  MutexLock lock(&mutex_);
  return flights_.Find(flight->tag, flight->key()) == flight && freshness_->Trusted(now) &&
         flight->epoch == freshness_->epoch.load(std::memory_order_acquire);
}

bool Stripe::Serves(const EntryRef& entry, TimePoint now) {
  MutexLock lock(&mutex_);
  return entries_.Find(entry->tag, entry->key()) == entry.get() && IsLive(entry.get(), now);
}

EntryRef Stripe::GetStale(uint32_t tag, std::string_view key, TimePoint now) {
  MutexLock lock(&mutex_);
  Entry* entry = entries_.Find(tag, key);
  if (entry == nullptr || entry->kind != Kind::kValue || KeptUntil(entry) <= now ||
      entry->epoch < freshness_->floor.load(std::memory_order_acquire)) {
    return {};
  }
  if (entry->epoch != freshness_->epoch.load(std::memory_order_acquire) ||
      !freshness_->Trusted(now)) {
    // Between the end of a lease and EndEpoch, the end of the lease counts.
    const TimePoint lost_at = freshness_->lost_at.load(std::memory_order_acquire);
    const TimePoint ended =
        lost_at != kNever ? lost_at : freshness_->lease.load(std::memory_order_acquire);
    if (ended == TimePoint::min() || DeadlineAfter(ended, options_.stale) <= now) return {};
  }
  return EntryRef::Share(entry);
}

EntryRef Stripe::EvictTail(TimePoint stamp) {
  MutexLock lock(&mutex_);
  if (by_use_.empty() || by_use_.back()->last_use > stamp) return {};
  ++stats_.evictions;
  return Remove(by_use_.back());
}

IntrusiveList<Entry> Stripe::Sweep(TimePoint now, int budget) {
  MutexLock lock(&mutex_);
  IntrusiveList<Entry> ended;
  for (; budget > 0 && !heap_.empty() && heap_.top_bound() <= now; --budget) {
    Entry* entry = heap_.top();
    const TimePoint deadline = KeptUntil(entry);
    if (deadline > now) {
      heap_.PostponeTop(deadline);
      continue;
    }
    ++stats_.expirations;
    ended.PushFront(Remove(entry).Release());
  }
  PublishDeadline();
  return ended;
}

IntrusiveList<Entry> Stripe::Purge(int budget) {
  MutexLock lock(&mutex_);
  // Entries are used and inserted only in the current epoch, so those of older ones are last.
  const uint32_t floor = freshness_->floor.load(std::memory_order_acquire);
  IntrusiveList<Entry> purged;
  for (; budget > 0 && !by_use_.empty() && by_use_.back()->epoch < floor; --budget) {
    purged.PushFront(Remove(by_use_.back()).Release());
  }
  return purged;
}

EntryRef Stripe::Erase(uint32_t tag, std::string_view key) {
  MutexLock lock(&mutex_);
  Flight* flight = flights_.Find(tag, key);
  if (flight != nullptr) {
    flight->storable = false;
    flights_.Erase(flight);
  }
  Entry* entry = entries_.Find(tag, key);
  return entry == nullptr ? EntryRef() : Remove(entry);
}

StripeStats Stripe::stats() {
  MutexLock lock(&mutex_);
  return stats_;
}

TimePoint Stripe::FreshUntil(const Entry* entry) const {
  if (options_.expire == Duration::zero()) return entry->hard_deadline;
  return std::min(entry->hard_deadline, DeadlineAfter(entry->last_use, options_.expire));
}

TimePoint Stripe::KeptUntil(const Entry* entry) const {
  if (options_.expire == Duration::zero()) return entry->hard_deadline;
  const TimePoint ended = DeadlineAfter(entry->last_use, options_.expire);
  return std::min(entry->hard_deadline, DeadlineAfter(ended, options_.stale));
}

bool Stripe::IsLive(const Entry* entry, TimePoint now) const {
  return FreshUntil(entry) > now && freshness_->Trusted(now) &&
         entry->epoch == freshness_->epoch.load(std::memory_order_acquire);
}

EntryRef Stripe::Use(uint32_t tag, std::string_view key, TimePoint now, EntryRef* expired) {
  MoveUsed();
  Entry* entry = entries_.Find(tag, key);
  if (entry == nullptr) return {};
  if (KeptUntil(entry) <= now) {
    ++stats_.expirations;
    *expired = Remove(entry);
    return {};
  }
  if (!IsLive(entry, now)) return {};
  entry->last_use = std::max(now, by_use_.front()->last_use);
  used_ = entry;
  if (entry == by_use_.back()) {
    MoveUsed();
  } else {
    entry->PrefetchNeighbours();
  }
  return EntryRef::Share(entry);
}

void Stripe::MoveUsed() {
  Entry* entry = std::exchange(used_, nullptr);
  if (entry == nullptr) return;
  const bool was_last = entry == by_use_.back();
  // If it is the first already, its neighbour need not be written to.
  if (entry != by_use_.front()) by_use_.MoveToFront(entry);
  if (was_last) PublishTail();
}

WaiterList Stripe::TakeWaiters(Flight* flight) {
  for (Waiter& waiter : flight->waiters) waiter.flight = nullptr;
  return std::move(flight->waiters);
}

bool Stripe::Insert(Entry* entry, TimePoint now, TimePoint* deadline) {
  MoveUsed();
  const bool is_first = by_use_.empty();
  entry->last_use = is_first ? now : std::max(now, by_use_.front()->last_use);
  const TimePoint kept_until = KeptUntil(entry);
  if (!entries_.Insert(entry)) return false;
  if (kept_until != kNever) {
    if (!heap_.Push(entry, kept_until)) {
      RP_CHECK(entries_.Erase(entry));
      return false;
    }
    if (heap_.top() == entry) PublishDeadline();
  }
  by_use_.PushFront(entry);
  if (is_first) PublishTail();
  *deadline = kept_until;
  return true;
}

EntryRef Stripe::Remove(Entry* entry) {
  MoveUsed();
  RP_CHECK(entries_.Erase(entry));
  const bool was_last = entry == by_use_.back();
  entry->Unlink();
  if (was_last) PublishTail();
  heap_.Erase(entry);
  PublishDeadline();
  return EntryRef::Adopt(entry);
}

// Relaxed: a reader checks again under the lock before it acts.
void Stripe::PublishTail() {
  published_.oldest_use->store(by_use_.empty() ? kNever : by_use_.back()->last_use,
                               std::memory_order_relaxed);
}

void Stripe::PublishDeadline() {
  const TimePoint bound = heap_.top_bound();
  if (published_.next_deadline->load(std::memory_order_relaxed) != bound) {
    published_.next_deadline->store(bound, std::memory_order_relaxed);
  }
}

}  // namespace rp::cache
