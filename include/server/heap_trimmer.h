// HeapTrimmer: when memory that was freed goes back to the kernel.
//
// By itself malloc gives back what is free at the end of a heap, and one small block that lives on
// there keeps all before it. malloc_trim gives back every free page. Meanwhile it locks one of
// malloc's heaps after the other, for whoever allocates or frees there: 3 ms in all for 64 MB that
// were freed in the order in which they were made, but 100 ms where the free blocks are scattered
// and hardly a page is free as a whole. So it is called only when a good part of the cache has
// gone, or much else, and more seldom after it has gained little.
//
// Owned by the server. Thread safety: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/mutex.h"

namespace rp::server {

class HeapTrimmer {
 public:
  // Less is not worth a trim, nor is less than this part of what is still in use.
  static constexpr uint64_t kLeastBytes = uint64_t{4} << 20;
  static constexpr uint64_t kLeastPart = 16;

  // `trim` gives back what it can and returns how many bytes that was.
  explicit HeapTrimmer(std::function<uint64_t()> trim = TrimHeap) : trim_(std::move(trim)) {}

  // So many bytes were freed, beside those of the cache. Returns whether a trim may be due.
  [[nodiscard]] bool OnFreed(uint64_t bytes);

  // Trims if that is due, now that the cache has entries of `cache_bytes`. Waits for nobody who is
  // here already.
  void Visit(uint64_t cache_bytes) RP_EXCLUDES(mutex_);

 private:
  // malloc_trim, and what it gained as the kernel counts.
  static uint64_t TrimHeap();
  [[nodiscard]] bool IsDue(uint64_t freed_bytes, uint64_t cache_bytes) const RP_REQUIRES(mutex_);

  const std::function<uint64_t()> trim_;
  std::atomic<uint64_t> freed_bytes_ = 0;  // since the last trim, beside the cache's
  Mutex mutex_;
  uint64_t most_cache_bytes_ RP_GUARDED_BY(mutex_) = 0;  // since the last trim
  uint64_t wanted_bytes_ RP_GUARDED_BY(mutex_) = 0;      // so much is to be freed before the next
};

}  // namespace rp::server
