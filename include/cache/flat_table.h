// FlatTable: pointers to nodes by the low half of their key's hash, in flat arrays.
//
// Open addressing with linear probing over two parallel arrays: 32-bit tags, which decide nearly
// every comparison without touching the node, and pointers. A deletion shifts what follows back, so
// that there are no tombstones and a long life costs nothing. The load stays between 3/32 and 3/4.
// Nodes are borrowed. The tag's low bits are the position: the caller chooses the stripe by other
// bits of the hash, or every table would use a fraction of its slots.
//
// Thread safety: one thread at a time (the stripe's lock). Cost: O(1); growing moves every pointer.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rp::cache {

// Node has `uint32_t tag` and `std::string_view key() const`.
template <typename Node>
class FlatTable {
 public:
  [[nodiscard]] Node* Find(uint32_t tag, std::string_view key) const {
    if (size_ == 0) return nullptr;
    for (size_t i = tag & mask(); slots_[i] != nullptr; i = (i + 1) & mask()) {
      if (tags_[i] == tag && slots_[i]->key() == key) return slots_[i];
    }
    return nullptr;
  }

  // REQUIRES: no node with this key is in the table.
  void Insert(Node* node) {
    if ((size_ + 1) * 4 > slots_.size() * 3) Rehash(slots_.empty() ? kMinSlots : slots_.size() * 2);
    Place(node);
    ++size_;
  }

  // Returns whether the node, this very one and not just its key, was there.
  bool Erase(const Node* node) {
    if (size_ == 0) return false;
    size_t hole = node->tag & mask();
    while (slots_[hole] != node) {
      if (slots_[hole] == nullptr) return false;
      hole = (hole + 1) & mask();
    }
    // A later node of the same run may move into the hole only if its own position does not lie
    // behind the hole.
    for (size_t i = (hole + 1) & mask(); slots_[i] != nullptr; i = (i + 1) & mask()) {
      const size_t displacement = (i - tags_[i]) & mask();
      if (displacement >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        tags_[hole] = tags_[i];
        hole = i;
      }
    }
    slots_[hole] = nullptr;
    --size_;
    if (slots_.size() > kMinSlots && size_ * 32 < slots_.size() * 3) Rehash(slots_.size() / 2);
    return true;
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t slot_count() const { return slots_.size(); }

 private:
  static constexpr size_t kMinSlots = 8;

  [[nodiscard]] size_t mask() const { return slots_.size() - 1; }

  void Place(Node* node) {
    size_t i = node->tag & mask();
    while (slots_[i] != nullptr) i = (i + 1) & mask();
    slots_[i] = node;
    tags_[i] = node->tag;
  }

  void Rehash(size_t slot_count) {
    std::vector<Node*> old(slot_count, nullptr);
    old.swap(slots_);
    std::vector<uint32_t>(slot_count).swap(tags_);
    for (Node* node : old) {
      if (node != nullptr) Place(node);
    }
  }

  std::vector<uint32_t> tags_;
  std::vector<Node*> slots_;
  size_t size_ = 0;
};

}  // namespace rp::cache
