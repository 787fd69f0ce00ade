// Deletes large objects on a thread of its own, because the kernel takes some 5 ms to take back 100
// MB, and whoever drops the last reference may be a reactor. Hides that thread.
//
// Owner: nobody; the thread belongs to the program, begins with the first large object and ends
// with the program.
// Thread safety: any thread.
// Cost: for a small object that of `delete`; for a large one a short lock and a wake-up.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rp {

// An object of fewer bytes is deleted by whoever drops it, in less than half a millisecond.
inline constexpr size_t kSlowDeleteBytes = size_t{4} << 20;

// Calls free(object) on the reclaimer's thread, or here if there is no such thread. `heap_bytes`
// are in blocks so small that malloc keeps them.
void FreeElsewhere(void* object, void (*free)(void*), size_t heap_bytes = 0);

// Returns how many heap bytes were freed on the reclaimer's thread since the last call.
[[nodiscard]] uint64_t TakeReclaimedBytes();

// Deleter of counted objects that may be large. T has held_bytes(), the bytes that it has from
// malloc, and may have heap_bytes(), those of them that malloc keeps.
struct DeleteElsewhere {
  template <typename T>
  void operator()(T* object) const {
    if (object->held_bytes() < kSlowDeleteBytes) {
      delete object;
    } else {
      size_t heap_bytes = 0;
      if constexpr (requires { object->heap_bytes(); }) heap_bytes = object->heap_bytes();
      FreeElsewhere(
          object, [](void* erased) { delete static_cast<T*>(erased); }, heap_bytes);
    }
  }
};

}  // namespace rp
