#include "cache/expiry_heap.h"

#include <algorithm>

#include "base/check.h"

namespace rp::cache {
namespace {

constexpr size_t kArity = 4;

}  // namespace

void ExpiryHeap::Push(Entry* entry, TimePoint bound) {
  RP_DCHECK(entry->heap_index == kNotInHeap);
  items_.push_back({});
  SiftUp(items_.size() - 1, {bound, entry});
}

void ExpiryHeap::Erase(Entry* entry) {
  const size_t index = entry->heap_index;
  if (index == kNotInHeap) return;
  RP_DCHECK(index < items_.size() && items_[index].entry == entry);
  entry->heap_index = kNotInHeap;
  const Item last = items_.back();
  items_.pop_back();
  if (index < items_.size()) {
    // The last item comes from another branch: it may belong above the hole as well as below it.
    if (index > 0 && last.bound < items_[(index - 1) / kArity].bound) {
      SiftUp(index, last);
    } else {
      SiftDown(index, last);
    }
  }
  // Half of what a burst took goes back when three quarters are unused.
  if (items_.capacity() > 64 && items_.size() < items_.capacity() / 4) {
    std::vector<Item> smaller;
    smaller.reserve(items_.capacity() / 2);
    smaller.assign(items_.begin(), items_.end());
    items_.swap(smaller);
  }
}

void ExpiryHeap::PostponeTop(TimePoint bound) {
  RP_DCHECK(!items_.empty() && bound >= items_.front().bound);
  SiftDown(0, {bound, items_.front().entry});
}

void ExpiryHeap::SiftUp(size_t index, Item item) {
  while (index > 0) {
    const size_t parent = (index - 1) / kArity;
    if (items_[parent].bound <= item.bound) break;
    Set(index, items_[parent]);
    index = parent;
  }
  Set(index, item);
}

void ExpiryHeap::SiftDown(size_t index, Item item) {
  for (;;) {
    const size_t first = index * kArity + 1;
    if (first >= items_.size()) break;
    const size_t end = std::min(first + kArity, items_.size());
    size_t least = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (items_[child].bound < items_[least].bound) least = child;
    }
    if (items_[least].bound >= item.bound) break;
    Set(index, items_[least]);
    index = least;
  }
  Set(index, item);
}

}  // namespace rp::cache
