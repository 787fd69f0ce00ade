// Holds bytes that have been received and not been used yet: they are added at the end and dropped
// from the front. Hides how room is made.
//
// Owner: one exchange.
// Thread safety: one thread at a time.
// Cost: O(1) per byte received, but Erase moves the bytes behind what it erases. Memory is not
// touched before it is needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"
#include "base/memory.h"

namespace rp::redis {

class ReplyBuffer {
 public:
  [[nodiscard]] std::string_view bytes() const { return {data_.get() + begin_, end_ - begin_}; }

  // Returns room behind the bytes for at least `wanted` more, and never less than 16 KB. The bytes
  // may move. Returns an empty span if there is no memory for it; then the bytes have not moved.
  std::span<char> Room(size_t wanted) {
    wanted = std::max(wanted, kReadBytes);
    if (capacity_ - end_ < wanted && !MakeRoom(wanted)) return {};
    return {data_.get() + end_, capacity_ - end_};
  }

  // Adds the first `bytes` bytes of the room, which the caller has written.
  void Grow(size_t bytes) {
    RP_CHECK(bytes <= capacity_ - end_);
    end_ += bytes;
  }

  void DropFront(size_t bytes) {
    RP_CHECK(bytes <= end_ - begin_);
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Removes `bytes` bytes at `offset`.
  void Erase(size_t offset, size_t bytes) {
    RP_CHECK(offset + bytes <= end_ - begin_);
    char* const at = data_.get() + begin_ + offset;
    std::memmove(at, at + bytes, end_ - begin_ - offset - bytes);
    end_ -= bytes;
  }

 private:
  static constexpr size_t kReadBytes = 16 * 1024;

  // Twice as much as there was at least, so that no byte is moved more than twice on the average.
  bool MakeRoom(size_t wanted) {
    const size_t held = end_ - begin_;
    if (held + wanted <= capacity_ && held <= capacity_ / 2) {
      std::memmove(data_.get(), data_.get() + begin_, held);
    } else {
      const size_t capacity = std::max(held + wanted, 2 * capacity_);
      std::unique_ptr<char[]> data;
      if (!TryAllocate([&] { data = std::make_unique_for_overwrite<char[]>(capacity); })) {
        return false;
      }
      if (held > 0) std::memcpy(data.get(), data_.get() + begin_, held);
      data_ = std::move(data);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = held;
    return true;
  }

  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace rp::redis
