// ExpiryHeap: the entries of a stripe by a lower bound of their deadlines.
//
// An indexed 4-ary min-heap: an entry knows its place, so that an eviction can take it out. A hit
// moves an entry's real deadline but not its bound, which keeps hits O(1); the sweep refreshes a
// bound when it comes to the top. With one common -expire the list by last use would do; the heap
// is what makes a TTL for every key work. The bound lies in the heap and not in the entry so that
// sifting touches no entry but the ones that move.
//
// Thread safety: one thread at a time (the stripe's lock). Cost: O(log n) for each change, O(1) for
// the top.
#pragma once

#include <vector>

#include "cache/entry.h"

namespace rp::cache {

class ExpiryHeap {
 public:
  // REQUIRES: the entry is not in a heap.
  void Push(Entry* entry, TimePoint bound);
  // Does nothing for an entry that is not in a heap.
  void Erase(Entry* entry);
  // Gives the top a later bound. REQUIRES: !empty(), bound not before the top's.
  void PostponeTop(TimePoint bound);

  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t size() const { return items_.size(); }
  // REQUIRES: !empty().
  [[nodiscard]] Entry* top() const { return items_.front().entry; }
  // kNever when empty.
  [[nodiscard]] TimePoint top_bound() const {
    return items_.empty() ? kNever : items_.front().bound;
  }

 private:
  struct Item {
    TimePoint bound;
    Entry* entry;
  };

  void SiftUp(size_t index, Item item);
  void SiftDown(size_t index, Item item);
  void Set(size_t index, Item item) {
    items_[index] = item;
    item.entry->heap_index = static_cast<uint32_t>(index);
  }

  std::vector<Item> items_;
};

}  // namespace rp::cache
