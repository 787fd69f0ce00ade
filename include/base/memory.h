// malloc as this program wants it, and what happens when memory runs out: a request fails or a
// value is not cached, and the program goes on. Hides the new-handler and a reserve.
//
// * What a client or Redis can make large (values, commands, replies, tables) is allocated by
//   TryAllocate, or by malloc and mmap with a look at what they return. When that fails, who asked
//   is told (ErrorCode::kNoMemory).
// * The rest is small: requests, flights, nodes of containers. It comes from operator new, which
//   gives up a part of the reserve for it instead of failing.
// Both leave MemoryIsShort() behind. The reactor sees it at the end of its turn and has the cache
// evict, until the reserve can be filled again. So the program ends for want of memory only if more
// small blocks are wanted between two turns than the reserve has room for, or if there is nothing
// left to evict.
//
// Where the kernel promises more than it has and kills instead of refusing, as Linux does unless
// told otherwise, nothing of this takes place: that is what the default of -max-memory is for.
//
// Thread safety: any thread; SetUpMalloc once, before there are others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace rp {

// Sets malloc up, fills the reserve and makes operator new use it. Where the address space is
// limited (RLIMIT_AS), what glibc takes of it for each thread is made small.
void SetUpMalloc();

// From this size on a block is mapped by itself, in whole pages, and is the kernel's again as soon
// as it is freed.
inline constexpr uint64_t kMappedBlockBytes = 256 * 1024;

// What malloc takes for a request of so many bytes: its header and rounding.
[[nodiscard]] uint64_t BlockBytes(uint64_t bytes);

// Whether an allocation has failed, or has taken from the reserve, since FillReserve last
// succeeded.
[[nodiscard]] bool MemoryIsShort();
void NoteMemoryIsShort();

// Fills the reserve; false if that takes more memory than there is.
bool FillReserve();

// What a part of the reserve has room for, even if it is doubled.
inline constexpr size_t kSmallBytes = 16 * 1024;

namespace internal {

// While one exists, operator new fails in this thread without touching the reserve, if `yes`.
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

// Runs `allocate`, which makes a string or a container larger; false if there is no memory for
// that. `bytes` is how much it will be, as far as is known: what is small may take from the
// reserve.
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

template <typename Function>
[[nodiscard]] bool TryAllocate(Function allocate) {
  return TryAllocate(SIZE_MAX, allocate);
}

}  // namespace rp
