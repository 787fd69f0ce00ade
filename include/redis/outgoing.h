// Outgoing: commands for Redis as they are sent: pieces that follow each other, and what holds
// them. Small commands lie here; a large one is shared, so that its bytes are sent from where the
// client's input was read to.
//
// Owner: the fetch, and the exchange that sends it; counted, because the fetch may fail and be
// freed before all is sent. Thread safety: it does not change once it is part of a fetch.
// Cost: an allocation for each command and for the list of pieces.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/owned_command.h"

namespace rp::redis {

class Outgoing {
 public:
  Outgoing() = default;
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  // These may throw std::bad_alloc.

  // Adds bytes that live longer than this object.
  void Add(std::string_view bytes) {
    pieces_.push_back(bytes);
    bytes_ += bytes.size();
  }
  // Adds bytes that this object keeps.
  void AddText(std::string text) { Add(texts_.emplace_back(std::move(text))); }
  // Keeps a command. The second function adds it too.
  const resp::OwnedCommand& Keep(resp::OwnedCommand command) {
    return commands_.emplace_back(std::move(command));
  }
  void Add(resp::OwnedCommand command) { AddKept(Keep(std::move(command))); }
  // Adds a command that this object keeps, or only what follows the header of its array.
  void AddKept(const resp::OwnedCommand& command);
  void AddArgumentsOf(const resp::OwnedCommand& command);

  // Returns the commands that were kept, in order.
  [[nodiscard]] const std::list<resp::OwnedCommand>& commands() const { return commands_; }
  [[nodiscard]] const std::vector<std::string_view>& pieces() const { return pieces_; }
  // Returns the sum of the pieces.
  [[nodiscard]] size_t bytes() const { return bytes_; }
  // Return the memory taken from malloc, in bytes. Large commands count too, although others may
  // hold them.
  [[nodiscard]] size_t held_bytes() const {
    return bytes_ + commands_.size() * resp::kListedCommandBytes +
           pieces_.capacity() * sizeof(pieces_[0]);
  }
  [[nodiscard]] size_t heap_bytes() const { return held_bytes(); }

 private:
  std::list<resp::OwnedCommand> commands_;  // they must not move
  std::list<std::string> texts_;            // neither must these
  std::vector<std::string_view> pieces_;
  size_t bytes_ = 0;
};

}  // namespace rp::redis
