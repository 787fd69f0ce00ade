// DeadlineList: things that all wait equally long, in the order in which their waits end.
//
// Every wait of a reactor has one of a few lengths (-timeout, idle, ...), so a list for each length
// is sorted by itself and no heap is needed. A node is in one list at most and leaves whichever it
// is in.
//
// Nodes are borrowed. Thread safety: the reactor's thread. Cost: O(1).
#pragma once

#include "base/check.h"
#include "base/time.h"

namespace rp::core {

class DeadlineNode {
 public:
  DeadlineNode() = default;
  DeadlineNode(const DeadlineNode&) = delete;
  DeadlineNode& operator=(const DeadlineNode&) = delete;
  ~DeadlineNode() { Leave(); }

  [[nodiscard]] bool waits() const { return next_ != this; }
  // Does nothing for a node that is in no list.
  void Leave() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <typename Node>
  friend class DeadlineList;

  DeadlineNode* prev_ = this;
  DeadlineNode* next_ = this;
  TimePoint ends_ = kNever;
};

// Node derives from DeadlineNode.
template <typename Node>
class DeadlineList {
 public:
  explicit DeadlineList(Duration wait) : wait_(wait) {}

  // The node's wait starts now, wherever it was before. REQUIRES: `now` is not before that of an
  // earlier call.
  void Start(Node* node, TimePoint now) {
    DeadlineNode* link = node;
    link->Leave();
    link->ends_ = DeadlineAfter(now, wait_);
    link->prev_ = ring_.prev_;
    link->next_ = &ring_;
    ring_.prev_->next_ = link;
    ring_.prev_ = link;
  }

  // When the first wait ends; kNever when nobody waits.
  [[nodiscard]] TimePoint next() const { return ring_.next_->ends_; }

  // Takes out a node whose wait has ended, or none.
  [[nodiscard]] Node* TakeEnded(TimePoint now) {
    DeadlineNode* first = ring_.next_;
    if (first == &ring_ || first->ends_ > now) return nullptr;
    first->Leave();
    return static_cast<Node*>(first);
  }

  [[nodiscard]] Duration wait() const { return wait_; }

 private:
  const Duration wait_;
  DeadlineNode ring_;  // its own end is kNever
};

}  // namespace rp::core
