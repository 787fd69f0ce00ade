// One cached key with its value: a single malloc block of header, key bytes and value bytes.
//
// The bytes never change once created, so that a response can write them straight from here while
// the cache goes on. An entry is counted: the cache holds one reference, every response being
// written one more; whoever drops the last frees it, which is why a reader that is slower than the
// eviction costs no copy. The link, stamp and heap fields belong to the stripe that holds the entry
// and are touched only under its lock.
//
// Thread safety: the bytes and the reference count, any thread; the rest, under the stripe's lock.
// Cost: kEntryHeaderBytes over key and value, and what malloc adds (BlockBytes).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/intrusive_list.h"
#include "base/time.h"

namespace rp::cache {

inline constexpr uint32_t kNotInHeap = 0xffffffff;

// What an Entry has room to say of its lengths.
inline constexpr size_t kMaxKeyBytes = (size_t{1} << 30) - 1;
inline constexpr size_t kMaxValueBytes = 0xffffffff;

// What an entry says of its key. That a key is missing or not a string is cached only where a write
// to it is noticed.
enum class Kind : uint32_t { kValue, kMissing, kWrongType };

struct Entry : ListNode<Entry> {  // in the stripe's list by last use
  TimePoint last_use;
  // When the entry ends however often it is used: its TTL in Redis, -max-age. kNever for neither,
  // kTooFar for a TTL that no TimePoint holds.
  TimePoint hard_deadline;
  uint32_t tag;         // the low half of the key's hash: the position in the stripe's table
  uint32_t heap_index;  // kNotInHeap for an entry that cannot expire
  std::atomic<uint32_t> references;
  uint32_t fetched_ticks;  // see AgeSeconds
  uint32_t key_bytes : 30;
  Kind kind : 2;
  uint32_t value_bytes;  // of kWrongType: Redis's error text
  uint32_t epoch;        // see Freshness
  // Key and value bytes follow from here on, over the end of the struct.
  char bytes[4];

  [[nodiscard]] std::string_view key() const { return {data(), key_bytes}; }
  [[nodiscard]] std::string_view value() const { return {data() + key_bytes, value_bytes}; }
  [[nodiscard]] const char* data() const;

  // Whole seconds since Redis was asked for the value, to a sixteenth of a second and never too
  // many.
  [[nodiscard]] int64_t AgeSeconds(TimePoint now) const;
};

// A counted reference to an entry, or none.
class EntryRef {
 public:
  EntryRef() = default;
  EntryRef(EntryRef&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  EntryRef(const EntryRef& other) : entry_(other.entry_) { Pin(); }
  EntryRef& operator=(EntryRef other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~EntryRef() { Unpin(); }

  // Takes over a reference that `entry` already counts.
  static EntryRef Adopt(Entry* entry) {
    EntryRef reference;
    reference.entry_ = entry;
    return reference;
  }
  // Counts one more reference.
  static EntryRef Share(Entry* entry) {
    EntryRef reference = Adopt(entry);
    reference.Pin();
    return reference;
  }

  explicit operator bool() const { return entry_ != nullptr; }
  Entry* get() const { return entry_; }
  Entry* operator->() const { return entry_; }
  [[nodiscard]] Entry* Release() { return std::exchange(entry_, nullptr); }

 private:
  // A new reference is made from one that exists, which keeps the entry alive: no order is needed.
  void Pin() {
    if (entry_ != nullptr) entry_->references.fetch_add(1, std::memory_order_relaxed);
  }
  void Unpin();

  Entry* entry_ = nullptr;
};

// An entry outside any cache with one reference, or none when memory is short. `hash` is the key's;
// `fetched_at` is when Redis was asked. REQUIRES: no more than kMaxKeyBytes, kMaxValueBytes.
[[nodiscard]] EntryRef MakeEntry(uint64_t hash, std::string_view key, std::string_view value,
                                 TimePoint fetched_at, TimePoint hard_deadline,
                                 Kind kind = Kind::kValue);

// What an entry costs in memory: its block and its share of table and heap.
[[nodiscard]] uint64_t ChargeBytes(uint64_t key_bytes, uint64_t value_bytes);

// The charges of all entries of the process, those in caches and those that are still being written
// to clients.
[[nodiscard]] uint64_t AllChargedBytes();

}  // namespace rp::cache
