// An unbounded hand-over from any thread to one owner. Hides a stack that everybody pushes on and
// that the owner takes whole and turns round. The items carry the link, so nothing is allocated
// and nothing can be full. The box owns no item: an item belongs to the box's owner from Push on,
// and it must not be in two boxes.
//
// The push and empty() are sequentially consistent, so both ways to wake the owner are sound: write
// an eventfd when Push says true; or have the owner announce its sleep (an EventCount, or a flag)
// before it asks empty(), and have the pusher look for the announcement after Push.
//
// Thread safety: Push, PushChain and empty from any thread, TakeAll from the owner's thread alone.
// Lock-free. An item taken out again and pushed at once does no harm (no ABA): a push relies on
// nothing about the old top but its address, and nobody removes a single item.
// Cost: one compare-exchange per push, one exchange and one pass over the items per TakeAll.
#pragma once

#include <atomic>
#include <type_traits>

#include "base/cache_line.h"

namespace rp {

struct MailboxNode {
  MailboxNode* mail_next = nullptr;
};

template <typename T>
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // True when the box was empty: the caller wakes the owner.
  bool Push(T* item) { return PushChain(item, item); }

  // Pushes a whole chain at once, in the order in which single pushes from `first` to `last` would
  // have come: `first` is the OLDEST item, mail_next leads from each item to the next newer one,
  // and `last` is the newest; its mail_next is not read. TakeAll keeps the items of a chain
  // together and in this order. True as of Push. Cost: one pass over the chain.
  bool PushChain(T* first, T* last) {
    static_assert(std::is_base_of_v<MailboxNode, T>);
    MailboxNode* const bottom = first;
    MailboxNode* const top = last;
    // The stack links from newer to older, so the chain is turned round before it is published.
    MailboxNode* node = bottom;
    MailboxNode* older = nullptr;
    while (node != top) {
      MailboxNode* const newer = node->mail_next;
      node->mail_next = older;
      older = node;
      node = newer;
    }
    if (top != bottom) top->mail_next = older;

    // Relaxed: only a guess, which the compare-exchange checks.
    MailboxNode* old_top = top_.load(std::memory_order_relaxed);
    do {
      bottom->mail_next = old_top;
      // Relaxed on failure: the value is again only a guess.
    } while (!top_.compare_exchange_weak(old_top, top, std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
    return old_top == nullptr;
  }

  // Everything in the box, oldest first, linked by mail_next (Next); nullptr when it is empty.
  [[nodiscard]] T* TakeAll() {
    MailboxNode* node = top_.exchange(nullptr, std::memory_order_seq_cst);
    MailboxNode* newer = nullptr;
    while (node != nullptr) {
      MailboxNode* const older = node->mail_next;
      node->mail_next = newer;
      newer = node;
      node = older;
    }
    return static_cast<T*>(newer);
  }

  // The item after `item` in what TakeAll gave. Ask before passing `item` on.
  [[nodiscard]] static T* Next(const T* item) { return static_cast<T*>(item->mail_next); }

  [[nodiscard]] bool empty() const { return top_.load(std::memory_order_seq_cst) == nullptr; }

 private:
  alignas(kCacheLineBytes) std::atomic<MailboxNode*> top_{nullptr};  // the newest item
};

}  // namespace rp
