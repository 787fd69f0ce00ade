// IntrusiveList: a doubly linked list with its links in the items, so that linking allocates
// nothing and an item can be unlinked without a search.
//
// The links form a ring through a dummy node, the list's head. Therefore no operation asks whether
// an item is the first, the last or the only one:
//
//   empty    head <-> head            two items    head <-> first <-> last <-> head
//
// Lists that are singly linked on purpose are Mailbox, whose push publishes one pointer, and the
// chains that are handed to it.
//
// Owner: the object that declares it; the items are borrowed.
// Thread safety: one thread at a time, for a list with all its items.
// Cost: O(1) for each function, no allocation; 16 bytes per item.
#pragma once

#include "base/check.h"

namespace rp {

template <typename T>
class IntrusiveList;

// The base class of an item. T is the item's class, and the list is IntrusiveList<T>. A class in
// several lists at a time derives from several bases that are each a ListNode of their own.
// REQUIRES: an item is in no list when it is destroyed.
template <typename T>
class ListNode {
 public:
  ListNode() = default;
  // A copy of an item is in no list, and an assignment changes the links of neither.
  ListNode(const ListNode& /*other*/) {}
  // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): it changes nothing, whatever is assigned.
  ListNode& operator=(const ListNode& /*other*/) { return *this; }

  // Returns whether the item is in a list.
  [[nodiscard]] bool linked() const { return next_ != this; }

  // Takes the item out of its list. Does nothing for an item in no list.
  void Unlink() {
    Detach();
    prev_ = next_ = this;
  }

  // Starts loading both neighbours into the processor's cache, for an Unlink soon.
  void PrefetchNeighbours() const {
    __builtin_prefetch(prev_, 1);
    __builtin_prefetch(next_, 1);
  }

 private:
  friend class IntrusiveList<T>;

  // Leaves the node's own links as they are.
  void Detach() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
  }

  void LinkBefore(ListNode* next) {
    prev_ = next->prev_;
    next_ = next;
    prev_->next_ = this;
    next->prev_ = this;
  }

  ListNode* prev_ = this;
  ListNode* next_ = this;
};

template <typename T>
class IntrusiveList {
 public:
  class Iterator {
   public:
    T& operator*() const { return *static_cast<T*>(node_); }
    T* operator->() const { return static_cast<T*>(node_); }
    Iterator& operator++() {
      node_ = node_->next_;
      return *this;
    }
    bool operator==(const Iterator& other) const = default;

   private:
    friend class IntrusiveList;
    explicit Iterator(ListNode<T>* node) : node_(node) {}

    ListNode<T>* node_;
  };

  IntrusiveList() = default;
  // Moves the items into a new list; `other` is empty afterwards.
  IntrusiveList(IntrusiveList&& other) noexcept { Append(&other); }
  // A list may be destroyed before its items, which may be unlinked after that.
  ~IntrusiveList() { head_.Unlink(); }

  [[nodiscard]] bool empty() const { return !head_.linked(); }

  // Return the first and the last item. REQUIRES: !empty().
  [[nodiscard]] T* front() const {
    RP_DCHECK(!empty());
    return static_cast<T*>(head_.next_);
  }
  [[nodiscard]] T* back() const {
    RP_DCHECK(!empty());
    return static_cast<T*>(head_.prev_);
  }

  // Insert `item`. REQUIRES: the item is in no list.
  void PushFront(T* item) {
    RP_DCHECK(!NodeOf(item)->linked());
    NodeOf(item)->LinkBefore(head_.next_);
  }
  void PushBack(T* item) {
    RP_DCHECK(!NodeOf(item)->linked());
    NodeOf(item)->LinkBefore(&head_);
  }

  // Move `item` here from its list, which may be this one, or insert it if it is in none.
  void MoveToFront(T* item) {
    NodeOf(item)->Detach();
    NodeOf(item)->LinkBefore(head_.next_);
  }
  void MoveToBack(T* item) {
    NodeOf(item)->Detach();
    NodeOf(item)->LinkBefore(&head_);
  }

  // Unlinks the first item and returns it. REQUIRES: !empty().
  T* PopFront() {
    T* const item = front();
    NodeOf(item)->Unlink();
    return item;
  }

  // Moves all items of `other`, which is empty afterwards, after those of this list.
  // REQUIRES: `other` is another list.
  void Append(IntrusiveList* other) {
    if (other->empty()) return;
    ListNode<T>* const first = other->head_.next_;
    ListNode<T>* const last = other->head_.prev_;
    other->head_.Unlink();
    first->prev_ = head_.prev_;
    last->next_ = &head_;
    head_.prev_->next_ = first;
    head_.prev_ = last;
  }

  // Iterate from front to back. An item may be unlinked once the iterator has moved past it.
  [[nodiscard]] Iterator begin() { return Iterator(head_.next_); }
  [[nodiscard]] Iterator end() { return Iterator(&head_); }

 private:
  static ListNode<T>* NodeOf(T* item) { return item; }

  ListNode<T> head_;
};

}  // namespace rp
