// LargeCommand: a command with large or very many arguments, in the encoding in which it goes on to
// Redis. Each byte is taken in once and never moves again, so that the command can be shared and
// sent in pieces from where it lies. Hides where the bytes lie.
//
//   pieces():   [*3 CRLF  $3 CRLF SET CRLF  $1 CRLF k CRLF] [$400000000 CRLF ........ CRLF]
//                a chunk, which holds many small arguments    a block of its own, which grows
//
// Owner: its RequestReader while it is built; then counted, by all that hold the command.
// Thread safety: one thread at a time while it is built; then it does not change.
// Cost: O(1) per byte taken in; 8 bytes for each argument besides its encoding; operator[] parses
// the argument's length.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/growing_block.h"
#include "base/memory.h"
#include "base/shared_bytes.h"

namespace rp::resp {

class LargeCommand : public std::enable_shared_from_this<LargeCommand> {
 public:
  // Returns a command that will have `arguments` arguments, or null if there is no memory for it.
  [[nodiscard]] static std::shared_ptr<LargeCommand> Make(size_t arguments);

  // --- To build it. A function that returns false found no memory; the command is useless then. --

  // Adds an argument that has arrived whole. REQUIRES: missing() == 0, and none is unfinished.
  [[nodiscard]] bool Append(std::string_view argument);

  // Adds an argument of `bytes` bytes, which are to come. EndArgument follows when missing() is 0.
  // REQUIRES: as Append.
  [[nodiscard]] bool StartArgument(size_t bytes);
  void EndArgument();
  // Returns whether an argument was started and not ended.
  [[nodiscard]] bool is_unfinished() const { return is_unfinished_; }
  // Returns how many bytes of the unfinished argument have not come.
  [[nodiscard]] size_t missing() const { return missing_; }
  // Returns room for at most `most` of the missing bytes, and for none of them if there is no
  // memory. REQUIRES: most > 0, missing() > 0.
  [[nodiscard]] std::span<char> Room(size_t most);
  // Takes in the first `bytes` bytes of the room, which the caller has written.
  void Grow(size_t bytes) {
    RP_CHECK(bytes <= missing_);
    missing_ -= bytes;
    filled_ += bytes;
  }

  // --- When it is whole. ---

  [[nodiscard]] size_t size() const { return size_; }
  // Returns the argument. REQUIRES: i < size().
  [[nodiscard]] std::string_view operator[](size_t i) const;
  // Returns the argument as a RESP bulk string, and shares this command.
  [[nodiscard]] SharedBytes Bulk(size_t i) const;
  // Returns the command as a RESP array of bulk strings, in pieces that follow each other.
  [[nodiscard]] const std::vector<std::string_view>& pieces() const { return pieces_; }
  // Returns the sum of the pieces.
  [[nodiscard]] size_t bytes() const { return bytes_; }
  // Returns the bytes of blocks that are so small that malloc keeps them when they are freed.
  [[nodiscard]] size_t heap_bytes() const { return heap_bytes_; }
  // Returns the memory taken from malloc, in bytes.
  [[nodiscard]] size_t held_bytes() const {
    return held_bytes_ + (is_unfinished_ ? blocks_.back().capacity() : 0);
  }

 private:
  // An index of one block would be copied when it grows. These blocks are mapped.
  static constexpr size_t kIndexEntries = kMappedBlockBytes / sizeof(const char*);

  explicit LargeCommand(size_t arguments) : announced_(arguments) {}
  [[nodiscard]] bool AddChunk(size_t bytes);
  void Count(size_t block_bytes);
  [[nodiscard]] bool MakeRoom(size_t bytes);

  const size_t announced_;
  size_t size_ = 0;
  size_t bytes_ = 0;
  size_t held_bytes_ = 0;
  size_t heap_bytes_ = 0;
  std::vector<GrowingBlock> blocks_;  // chunks, and blocks of one argument
  std::vector<std::string_view> pieces_;
  // Where each argument's bulk string begins.
  std::vector<std::unique_ptr<const char*[]>> index_;

  // The free part of the last chunk.
  char* chunk_ = nullptr;
  char* chunk_end_ = nullptr;
  size_t next_chunk_bytes_ = 1024;

  // The unfinished argument, in the last block.
  size_t filled_ = 0;  // bytes of the block, of the bulk's header too
  size_t missing_ = 0;
  bool is_unfinished_ = false;
};

}  // namespace rp::resp
