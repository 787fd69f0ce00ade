// FlatTable: a hash table of pointers to nodes, in flat arrays.
//
// Open addressing with linear probing over two parallel arrays: 32-bit tags (the low half of the
// key's hash), which decide nearly every comparison without touching the node, and pointers. A
// deletion shifts the following nodes back, so there are no tombstones and a long life costs
// nothing. The load stays between 3/32 and 3/4; growing is by half, because doubling leaves a fifth
// more slots empty. The tag's high bits are the position: the caller chooses the stripe by bits
// outside the tag, or every table would use a fraction of its slots.
//
// Resizing is incremental, as in Redis's dict (dict.c, dictRehash): the old arrays stay beside the
// new ones, and each insert or erase moves on by kPositionsPerChange positions. Redis looks a key
// up in both; here positions are in the order of tags, so the progress of the move decides which
// one to search, and a table that stays in the middle of a move costs finds nothing.
//
// Owner: a stripe; the nodes are borrowed.
// Thread safety: one thread at a time (the stripe's lock).
// Cost: O(1) for each operation, not only on average: while it grows, up to 64 pointers are moved
// and sometimes 24 pages unmapped.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "cache/zeroed_block.h"

namespace rp::cache {

// Node has `uint32_t tag` and `std::string_view key() const`.
template <typename Node>
class FlatTable {
 public:
  // A change moves the nodes of this many positions of the old arrays, and then those up to the end
  // of the last run. This keeps pace with erasing: with S slots, shrinking begins with 6/64 of them
  // taken and ends S/64 changes later, before the next shrinking begins at 3/64.
  static constexpr size_t kPositionsPerChange = 64;

  // Returns the node with this tag and key, or null.
  [[nodiscard]] Node* Find(uint32_t tag, std::string_view key) const {
    if (size_ == 0) return nullptr;
    const Slots& slots = SlotsOf(tag);
    for (size_t i = slots.Home(tag); slots.nodes[i] != nullptr; i = slots.Next(i)) {
      if (slots.tags[i] == tag && slots.nodes[i]->key() == key) return slots.nodes[i];
    }
    return nullptr;
  }

  // Adds the node. Returns false, and does nothing, if the table has to grow and there is no
  // memory. REQUIRES: no node with this key is in the table.
  [[nodiscard]] bool Insert(Node* node) {
    if (!moving() && (size_ + 1) * 4 > slots_.count * 3 &&
        !Resize(std::max(kMinSlots, slots_.count + slots_.count / 2))) {
      return false;
    }
    MoveSome();
    SlotsOf(node->tag).Place(node->tag, node);
    ++size_;
    return true;
  }

  // Removes the node. Returns false if this node, not just its key, is not in the table.
  bool Erase(const Node* node) {
    if (size_ == 0 || !SlotsOf(node->tag).Erase(node)) return false;
    --size_;
    // Without memory for the smaller arrays it stays as large as it is for now.
    if (!moving() && slots_.count > kMinShrunkSlots && size_ * 32 < slots_.count * 3)
      static_cast<void>(Resize(std::max(kMinShrunkSlots, slots_.count / 2)));
    MoveSome();
    return true;
  }

  [[nodiscard]] size_t size() const { return size_; }
  // Returns the number of slots; during a move, of the new arrays.
  [[nodiscard]] size_t slot_count() const { return slots_.count; }
  // Returns how many positions of the old arrays are still to be moved; 0 without a move.
  [[nodiscard]] size_t unmoved_count() const { return old_.count - moved_; }

 private:
  static constexpr size_t kMinSlots = 8;
  // About a page: less is no gain, and would come from malloc, which may be slow after many frees.
  static constexpr size_t kMinShrunkSlots = 344;
  static constexpr size_t kReleasedPositions = 8192;  // 16 pages of pointers, 8 of tags

  // A linear probing table that does not manage its load.
  struct Slots {
    Slots() = default;
    explicit Slots(size_t slot_count)
        : block(slot_count * (sizeof(Node*) + sizeof(uint32_t))),
          nodes(static_cast<Node**>(block.data())),
          tags(reinterpret_cast<uint32_t*>(nodes + slot_count)),
          count(slot_count) {}

