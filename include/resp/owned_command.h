// OwnedCommand: a parsed command with bytes of its own, which may leave the buffer and the reader
// that it came from. It stays parsed: nobody reads its bytes a second time.
//
// Owner: the request that carries it. Thread safety: one thread at a time. Cost: Assign copies the
// command's bytes and takes 8 bytes per argument.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resp/request_reader.h"

namespace rp::resp {

class OwnedCommand {
 public:
  // Copies `command`. Returns false, and holds nothing, if there is no memory for it.
  [[nodiscard]] bool Assign(const Command& command);

  // Drops the command. Memory of more than kKeptBytes is given back.
  void Clear();
  static constexpr size_t kKeptBytes = 512;

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  // Returns the arguments as views of this object's bytes.
  [[nodiscard]] Command arguments() const;
  // Returns the command as one RESP array of bulk strings, whatever form it came in.
  [[nodiscard]] std::string_view encoded() const { return bytes_; }
  // Returns the memory taken from malloc, in bytes.
  [[nodiscard]] size_t AllocatedBytes() const;

 private:
  void Copy(const Command& command);

  std::string bytes_;
  std::vector<Command::Slice> slices_;  // of bytes_
};

}  // namespace rp::resp
