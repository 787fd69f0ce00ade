// ExpiryHeap: the entries of a stripe, ordered by a lower bound of their deadlines.
//
// An indexed 4-ary min-heap: an entry knows its place, so that an eviction can remove it. A hit
// moves an entry's real deadline but not its bound, which keeps hits O(1); the sweep refreshes a
// bound when it comes to the top. With one common -expire the list by last use would do; the heap
// allows a TTL for every key. The bound is stored in the heap and not in the entry so that sifting
// touches only the entries that move. The items are stored in chunks, as in a deque, so that
// growing and shrinking copies none. An empty heap keeps one page of memory.
//
// Owner: a stripe; the entries are borrowed.
// Thread safety: one thread at a time (the stripe's lock).
// Cost: O(log n) for each change, O(1) for the top; 16 bytes per item. The array of chunks is
// copied when it grows: 16 bytes for each 64 KB.
#pragma once

#include <vector>

#include "cache/entry.h"
#include "cache/zeroed_block.h"

namespace rp::cache {

class ExpiryHeap {
 public:
  // Adds the entry. Returns false, and does nothing, if there is no memory for it. REQUIRES: the
  // entry is in no heap.
  [[nodiscard]] bool Push(Entry* entry, TimePoint bound);
  // Removes the entry. Does nothing for an entry in no heap.
  void Erase(Entry* entry);
  // Gives the top a later bound. REQUIRES: !empty(), and `bound` is not earlier than the top's.
  void PostponeTop(TimePoint bound);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  // Returns the entry with the earliest bound. REQUIRES: !empty().
  [[nodiscard]] Entry* top() const { return At(0).entry; }
  // Returns the earliest bound, or kNever if the heap is empty.
  [[nodiscard]] TimePoint top_bound() const { return empty() ? kNever : At(0).bound; }

 private:
  struct Item {
    TimePoint bound;
    Entry* entry;
  };
  static constexpr size_t kChunkItems = 4096;
  static constexpr size_t kPageItems = ZeroedBlock::kPageBytes / sizeof(Item);

  [[nodiscard]] Item& At(size_t index) const {
    return static_cast<Item*>(chunks_[index / kChunkItems].data())[index % kChunkItems];
  }
  void SiftUp(size_t index, Item item);
  void SiftDown(size_t index, Item item);
  void Set(size_t index, Item item) {
    At(index) = item;
    item.entry->heap_index = static_cast<uint32_t>(index);
  }

  std::vector<ZeroedBlock> chunks_;
  size_t size_ = 0;
  size_t most_size_ = 0;  // since the heap was last empty
};

}  // namespace rp::cache
