// Flights and stores for tests of the cache: the steps of the proxy around a miss, without Redis.
//
// Owner: the test.
// Thread safety: that of the cache.
// Cost: that of the cache.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/siphash.h"
#include "cache/cache.h"

namespace rp::cache {

inline TimePoint At(int64_t ns) { return TimePoint(Duration(ns)); }

// The same in every run.
inline const Hasher& TestHasher() {
  static const Hasher hasher({0x0706050403020100, 0x0f0e0d0c0b0a0908});
  return hasher;
}

inline uint64_t HashOf(std::string_view key) { return TestHasher()(key); }

// A flight with the deadline that the fetchers would keep.
struct TestFlight : Flight {
  explicit TestFlight(std::string_view key, TimePoint until = TimePoint()) : fetch_deadline(until) {
    hash = HashOf(key);
    tag = static_cast<uint32_t>(hash);
    key_bytes = key;
    deadline = &fetch_deadline;
  }

  std::atomic<TimePoint> fetch_deadline;
};

// An entry for a store.
inline EntryRef EntryFor(std::string_view key, std::string_view value,
                         TimePoint hard_deadline = kNever) {
  return MakeEntry(HashOf(key), key, value, TimePoint(), hard_deadline);
}

// Misses and stores the key; returns what Finish says of the entry's deadline. REQUIRES: the key is
// not in the cache.
inline TimePoint Put(Cache* cache, std::string_view key, std::string_view value, TimePoint now,
                     TimePoint hard_deadline = kNever) {
  TestFlight flight(key);
  Waiter waiter;
  EntryRef hit;
  RP_CHECK(cache->JoinOrStart(&flight, &waiter, now, now, &hit) == LookupResult::kStarted);
  const auto finished = cache->Finish(&flight, EntryFor(key, value, hard_deadline), now);
  RP_CHECK(finished.waiters.front() == &waiter);
  return finished.deadline;
}

inline EntryRef Get(Cache* cache, std::string_view key, TimePoint now) {
  return cache->Get(HashOf(key), key, now);
}

}  // namespace rp::cache
