// Holds bytes that have been received and not been used yet: they are added at the end and dropped
// from the front. Hides how room is made.
//
// Owner: one exchange. What Share has returned is counted.
// Thread safety: one thread at a time.
// Cost: O(1) per byte received, but Erase moves the bytes behind what it erases, and Share copies
// what is the smaller part of the buffer. Memory is not touched before it is needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"
#include "base/growing_block.h"
#include "base/memory.h"
#include "base/reclaimer.h"
#include "base/shared_bytes.h"

namespace rp::redis {

class ReplyBuffer {
 public:
  [[nodiscard]] std::string_view bytes() const { return {data() + begin_, end_ - begin_}; }

  // Returns room behind the bytes for at least `wanted` more, and never less than 16 KB. The bytes
  // may move. Returns an empty span if there is no memory for it; then the bytes have not moved.
  std::span<char> Room(size_t wanted) {
    wanted = std::max(wanted, kReadBytes);
    if (capacity() - end_ < wanted && !MakeRoom(wanted)) return {};
    return {data() + end_, capacity() - end_};
  }

  // Adds the first `bytes` bytes of the room, which the caller has written.
  void Grow(size_t bytes) {
    RP_CHECK(bytes <= capacity() - end_);
    end_ += bytes;
  }

  void DropFront(size_t bytes) {
    RP_CHECK(bytes <= end_ - begin_);
    begin_ += bytes;
    if (begin_ == end_ && !is_shared_) begin_ = end_ = 0;
  }

  // Returns the first `bytes` bytes so that they outlive the buffer; they are still to be dropped.
  // Returns no owner if there is no memory for it. REQUIRES: bytes > 0; Erase is not called for
  // them any more.
  [[nodiscard]] SharedBytes Share(size_t bytes) {
    RP_CHECK(bytes <= end_ - begin_);
    if (bytes >= end_ / 2) {
      is_shared_ = true;
      return {.owner = block_, .bytes = {data() + begin_, bytes}};
    }
    // Or a few bytes would keep all that was received with them.
    std::shared_ptr<GrowingBlock> copy = NewBlock();
    if (copy == nullptr || !copy->Reserve(bytes)) return {};
    std::memcpy(copy->data(), data() + begin_, bytes);
    const std::string_view view(copy->data(), bytes);
    return {.owner = std::move(copy), .bytes = view};
  }

  // Removes `bytes` bytes at `offset`.
  void Erase(size_t offset, size_t bytes) {
    RP_CHECK(offset + bytes <= end_ - begin_);
    char* const at = data() + begin_ + offset;
    std::memmove(at, at + bytes, end_ - begin_ - offset - bytes);
    end_ -= bytes;
  }

 private:
  static constexpr size_t kReadBytes = 16 * 1024;

  static std::shared_ptr<GrowingBlock> NewBlock() {
    std::shared_ptr<GrowingBlock> block;
    static_cast<void>(TryAllocate(sizeof(GrowingBlock), [&] {
      block = std::shared_ptr<GrowingBlock>(new GrowingBlock, DeleteElsewhere());
    }));
    return block;
  }

  [[nodiscard]] char* data() const { return block_ == nullptr ? nullptr : block_->data(); }
  [[nodiscard]] size_t capacity() const { return block_ == nullptr ? 0 : block_->capacity(); }

  // Twice as much as there was at least, so that no byte is moved more than twice on the average.
  // What is shared stays where it is.
  bool MakeRoom(size_t wanted) {
    const size_t held = end_ - begin_;
    if (block_ == nullptr || is_shared_) {
      std::shared_ptr<GrowingBlock> block = NewBlock();
      if (block == nullptr || !block->Reserve(held + wanted)) return false;
      if (held > 0) std::memcpy(block->data(), data() + begin_, held);
      block_ = std::move(block);
      is_shared_ = false;
    } else {
      const bool fits = held + wanted <= capacity() && held <= capacity() / 2;
      if (!fits && !block_->Reserve(std::max(begin_ + held + wanted, 2 * capacity()))) return false;
      if (begin_ > 0) std::memmove(data(), data() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
    return true;
  }

  std::shared_ptr<GrowingBlock> block_;  // null at first
  size_t begin_ = 0;
  size_t end_ = 0;
  bool is_shared_ = false;  // the bytes before begin_ are read elsewhere
};

}  // namespace rp::redis
