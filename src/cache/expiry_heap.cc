#include "cache/expiry_heap.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::cache {
namespace {

constexpr size_t kArity = 4;

}  // namespace

bool ExpiryHeap::Push(Entry* entry, TimePoint bound) {
  RP_DCHECK(entry->heap_index == kNotInHeap);
  if (size_ == chunks_.size() * kChunkItems) {
    ZeroedBlock chunk(kChunkItems * sizeof(Item));
    if (chunk.data() == nullptr) return false;
    chunks_.push_back(std::move(chunk));
  }
  SiftUp(size_++, {bound, entry});
  most_size_ = std::max(most_size_, size_);
  return true;
}

void ExpiryHeap::Erase(Entry* entry) {
  const size_t index = entry->heap_index;
  if (index == kNotInHeap) return;
  RP_DCHECK(index < size_ && At(index).entry == entry);
  entry->heap_index = kNotInHeap;
  const Item last = At(--size_);
  if (index < size_) {
    // The last item comes from another branch: it may belong above the hole as well as below it.
    if (index > 0 && last.bound < At((index - 1) / kArity).bound) {
      SiftUp(index, last);
    } else {
      SiftDown(index, last);
    }
  }
  // One chunk is kept, so that a size that goes up and down at its edge does not allocate.
  if (size_ + 2 * kChunkItems <= chunks_.size() * kChunkItems) chunks_.pop_back();
  if (size_ == 0 && std::exchange(most_size_, 0) > kPageItems) {
    chunks_.front().Release(ZeroedBlock::kPageBytes, kChunkItems * sizeof(Item));
  }
}

void ExpiryHeap::PostponeTop(TimePoint bound) {
  RP_DCHECK(!empty() && bound >= top_bound());
  SiftDown(0, {bound, top()});
}

void ExpiryHeap::SiftUp(size_t index, Item item) {
  while (index > 0) {
    const size_t parent = (index - 1) / kArity;
    if (At(parent).bound <= item.bound) break;
    Set(index, At(parent));
    index = parent;
  }
  Set(index, item);
}

void ExpiryHeap::SiftDown(size_t index, Item item) {
  for (;;) {
    const size_t first = index * kArity + 1;
    if (first >= size_) break;
    const size_t end = std::min(first + kArity, size_);
    size_t least = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (At(child).bound < At(least).bound) least = child;
    }
    if (At(least).bound >= item.bound) break;
    Set(index, At(least));
    index = least;
  }
  Set(index, item);
}

}  // namespace rp::cache
