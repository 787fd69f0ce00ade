// ZeroedBlock: zeroed memory for tables and heaps. From one page up, the kernel provides it
// directly.
//
// malloc has no bound on its time: a request that none of its lists for small sizes can satisfy
// first consolidates all chunks in the fast bins and sorts up to 10,000 more free chunks (glibc's
// malloc.c, malloc_consolidate and MAX_ITERS), even if it then maps pages. After the expiry of
// millions of entries that took 30 ms, under a stripe's lock. The kernel zeroes a page when it is
// first touched, so a large block costs nothing at first.
//
// Owner: the table or heap that uses it; it can be moved.
// Thread safety: one thread at a time.
// Cost: making one, a few microseconds; freeing, 0.3 us for each page that was touched.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <utility>

#include "base/memory.h"

namespace rp::cache {

class ZeroedBlock {
 public:
  static constexpr size_t kPageBytes = 4096;

  ZeroedBlock() = default;
  // Makes a block of `bytes`; from one page up it is mapped. Holds nothing if there is no memory.
  // REQUIRES: bytes > 0.
  explicit ZeroedBlock(size_t bytes) : bytes_(bytes) {
    data_ = bytes < kPageBytes
                ? std::calloc(1, bytes)
                : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) data_ = nullptr;
    if (data_ == nullptr) NoteMemoryIsShort();
  }
  ZeroedBlock(ZeroedBlock&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  ZeroedBlock& operator=(ZeroedBlock other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ZeroedBlock() {
    if (data_ == nullptr) return;
    if (bytes_ < kPageBytes) {
      std::free(data_);
    } else {
      munmap(data_, bytes_);
    }
  }

  // Gives the whole pages between two bytes back to the kernel; they read as zeros again. REQUIRES:
  // the block is mapped.
  void Release(size_t begin, size_t end) {
    begin = (begin + kPageBytes - 1) / kPageBytes * kPageBytes;
    end = end / kPageBytes * kPageBytes;
    if (begin < end) madvise(static_cast<char*>(data_) + begin, end - begin, MADV_DONTNEED);
  }

  // Returns the memory, or null for a block that holds nothing.
  [[nodiscard]] void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace rp::cache
