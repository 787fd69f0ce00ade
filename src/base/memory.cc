#include "base/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <utility>

namespace rp {
namespace {

// The reserve has parts, so that several threads can take from it. A part is small enough to be
// found again in the memory that an eviction frees, and all parts together are more than the small
// blocks of one turn of the reactor.
constexpr size_t kPartBytes = 64 * 1024;
constexpr size_t kParts = 64;

// No fast bins. glibc keeps small freed blocks there until the next request of a kilobyte or more
// has to merge them all: 0.8 s after the expiry of five million entries, under malloc's lock.
constexpr int kMaxFastBytes = 0;

// Of glibc's malloc on 64 bits (malloc.c: request2size, sysmalloc_mmap).
constexpr uint64_t kChunkHeaderBytes = 8;
constexpr uint64_t kChunkAlignment = 16;
constexpr uint64_t kPageBytes = 4096;

constexpr size_t kSmallStackBytes = 1 << 20;

std::array<std::atomic<void*>, kParts> reserve = {};
std::atomic<bool> is_short = false;
thread_local bool may_fail = false;

// The new-handler: operator new tries again when it returns.
void OnNewFailed() {
  if (may_fail) throw std::bad_alloc();
  NoteMemoryIsShort();
  for (std::atomic<void*>& part : reserve) {
    if (void* const block = part.exchange(nullptr, std::memory_order_acq_rel); block != nullptr) {
      std::free(block);
      return;
    }
  }
  throw std::bad_alloc();  // uncaught: the program ends
}

constexpr uint64_t RoundUp(uint64_t bytes, uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// glibc reserves 64 MB of address space for each of many arenas, and 8 MB for each stack. That
// matters only where the address space is limited.
void SaveAddressSpace() {
  mallopt(M_ARENA_MAX, 1);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setstacksize(&attributes, kSmallStackBytes);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

}  // namespace

void SetUpMalloc() {
  // Left alone, glibc raises the limit with every large block that it sees, up to 32 MB, and keeps
  // what large values took.
  mallopt(M_MMAP_THRESHOLD, kMappedBlockBytes);
  mallopt(M_MXFAST, kMaxFastBytes);
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) SaveAddressSpace();
  FillReserve();
  std::set_new_handler(OnNewFailed);
}

uint64_t BlockBytes(uint64_t bytes) {
  const uint64_t chunk_bytes = RoundUp(bytes + kChunkHeaderBytes, kChunkAlignment);
  if (chunk_bytes < kMappedBlockBytes) return chunk_bytes;
  return RoundUp(chunk_bytes + kChunkHeaderBytes, kPageBytes);
}

bool MemoryIsShort() { return is_short.load(std::memory_order_relaxed); }

void NoteMemoryIsShort() { is_short.store(true, std::memory_order_relaxed); }

bool FillReserve() {
  is_short.store(false, std::memory_order_relaxed);
  for (std::atomic<void*>& part : reserve) {
    if (part.load(std::memory_order_relaxed) != nullptr) continue;
    void* const block = std::malloc(kPartBytes);
    void* empty = nullptr;
    if (block == nullptr) {
      NoteMemoryIsShort();
      return false;
    }
    if (!part.compare_exchange_strong(empty, block, std::memory_order_acq_rel)) std::free(block);
  }
  return true;
}

namespace internal {

MayFail::MayFail(bool yes) : before_(std::exchange(may_fail, yes)) {}
MayFail::~MayFail() { may_fail = before_; }

}  // namespace internal

}  // namespace rp
