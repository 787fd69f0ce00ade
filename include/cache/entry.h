// Entry: one cached key with its value, in a single malloc block of header, key bytes and value
// bytes.
//
// The bytes never change, so that a response can be written straight from here while the cache goes
// on. An entry is reference-counted: the cache holds one reference, and every response being
// written one more. Therefore a reader that is slower than the eviction costs no copy.
//
//   MakeEntry --> outside --Finish stores it--> in a stripe
//                    ^                              |
//                    +-- evicted, expired, replaced, invalidated or flushed
//
// A stripe holds one reference to each of its entries, so an entry is freed outside.
//
// Owner: all its references together; the last one frees it. While an entry is in a stripe, its
// links, stamp and heap index belong to the stripe.
// Thread safety: the bytes and the reference count, any thread; all else under the stripe's lock.
// Cost: kEntryHeaderBytes in addition to key and value, and what malloc adds (BlockBytes).
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

// The largest lengths that an Entry can hold.
inline constexpr size_t kMaxKeyBytes = (size_t{1} << 30) - 1;
inline constexpr size_t kMaxValueBytes = 0xffffffff;

// What an entry says about its key. A missing key, or one that is not a string, is cached only if
// the cache learns of a write to it.
enum class Kind : uint32_t { kValue, kMissing, kWrongType };

struct Entry : ListNode<Entry> {  // in the stripe's list by last use
  TimePoint last_use;
  // When the entry ends however often it is used: by its TTL in Redis or -max-age. kNever without
  // either, kTooFar for a TTL that a TimePoint cannot represent.
  TimePoint hard_deadline;
  uint32_t tag;         // the low half of the key's hash: the position in the stripe's table
  uint32_t heap_index;  // kNotInHeap for an entry that cannot expire
  std::atomic<uint32_t> references;
  uint32_t fetched_ticks;  // see AgeSeconds
  uint32_t key_bytes : 30;
  Kind kind : 2;
  uint32_t value_bytes;  // of kWrongType: Redis's error text
  uint32_t epoch;        // see Freshness
  // The key and value bytes begin here and go on after the end of the struct.
  char bytes[4];

  [[nodiscard]] std::string_view key() const { return {data(), key_bytes}; }
  [[nodiscard]] std::string_view value() const { return {data() + key_bytes, value_bytes}; }
  // Returns where the bytes begin.
  [[nodiscard]] const char* data() const;

  // Returns the whole seconds since the GET was sent to Redis, exact to a sixteenth of a second and
  // never too many.
  [[nodiscard]] int64_t AgeSeconds(TimePoint now) const;
};

// EntryRef: a counted reference to an entry, or empty.
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

  // Returns a ref that takes over one reference already counted in `entry`.
  static EntryRef Adopt(Entry* entry) {
    EntryRef reference;
    reference.entry_ = entry;
    return reference;
  }
  // Returns a ref that counts one more reference.
  static EntryRef Share(Entry* entry) {
    EntryRef reference = Adopt(entry);
    reference.Pin();
    return reference;
  }

  explicit operator bool() const { return entry_ != nullptr; }
  Entry* get() const { return entry_; }
  Entry* operator->() const { return entry_; }
  // Gives the reference up without uncounting it, and returns the entry.
  [[nodiscard]] Entry* Release() { return std::exchange(entry_, nullptr); }

 private:
  // Relaxed: a new reference is made from an existing one, which keeps the entry alive.
  void Pin() {
    if (entry_ != nullptr) entry_->references.fetch_add(1, std::memory_order_relaxed);
  }
  void Unpin();

  Entry* entry_ = nullptr;
};

// Makes an entry outside any cache. Returns its only reference, or an empty ref if there is no
// memory. `hash` is the key's; `fetched_at` is when the GET was sent. REQUIRES: the key has at most
// kMaxKeyBytes and the value at most kMaxValueBytes.
[[nodiscard]] EntryRef MakeEntry(uint64_t hash, std::string_view key, std::string_view value,
                                 TimePoint fetched_at, TimePoint hard_deadline,
                                 Kind kind = Kind::kValue);

// Returns what an entry is charged for memory: its block and its share of table and heap.
[[nodiscard]] uint64_t ChargeBytes(uint64_t key_bytes, uint64_t value_bytes);

// Returns the charges of all entries of the process, both in caches and outside, where they are
// being written to clients.
[[nodiscard]] uint64_t AllChargedBytes();

}  // namespace rp::cache
