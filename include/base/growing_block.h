// GrowingBlock: memory that grows at its end as bytes arrive. Hides how malloc grows a block: a
// large one is mapped, and the kernel moves its pages, so that no byte is copied (mremap(2)).
//
// Owner: whoever collects the bytes. Thread safety: one thread at a time.
// Cost: O(1) per byte, as the capacity doubles; a page is not touched before it is written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "base/memory.h"

namespace rp {

class GrowingBlock {
 public:
  GrowingBlock() = default;
  ~GrowingBlock() { std::free(data_); }
  GrowingBlock(GrowingBlock&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  GrowingBlock& operator=(GrowingBlock&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  [[nodiscard]] char* data() const { return data_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] size_t held_bytes() const { return capacity_; }

  // Makes the block larger, if it is smaller than `bytes`: at least twice as large as it was, but
  // not larger than `most`. The bytes may move. Returns false if there is no memory; then nothing
  // has changed. REQUIRES: bytes <= most.
  [[nodiscard]] bool Reserve(size_t bytes, size_t most = SIZE_MAX) {
    if (bytes <= capacity_) return true;
    const size_t capacity = std::max(bytes, std::min(2 * capacity_, most));
    auto* const data = static_cast<char*>(std::realloc(data_, capacity));
    if (data == nullptr) {
      NoteMemoryIsShort();
      return false;
    }
    data_ = data;
    capacity_ = capacity;
    return true;
  }

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace rp
