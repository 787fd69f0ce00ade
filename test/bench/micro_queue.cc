#include <atomic>
#include <deque>

#include "base/check.h"
#include "base/mpmc_queue.h"
#include "base/mutex.h"
#include "test/bench/micro.h"

namespace rp::bench {
namespace {

constexpr size_t kCapacity = 1024;
constexpr uint64_t kItems = 400'000;

class MutexQueue {
 public:
  explicit MutexQueue(size_t capacity) : capacity_(capacity) {}

  bool TryPush(uint64_t item) {
    MutexLock lock(&mutex_);
    if (items_.size() == capacity_) return false;
    items_.push_back(item);
    return true;
  }

  bool TryPop(uint64_t* item) {
    MutexLock lock(&mutex_);
    if (items_.empty()) return false;
    *item = items_.front();
    items_.pop_front();
    return true;
  }

 private:
  const size_t capacity_;
  Mutex mutex_;
  std::deque<uint64_t> items_ RP_GUARDED_BY(mutex_);
};

// A thread that has to wait gives its core away: there may be fewer cores than threads.
template <typename Queue>
void Push(Queue* queue, uint64_t item) {
  while (!queue->TryPush(item)) std::this_thread::yield();
}

// Every thread pushes one and pops one, in turn.
template <typename Queue>
void Pairs(Queue* queue, size_t threads) {
  RunThreads(threads, [&](size_t) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < kItems / threads; ++i) {
      Push(queue, i);
      uint64_t item = 0;
      while (!queue->TryPop(&item)) std::this_thread::yield();
      sum += item;
    }
    Keep(sum);
  });
}

// One thread pushes and all others pop, as a reactor and its workers do.
template <typename Queue>
void FanOut(Queue* queue, size_t consumers) {
  std::atomic<uint64_t> popped = 0;
  RunThreads(consumers + 1, [&](size_t index) {
    if (index == 0) {
      for (uint64_t i = 0; i < kItems; ++i) Push(queue, 1);
      // One for each to stop at.
      for (size_t i = 0; i < consumers; ++i) Push(queue, 0);
      return;
    }
    uint64_t sum = 0;
    for (uint64_t item = 1; item != 0; sum += item) {
      while (!queue->TryPop(&item)) std::this_thread::yield();
    }
    popped += sum;
  });
  RP_CHECK(popped == kItems);
}

}  // namespace

void BenchQueue() {
  PrintHeading("queue, one item pushed and popped");
  MpmcQueue<uint64_t> ours(kCapacity);
  MutexQueue theirs(kCapacity);
  for (size_t threads = 1; threads <= 4; ++threads) {
    Hold({.name = "each of " + std::to_string(threads) + " does both",
          .rival = "mutex and deque",
          .operations = kItems / threads * threads,
          .ours = [&] { Pairs(&ours, threads); },
          .theirs = [&] { Pairs(&theirs, threads); }});
  }
  for (size_t consumers = 1; consumers <= 3; ++consumers) {
    Hold({.name = "1 pushes, " + std::to_string(consumers) + " pop",
          .rival = "mutex and deque",
          .operations = kItems,
          .ours = [&] { FanOut(&ours, consumers); },
          .theirs = [&] { FanOut(&theirs, consumers); }});
  }
}

}  // namespace rp::bench