    // Returns the slot of a tag, in proportion to the tag: a multiplication in place of a mask,
    // since sizes are not powers of two.
    [[nodiscard]] size_t Home(uint32_t tag) const { return (uint64_t{tag} * count) >> 32; }
    [[nodiscard]] size_t Next(size_t i) const { return i + 1 == count ? 0 : i + 1; }
    // Returns the steps from `from` to `to`, round the end.
    [[nodiscard]] size_t Distance(size_t from, size_t to) const {
      return to >= from ? to - from : to + count - from;
    }

    void Place(uint32_t tag, Node* node) {
      size_t i = Home(tag);
      while (nodes[i] != nullptr) i = Next(i);
      nodes[i] = node;
      tags[i] = tag;
    }

    bool Erase(const Node* node) {
      size_t hole = Home(node->tag);
      while (nodes[hole] != node) {
        if (nodes[hole] == nullptr) return false;
        hole = Next(hole);
      }
      // A later node of the same run may move into the hole unless its home position is after the
      // hole.
      for (size_t i = Next(hole); nodes[i] != nullptr; i = Next(i)) {
        if (Distance(Home(tags[i]), i) >= Distance(hole, i)) {
          nodes[hole] = nodes[i];
          tags[hole] = tags[i];
          hole = i;
        }
      }
      nodes[hole] = nullptr;
      return true;
    }

    ZeroedBlock block;  // of the two arrays
    Node** nodes = nullptr;
    uint32_t* tags = nullptr;
    size_t count = 0;
  };

  [[nodiscard]] bool moving() const { return old_.count != 0; }

  // Returns the arrays to which nodes with this tag belong.
  [[nodiscard]] const Slots& SlotsOf(uint32_t tag) const {
    if (!moving()) return slots_;
    return old_.Distance(first_, old_.Home(tag)) < moved_ ? slots_ : old_;
  }
  [[nodiscard]] Slots& SlotsOf(uint32_t tag) {
    return const_cast<Slots&>(std::as_const(*this).SlotsOf(tag));
  }

  // Begins a move. Returns false if there is no memory for the new arrays. The move ends at most
  // old/64 changes later: until then at most 3/4 + 1/64 of the old slots are taken, and fewer of
  // the new ones than would make them grow.
  [[nodiscard]] bool Resize(size_t slot_count) {
    Slots slots(slot_count);
    if (slots.nodes == nullptr) return false;
    old_ = std::exchange(slots_, std::move(slots));
    moved_ = 0;
    first_ = 0;
    if (moving()) {
      while (old_.nodes[first_] != nullptr) ++first_;
    }
    return true;
  }

  // Invariant between moves: the nodes whose old home is one of the `moved_` positions from
  // `first_` on, round the end, are in slots_, and the others are in old_. Therefore a move begins
  // and pauses only at an empty position, where no node is displaced from its home; and a run that
  // inserts have since extended past the round is moved to its end.
  void MoveSome() {
    if (!moving()) return;
    const size_t goal = std::min(moved_ + kPositionsPerChange, old_.count);
    const size_t begin =
        first_ + moved_ < old_.count ? first_ + moved_ : first_ + moved_ - old_.count;
    size_t i = begin;
    for (; moved_ < goal || old_.nodes[i] != nullptr; ++moved_, i = old_.Next(i)) {
      if (old_.nodes[i] == nullptr) continue;
      slots_.Place(old_.tags[i], old_.nodes[i]);
      old_.nodes[i] = nullptr;
    }
    if (moved_ < old_.count) {
      if (begin / kReleasedPositions != i / kReleasedPositions) Release(begin / kReleasedPositions);
      return;
    }
    old_ = {};
    moved_ = 0;
  }

  // Gives a part of the old arrays that the move has passed back to the kernel: unmapping all of
  // them at the end would be the only operation whose cost grows with the table. Nodes in the part
  // were inserted during the move, in a run that began before first_, so they are at its beginning.
  void Release(size_t part) {
    const size_t begin = std::max(part * kReleasedPositions, first_);
    if (old_.nodes[begin] != nullptr) return;
    const size_t end = std::min((part + 1) * kReleasedPositions, old_.count);
    const size_t tags_at = old_.count * sizeof(Node*);
    old_.block.Release(begin * sizeof(Node*), end * sizeof(Node*));
    old_.block.Release(tags_at + begin * sizeof(uint32_t), tags_at + end * sizeof(uint32_t));
  }

  Slots slots_;
  Slots old_;         // the nodes that a move has not reached; without slots if there is none
  size_t first_ = 0;  // position in old_ where the move began
  size_t moved_ = 0;  // positions that it has passed
  size_t size_ = 0;
};

}  // namespace rp::cache
