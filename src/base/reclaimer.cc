#include "base/reclaimer.h"

#include <atomic>
#include <list>
#include <system_error>
#include <thread>

#include "base/memory.h"
#include "base/mutex.h"
#include "base/signals_blocked.h"

namespace rp {
namespace {

std::atomic<uint64_t> reclaimed_bytes = 0;

class Reclaimer {
 public:
  Reclaimer() {
    const SignalsBlocked blocked;  // for the thread
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error&) {
      NoteMemoryIsShort();
    }
  }
  ~Reclaimer() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
    }
    condition_.NotifyOne();
    if (thread_.joinable()) thread_.join();
  }
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  // Returns false if the object cannot be handed over.
  [[nodiscard]] bool Take(void* object, void (*free)(void*), size_t heap_bytes)
      RP_EXCLUDES(mutex_) {
    if (!thread_.joinable()) return false;
    std::list<Item> one;
    if (!TryAllocate(sizeof(Item), [&] { one.push_back({object, free, heap_bytes}); }))
      return false;
    {
      MutexLock lock(&mutex_);
      items_.splice(items_.end(), one);
    }
    condition_.NotifyOne();
    return true;
  }

 private:
  struct Item {
    void* object;
    void (*free)(void*);
    size_t heap_bytes;
  };

  void Run() noexcept RP_EXCLUDES(mutex_) {
    std::list<Item> items;
    bool goes_on = true;
    while (goes_on) {
      {
        MutexLock lock(&mutex_);
        while (items_.empty() && !stopping_) condition_.Wait(&mutex_);
        items.swap(items_);
        goes_on = !stopping_;
      }
      for (const Item& item : items) {
        item.free(item.object);
        reclaimed_bytes.fetch_add(item.heap_bytes, std::memory_order_relaxed);
      }
      items.clear();
    }
  }

  Mutex mutex_;
  CondVar condition_;
  std::list<Item> items_ RP_GUARDED_BY(mutex_);
  bool stopping_ RP_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

void FreeElsewhere(void* object, void (*free)(void*), size_t heap_bytes) {
  static Reclaimer reclaimer;
  if (!reclaimer.Take(object, free, heap_bytes)) free(object);
}

uint64_t TakeReclaimedBytes() {
  if (reclaimed_bytes.load(std::memory_order_relaxed) == 0) return 0;
  return reclaimed_bytes.exchange(0, std::memory_order_relaxed);
}

}  // namespace rp
