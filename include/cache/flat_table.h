// FlatTable: pointers to nodes by the low half of their key's hash, in flat arrays.
//
// Open addressing with linear probing over two parallel arrays: 32-bit tags, which decide nearly
// every comparison without touching the node, and pointers. A deletion shifts what follows back, so
// that there are no tombstones and a long life costs nothing. The load stays between 3/32 and 3/4;
// growing is by half, because doubling leaves a fifth more slots empty. Nodes are borrowed. The
// tag's high bits are the position: the caller chooses the stripe by bits outside the tag, or every
// table would use a fraction of its slots.
//
// Thread safety: one thread at a time (the stripe's lock). Cost: O(1); growing moves every pointer.
#pragma once

#include <algorithm>
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
    for (size_t i = Home(tag); slots_[i] != nullptr; i = Next(i)) {
      if (tags_[i] == tag && slots_[i]->key() == key) return slots_[i];
    }
    return nullptr;
  }

  // REQUIRES: no node with this key is in the table.
  void Insert(Node* node) {
    if ((size_ + 1) * 4 > slots_.size() * 3)
      Rehash(std::max(kMinSlots, slots_.size() + slots_.size() / 2));
    Place(node);
    ++size_;
  }

  // Returns whether the node, this very one and not just its key, was there.
  bool Erase(const Node* node) {
    if (size_ == 0) return false;
    size_t hole = Home(node->tag);
    while (slots_[hole] != node) {
      if (slots_[hole] == nullptr) return false;
      hole = Next(hole);
    }
    // A later node of the same run may move into the hole only if its own position does not lie
    // behind the hole.
    for (size_t i = Next(hole); slots_[i] != nullptr; i = Next(i)) {
      if (Distance(Home(tags_[i]), i) >= Distance(hole, i)) {
        slots_[hole] = slots_[i];
        tags_[hole] = tags_[i];
        hole = i;
      }
    }
    slots_[hole] = nullptr;
    --size_;
    if (slots_.size() > kMinSlots && size_ * 32 < slots_.size() * 3)
      Rehash(std::max(kMinSlots, slots_.size() / 2));
    return true;
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t slot_count() const { return slots_.size(); }

 private:
  static constexpr size_t kMinSlots = 8;

  // The slots in proportion to the tags: a multiplication in place of a mask, for sizes that are no
  // powers of two.
  [[nodiscard]] size_t Home(uint32_t tag) const { return (uint64_t{tag} * slots_.size()) >> 32; }
  [[nodiscard]] size_t Next(size_t i) const { return i + 1 == slots_.size() ? 0 : i + 1; }
  // Steps from `from` to `to`, round the end.
  [[nodiscard]] size_t Distance(size_t from, size_t to) const {
    return to >= from ? to - from : to + slots_.size() - from;
  }

  void Place(Node* node) {
    size_t i = Home(node->tag);
    while (slots_[i] != nullptr) i = Next(i);
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
