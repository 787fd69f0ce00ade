// OwnedCommand: a parsed command with bytes of its own, or a share of a large one, which may leave
// the buffer and the reader that it came from. It stays parsed: nobody reads its bytes a second
// time.
//
// Owner: the request that carries it, then the fetch. Thread safety: one thread at a time. Cost:
// Assign copies the command's bytes and takes 8 bytes per argument, or shares a large command.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/request_reader.h"

namespace rp::resp {

class OwnedCommand {
 public:
  OwnedCommand() = default;
  // Leaves `other` empty.
  OwnedCommand(OwnedCommand&& other) noexcept { *this = std::move(other); }
  OwnedCommand& operator=(OwnedCommand&& other) noexcept;

  // Copies `command`, or shares a large one. Returns false, and holds nothing, if there is no
  // memory for it.
  [[nodiscard]] bool Assign(const Command& command);

  // Drops the command. Memory of more than kKeptBytes is given back.
  void Clear();
  static constexpr size_t kKeptBytes = 512;

  [[nodiscard]] bool empty() const { return total_bytes_ == 0; }
  // Returns the arguments as views of this object's bytes.
  [[nodiscard]] Command arguments() const;
  // Appends views of the command as one RESP array of bulk strings, whatever form it came in. They
  // follow each other and are valid as long as this object holds the command and does not move.
  // The first one has all of the array's header. May throw std::bad_alloc.
  void AppendPieces(std::vector<std::string_view>* pieces) const;
  // Returns the sum of the pieces.
  [[nodiscard]] size_t bytes() const { return total_bytes_; }
  // Returns the memory taken from malloc by this object alone, in bytes.
  [[nodiscard]] size_t AllocatedBytes() const;

 private:
  void Copy(const Command& command);

  size_t total_bytes_ = 0;
  std::shared_ptr<const LargeCommand> large_;  // or, if null:
  std::string bytes_;
  std::vector<Command::Slice> slices_;  // of bytes_
};

// What a small command in a list or vector takes besides its bytes, about: itself, and what it
// points to.
inline constexpr size_t kListedCommandBytes = 2 * sizeof(OwnedCommand);

}  // namespace rp::resp
