// DeadlineList: items that all wait equally long, in the order in which their waits end.
//
// Every wait of a reactor has one of a few lengths (-timeout, idle, ...), so a list for each length
// is sorted by itself and no heap is needed. A node is in one list at most.
//
// Owner: the reactor; the nodes are borrowed. Thread safety: the reactor's thread. Cost: O(1).
#pragma once

#include "base/intrusive_list.h"
#include "base/time.h"

namespace rp::core {

class DeadlineNode : private ListNode<DeadlineNode> {
 public:
  ~DeadlineNode() { Leave(); }

  // Returns whether the node is in a list.
  [[nodiscard]] bool waits() const { return linked(); }
  // Takes the node out of its list. Does nothing for a node in no list.
  void Leave() { Unlink(); }

 private:
  friend class IntrusiveList<DeadlineNode>;
  template <typename Node>
  friend class DeadlineList;

  TimePoint ends_ = kNever;
};

// Node derives from DeadlineNode.
template <typename Node>
class DeadlineList {
 public:
  explicit DeadlineList(Duration wait) : wait_(wait) {}

  // Starts the node's wait, and ends the one it was in. REQUIRES: `now` is not earlier than in the
  // calls before.
  void Start(Node* node, TimePoint now) {
    DeadlineNode* const link = node;
    link->ends_ = DeadlineAfter(now, wait_);
    nodes_.MoveToBack(link);
  }

  // Returns when the first wait ends, or kNever if the list is empty.
  [[nodiscard]] TimePoint next() const { return nodes_.empty() ? kNever : nodes_.front()->ends_; }

  // Takes out the first node and returns it if its wait has ended, else returns null.
  [[nodiscard]] Node* TakeEnded(TimePoint now) {
    if (nodes_.empty() || nodes_.front()->ends_ > now) return nullptr;
    return static_cast<Node*>(nodes_.PopFront());
  }

  [[nodiscard]] Duration wait() const { return wait_; }

 private:
  const Duration wait_;
  IntrusiveList<DeadlineNode> nodes_;
};

}  // namespace rp::core
