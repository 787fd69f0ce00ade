// Mailbox: an unbounded hand-over from any thread to one owner. Hides a stack that all threads push
// on, and that the owner takes whole and reverses. The items carry the links, so nothing is
// allocated and the box is never full. From Push on an item belongs to the box's owner. REQUIRES:
// an item is in one box at a time.
//
// The links are single and not those of base/intrusive_list.h because a push publishes everything
// with one pointer, in one compare-exchange.
//
// The push and empty() are sequentially consistent, so both ways to wake the owner are sound.
// Either the pusher writes an eventfd when Push returns true; or the owner announces its sleep (an
// EventCount, or a flag) before it calls empty(), and the pusher looks for the announcement after
// Push.
//
// Owner: the thread that takes the items; it does not own the items in the box.
// Thread safety: Push, PushChain and empty from any thread, TakeAll from the owner's thread alone.
// Lock-free. An item that is taken out and pushed again at once does no harm (no ABA): a push
// relies on nothing about the old top but its address, and no thread removes a single item.
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

  // Adds the item. Returns whether the box was empty; then the caller wakes the owner.
  bool Push(T* item) { return PushChain(item, item); }

  // Adds a whole chain at once, as single pushes from `first` to `last` would. `first` is the
  // OLDEST item; mail_next leads from each item to the next newer one, and `last` is the newest.
  // Its mail_next is not read. TakeAll keeps the items of a chain together and in this order.
  // Returns the same as Push. Cost: one pass over the chain.
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

  // Takes all items and returns the oldest; mail_next (see Next) links them in order of age.
  // Returns null if the box is empty.
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

  // Returns the item after `item` in the chain that TakeAll returned. Call it before passing `item`
  // on.
  [[nodiscard]] static T* Next(const T* item) { return static_cast<T*>(item->mail_next); }

  // Returns whether the box is empty.
  [[nodiscard]] bool empty() const { return top_.load(std::memory_order_seq_cst) == nullptr; }

 private:
  alignas(kCacheLineBytes) std::atomic<MailboxNode*> top_{nullptr};  // the newest item
};

}  // namespace rp
