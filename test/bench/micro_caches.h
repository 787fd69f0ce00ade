// The two caches of the contest behind one face: this program's, used as its proxy uses it, and the
// one that a good programmer writes first: std::unordered_map, std::list and one mutex.
//
// The naive one is favoured where that keeps it simple: it has no single flight, an unkeyed hash
// with which colliding keys can be made at will, and no heap. What it lacks in the heap it pays in
// the sweep, which looks at everything, under the lock.
//
// Thread safety: any thread. Cost: one reading of the clock and one hash per operation in both.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/siphash.h"
#include "base/time.h"
#include "cache/cache.h"
#include "test/bench/micro_keys.h"

namespace rp::bench {

inline constexpr Duration kExpire = std::chrono::hours(1);

inline TimePoint HardDeadline(const Key& key, TimePoint now) {
  return key.ttl_minutes == 0 ? kNever : now + std::chrono::minutes(key.ttl_minutes);
}

class OurCache {
 public:
  explicit OurCache(uint64_t capacity) : cache_({.capacity = capacity, .expire = kExpire}) {}

  // Bytes of the value, 0 for a miss.
  size_t Get(const Key& key) { return GetAt(key, Now()); }
  size_t GetAt(const Key& key, TimePoint now) {
    const cache::EntryRef entry = cache_.Get(hasher_(key.text()), key.text(), now);
    return entry ? entry->value_bytes : 0;
  }

  // All that a miss costs but the fetch: looking, starting a flight, making and storing the entry.
  void Miss(const Key& key, std::string_view value) {
    const TimePoint now = Now();
    const uint64_t hash = hasher_(key.text());
    RP_CHECK(!cache_.Get(hash, key.text(), now));
    auto flight = std::make_unique<Flight>();
    flight->hash = hash;
    flight->key_bytes = key.text();
    flight->deadline = &flight->fetch_deadline;
    cache::Waiter waiter;
    cache::EntryRef hit;
    RP_CHECK(cache_.JoinOrStart(flight.get(), &waiter, now, now, &hit) ==
             cache::LookupResult::kStarted);
    cache::EntryRef entry = cache::MakeEntry(hash, key.text(), value, now, HardDeadline(key, now));
    RP_CHECK(cache_.Finish(flight.get(), entry, now, now).waiters.front() == &waiter);
  }

  void Sweep(TimePoint now) {
    while (cache_.Sweep(now, kSweepBudget) == now) {
    }
  }

  uint64_t entries() { return cache_.stats().entries; }

 private:
  static constexpr int kSweepBudget = 2048;

  struct Flight : cache::Flight {
    std::atomic<TimePoint> fetch_deadline = TimePoint();
  };

  // The same in every run, so that two fills do the same work in the same order.
  static constexpr std::array<uint64_t, 2> kSecret = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

  const Hasher hasher_{kSecret};
  cache::Cache cache_;
};

class NaiveCache {
 public:
  explicit NaiveCache(uint64_t capacity) : capacity_(capacity) {}

  size_t Get(const Key& key) { return GetAt(key, Now()); }
  size_t GetAt(const Key& key, TimePoint now) {
    const std::shared_ptr<const std::string> value = Find(key.text(), now);
    return value ? value->size() : 0;
  }

  void Miss(const Key& key, std::string_view value) {
    const TimePoint now = Now();
    RP_CHECK(!Find(key.text(), now));
    const auto shared = std::make_shared<const std::string>(value);
    MutexLock lock(&mutex_);
    if (items_.size() == capacity_) Erase(std::prev(items_.end()));
    items_.push_front({std::string(key.text()), shared, now, HardDeadline(key, now)});
    index_.emplace(items_.front().key, items_.begin());
  }

  void Sweep(TimePoint now) {
    MutexLock lock(&mutex_);
    for (auto item = items_.begin(); item != items_.end();) {
      const auto next = std::next(item);
      if (Ends(*item) <= now) Erase(item);
      item = next;
    }
  }

  uint64_t entries() {
    MutexLock lock(&mutex_);
    return items_.size();
  }

 private:
  struct Item {
    std::string key;
    std::shared_ptr<const std::string> value;
    TimePoint last_use;
    TimePoint hard_deadline;
  };

  static TimePoint Ends(const Item& item) {
    return std::min(item.last_use + kExpire, item.hard_deadline);
  }

  std::shared_ptr<const std::string> Find(std::string_view key, TimePoint now) {
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    const auto item = found->second;
    if (Ends(*item) <= now) {
      Erase(item);
      return nullptr;
    }
    item->last_use = now;
    items_.splice(items_.begin(), items_, item);
    return item->value;
  }

  void Erase(std::list<Item>::iterator item) RP_REQUIRES(mutex_) {
    index_.erase(item->key);
    items_.erase(item);
  }

  const uint64_t capacity_;
  Mutex mutex_;
  std::list<Item> items_ RP_GUARDED_BY(mutex_);  // the one used last is first
  std::unordered_map<std::string_view, std::list<Item>::iterator> index_ RP_GUARDED_BY(mutex_);
};

}  // namespace rp::bench
