// HeapTrimmer: decides when memory that was freed goes back to the kernel.
//
// malloc by itself returns only the free end of a heap, and one small live block there keeps all
// memory before it. malloc_trim returns every free page, but it locks malloc's heaps one after the
// other, and threads that allocate meanwhile wait: 3 ms in all for 64 MB that were freed in the
// order of their allocation, 100 ms where free blocks are scattered and hardly a page is free as a
// whole. So it is called only when a large part of the cache was freed, or much other memory, and
// more rarely after a call that gained little.
//
// Owner: the Sweeper. Thread safety: any thread. Cost: one atomic addition or a try-lock, and that
// of malloc_trim when it is due.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/mutex.h"

namespace rp::server {

class HeapTrimmer {
 public:
  // A trim is due once kMinBytes were freed, and at least 1/kMinPart of what is still in use.
  static constexpr uint64_t kMinBytes = uint64_t{4} << 20;
  static constexpr uint64_t kMinPart = 16;

  // `trim` gives memory back to the kernel and returns how many bytes.
  explicit HeapTrimmer(std::function<uint64_t()> trim = TrimHeap) : trim_(std::move(trim)) {}

  // Notes that `bytes` were freed, beside those of the cache. Returns whether a trim may be due.
  [[nodiscard]] bool OnFreed(uint64_t bytes);

  // Trims if that is due, now that the cache has entries of `cache_bytes`. Returns at once if
  // another thread is in this function.
  void Visit(uint64_t cache_bytes) RP_EXCLUDES(mutex_);

 private:
  // Calls malloc_trim. Returns by how many bytes the resident memory shrank.
  static uint64_t TrimHeap();
  [[nodiscard]] bool IsDue(uint64_t freed_bytes, uint64_t cache_bytes) const RP_REQUIRES(mutex_);

  const std::function<uint64_t()> trim_;
  std::atomic<uint64_t> freed_bytes_ = 0;  // since the last trim, beside the cache's
  Mutex mutex_;
  uint64_t most_cache_bytes_ RP_GUARDED_BY(mutex_) = 0;  // since the last trim
  uint64_t wanted_bytes_ RP_GUARDED_BY(mutex_) = 0;      // to be freed before the next trim
};

}  // namespace rp::server
