// A first-in-first-out list of fetches, linked through the fetches themselves. It owns none of
// them.
//
// Owner: the caller, or the fetchers' schedule.
// Thread safety: one thread at a time.
// Cost: O(1), but O(n) for TakeIf and Append; no allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/check.h"
#include "base/time.h"
#include "redis/fetch.h"

namespace rp::redis {

class FetchQueue {
 public:
  FetchQueue() = default;
  FetchQueue(FetchQueue&& other) noexcept { *this = std::move(other); }
  // REQUIRES: this queue is empty, because its fetches would be lost.
  FetchQueue& operator=(FetchQueue&& other) noexcept {
    RP_CHECK(empty());
    head_ = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    size_ = std::exchange(other.size_, 0);
    earliest_ = std::exchange(other.earliest_, kNever);
    return *this;
  }

  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] size_t size() const { return size_; }

  // Returns a lower bound of the deadlines in the queue, or kNever if it is empty. Fetches that
  // have left and deadlines that were moved still count, until the next TakeIf or until the queue
  // is empty.
  [[nodiscard]] TimePoint earliest() const { return earliest_; }

  void PushBack(Fetch* fetch) {
    fetch->next_ = nullptr;
    (tail_ == nullptr ? head_ : tail_->next_) = fetch;
    tail_ = fetch;
    CountIn(fetch);
  }

  void PushFront(Fetch* fetch) {
    fetch->next_ = head_;
    head_ = fetch;
    if (tail_ == nullptr) tail_ = fetch;
    CountIn(fetch);
  }

  // REQUIRES: !empty().
  Fetch* PopFront() {
    Fetch* const fetch = head_;
    head_ = std::exchange(fetch->next_, nullptr);
    if (head_ == nullptr) {
      tail_ = nullptr;
      earliest_ = kNever;
    }
    --size_;
    return fetch;
  }

  // Moves the fetches for which `take(fetch)` is true out and returns them. Both queues keep their
  // order.
  template <typename Predicate>
  FetchQueue TakeIf(Predicate take) {
    FetchQueue all = std::move(*this);
    FetchQueue taken;
    while (!all.empty()) {
      Fetch* const fetch = all.PopFront();
      (take(fetch) ? taken : *this).PushBack(fetch);
    }
    return taken;
  }

  FetchQueue TakeAll() { return std::move(*this); }

  // Adds the fetches of `other` at the end.
  void Append(FetchQueue other) {
    while (!other.empty()) PushBack(other.PopFront());
  }

 private:
  void CountIn(const Fetch* fetch) {
    ++size_;
    earliest_ = std::min(earliest_, fetch->DeadlineTime());
  }

  Fetch* head_ = nullptr;
  Fetch* tail_ = nullptr;
  size_t size_ = 0;
  TimePoint earliest_ = kNever;
};

// The fetches that wait to be sent: GETs and commands in a queue each, because they are sent apart.
//
// Thread safety: one thread at a time. Cost: that of FetchQueue.
class WaitingFetches {
 public:
  [[nodiscard]] bool empty() const { return gets_.empty() && commands_.empty(); }
  [[nodiscard]] size_t size() const { return gets_.size() + commands_.size(); }
  [[nodiscard]] TimePoint earliest() const {
    return std::min(gets_.earliest(), commands_.earliest());
  }

  void PushBack(Fetch* fetch) { QueueOf(fetch)->PushBack(fetch); }
  void PushFront(Fetch* fetch) { QueueOf(fetch)->PushFront(fetch); }

  // Returns the queue of the next batch. The kinds take turns, so that neither waits for all of the
  // other. REQUIRES: !empty().
  FetchQueue* NextQueue() {
    commands_turn_ = gets_.empty() || (commands_turn_ && !commands_.empty());
    FetchQueue* const next = commands_turn_ ? &commands_ : &gets_;
    commands_turn_ = !commands_turn_;
    return next;
  }

  template <typename Predicate>
  FetchQueue TakeIf(Predicate take) {
    FetchQueue taken = gets_.TakeIf(take);
    taken.Append(commands_.TakeIf(take));
    return taken;
  }

  FetchQueue TakeAll() {
    FetchQueue taken = gets_.TakeAll();
    taken.Append(commands_.TakeAll());
    return taken;
  }

 private:
  FetchQueue* QueueOf(const Fetch* fetch) { return fetch->IsCommand() ? &commands_ : &gets_; }

  FetchQueue gets_;
  FetchQueue commands_;
  bool commands_turn_ = false;
};

}  // namespace rp::redis
