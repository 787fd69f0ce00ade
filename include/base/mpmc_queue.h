// MpmcQueue: a bounded lock-free queue for many producers and many consumers. Hides the ring of
// slots and their turns.
//
// Every push and every pop draws a ticket. Ticket t belongs to slot t % n in lap t / n, and a slot
// carries the turn it waits for: 2 * lap for that lap's push, 2 * lap + 1 for that lap's pop. So
// the slot alone shows whether it is free or full, and two threads meet only when they draw the
// same ticket or use the same slot. Counting turns instead of tickets lets a queue of one work.
//
//   turn of a slot:   2*lap  --push-->  2*lap + 1  --pop-->  2*(lap + 1)
//                     free              full                 free in the next lap
//
// Owner: the object that declares it, which outlives the threads that use it.
// Thread safety: any thread may push and pop. Lock-free, not wait-free.
// Cost: one compare-exchange and one store per operation (a locked one in TryPush, see there).
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "base/cache_line.h"

namespace rp {

template <typename T>
class MpmcQueue {
  static_assert(std::is_trivially_copyable_v<T>, "items are copied between threads as bytes");

 public:
  // Rounds `capacity` up to a power of two, at least 1.
  explicit MpmcQueue(size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1),
        lap_shift_(static_cast<unsigned>(std::bit_width(mask_))),
        slots_(std::make_unique<Slot[]>(mask_ + 1)) {}
  MpmcQueue(const MpmcQueue&) = delete;
  MpmcQueue& operator=(const MpmcQueue&) = delete;

  [[nodiscard]] size_t capacity() const { return mask_ + 1; }

  // Adds the item. Returns false if the queue is full, or if the pop that frees the next slot has
  // not ended yet.
  //
  // Fits an EventCount: a push is published by a sequentially consistent store and so is ordered
  // before a WakeOne that follows it.
  [[nodiscard]] bool TryPush(T item) {
    // Relaxed: a stale ticket is caught by the slot's turn or by the compare-exchange.
    uint64_t ticket = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[ticket & mask_];
      const uint64_t free_turn = 2 * (ticket >> lap_shift_);
      // Acquire: pairs with the release store in TryPop, which ended the reading of this slot.
      const uint64_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn < free_turn) return false;
      if (turn > free_turn) {
        // Relaxed: the ticket was stale; any newer value will do.
        ticket = tail_.load(std::memory_order_relaxed);
        // Relaxed: drawing a ticket publishes nothing; the slot's turn does.
      } else if (tail_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
        slot.item = item;
        slot.turn.store(free_turn + 1, std::memory_order_seq_cst);
        return true;
      }
    }
  }

  // Takes the oldest item. Returns false if the queue is empty, or if the push of the oldest item
  // has not ended yet; that producer's WakeOne is then still to come.
  [[nodiscard]] bool TryPop(T* item) {
    // Relaxed: a stale ticket is caught by the slot's turn or by the compare-exchange.
    uint64_t ticket = head_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[ticket & mask_];
      const uint64_t full_turn = 2 * (ticket >> lap_shift_) + 1;
      const uint64_t turn = slot.turn.load(std::memory_order_seq_cst);
      if (turn < full_turn) return false;
      if (turn > full_turn) {
        // Relaxed: the ticket was stale; any newer value will do.
        ticket = head_.load(std::memory_order_relaxed);
        // Relaxed: drawing a ticket publishes nothing; the slot's turn does.
      } else if (head_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
        *item = slot.item;
        // Release: pairs with the acquire load in TryPush of the next lap.
        slot.turn.store(full_turn + 1, std::memory_order_release);
        return true;
      }
    }
  }

  // Returns how many pushes have drawn a ticket so far, the calling thread's own among them.
  [[nodiscard]] uint64_t pushes() const {
    // Relaxed: a thread always sees its own draws, and no other data is read because of it.
    return tail_.load(std::memory_order_relaxed);
  }

  // Returns whether the queue was empty a moment ago. A hint, to decide whether to wake a thread.
  [[nodiscard]] bool SeemsEmpty() const {
    // Relaxed: no other data is read because of it.
    return head_.load(std::memory_order_relaxed) >= tail_.load(std::memory_order_relaxed);
  }

 private:
  struct alignas(kCacheLineBytes) Slot {
    std::atomic<uint64_t> turn{0};
    T item{};
  };

  const size_t mask_;
  const unsigned lap_shift_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kCacheLineBytes) std::atomic<uint64_t> head_{0};  // the next ticket of a pop
  alignas(kCacheLineBytes) std::atomic<uint64_t> tail_{0};  // the next ticket of a push
};

}  // namespace rp
