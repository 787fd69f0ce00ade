#include "server/heap_trimmer.h"

#include <malloc.h>

#include <algorithm>

#include "base/resident.h"

namespace rp::server {

bool HeapTrimmer::OnFreed(uint64_t bytes) {
  return freed_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes >= kMinBytes;
}

void HeapTrimmer::Visit(uint64_t cache_bytes) {
  if (!mutex_.Lock(Blocking::kNo)) return;
  most_cache_bytes_ = std::max(most_cache_bytes_, cache_bytes);
  const uint64_t others = freed_bytes_.load(std::memory_order_relaxed);
  const uint64_t freed_bytes = most_cache_bytes_ - cache_bytes + others;
  if (IsDue(freed_bytes, cache_bytes)) {
    freed_bytes_.fetch_sub(others, std::memory_order_relaxed);
    most_cache_bytes_ = cache_bytes;
    const uint64_t gained_bytes = trim_();
    wanted_bytes_ = gained_bytes < freed_bytes / 4 ? 2 * freed_bytes : 0;
  }
  mutex_.Unlock();
}

// When the cache has become small, a trim is worth trying even if earlier ones have gained little.
bool HeapTrimmer::IsDue(uint64_t freed_bytes, uint64_t cache_bytes) const {
  return freed_bytes >= std::max(kMinBytes, cache_bytes / kMinPart) &&
         (freed_bytes >= wanted_bytes_ || freed_bytes / 4 >= cache_bytes);
}

uint64_t HeapTrimmer::TrimHeap() {
  const uint64_t before = ResidentBytes();
  malloc_trim(0);
  const uint64_t after = ResidentBytes();
  return before > after ? before - after : 0;
}

}  // namespace rp::server
