// malloc as this program needs it, and what happens when memory runs out: a request fails or a
// value is not cached, and the program goes on. Hides the new-handler and a reserve.
//
// * Memory whose size a client or Redis decides (values, commands, replies, tables) is allocated by
//   TryAllocate, or by malloc and mmap with a check of the result. A failure is returned to the
//   caller (ErrorCode::kNoMemory).
// * All other memory is small: requests, flights, nodes of containers. It comes from operator new,
//   which frees a part of the reserve instead of failing.
// Both set MemoryIsShort(). The reactor sees it at the end of its turn and lets the cache evict,
// until the reserve can be filled again. So a lack of memory ends the program only if it needs more
// small blocks between two turns than the reserve holds, or if nothing is left to evict.
//
// Where the kernel promises more memory than it has and kills processes instead of refusing, which
// is Linux's default, none of this happens: that is what the default of -max-memory is for.
//
// Owner: nobody; the reserve belongs to the program.
// Thread safety: any thread; SetUpMalloc once, before there are other threads.
// Cost: TryAllocate costs two accesses to a thread-local variable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

namespace rp {

// Sets malloc up, fills the reserve and makes operator new use it. With a limited address space
// (RLIMIT_AS), also reduces the share of it that glibc takes for each thread.
void SetUpMalloc();

// From this size on, a block is mapped by itself, in whole pages, and goes back to the kernel as
// soon as it is freed.
inline constexpr uint64_t kMappedBlockBytes = 256 * 1024;

// Returns how many bytes malloc takes for a request of `bytes`, with its header and rounding.
[[nodiscard]] uint64_t BlockBytes(uint64_t bytes);

// Returns whether an allocation has failed, or has taken from the reserve, since FillReserve last
// succeeded.
[[nodiscard]] bool MemoryIsShort();
// Makes MemoryIsShort return true. For allocations that do not use TryAllocate.
void NoteMemoryIsShort();

// Fills the reserve. Returns false if there is not enough memory for it.
bool FillReserve();

// A part of the reserve has room for a block of this size, even if its size doubles.
inline constexpr size_t kSmallBytes = 16 * 1024;

// Returns the bytes that `text` has from malloc.
inline size_t AllocatedBytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() : 0;
}

namespace internal {

// While a MayFail(true) exists, operator new fails in this thread without touching the reserve.
class MayFail {
 public:
  explicit MayFail(bool yes);
  ~MayFail();
  MayFail(const MayFail&) = delete;
  MayFail& operator=(const MayFail&) = delete;

 private:
  const bool before_;
};

}  // namespace internal

// Calls `allocate`, which makes a string or a container larger. Returns false if there is no memory
// for that. `bytes` is the expected size: up to kSmallBytes, the allocation may use the reserve.
template <typename Function>
[[nodiscard]] bool TryAllocate(size_t bytes, Function allocate) {
  const internal::MayFail may_fail(bytes > kSmallBytes);
  try {
    allocate();
    return true;
  } catch (const std::bad_alloc&) {
    NoteMemoryIsShort();
    return false;
  }
}

// The same for an unknown size, which never uses the reserve.
template <typename Function>
[[nodiscard]] bool TryAllocate(Function allocate) {
  return TryAllocate(SIZE_MAX, allocate);
}

}  // namespace rp
