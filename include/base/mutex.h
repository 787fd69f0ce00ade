// Mutex and CondVar: std::mutex and its condition variable with clang's thread-safety annotations,
// so that `make lint` proves which lock guards which data. No thread of this program holds two
// locks at the same time.
//
// Owner: the object whose data it guards.
// Thread safety: any thread.
// Cost: as std::mutex.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/time.h"

#if defined(__clang__)
#define RP_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define RP_THREAD_ANNOTATION(x)
#endif

#define RP_CAPABILITY(x) RP_THREAD_ANNOTATION(capability(x))
#define RP_SCOPED_CAPABILITY RP_THREAD_ANNOTATION(scoped_lockable)
#define RP_GUARDED_BY(x) RP_THREAD_ANNOTATION(guarded_by(x))
#define RP_REQUIRES(...) RP_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define RP_EXCLUDES(...) RP_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define RP_ACQUIRE(...) RP_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RP_TRY_ACQUIRE(...) RP_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define RP_RELEASE(...) RP_THREAD_ANNOTATION(release_capability(__VA_ARGS__))

namespace rp {

// Whether a call may block until another thread releases a lock.
enum class Blocking : bool { kNo, kYes };

class RP_CAPABILITY("mutex") Mutex {
 public:
  void Lock() RP_ACQUIRE() { mutex_.lock(); }
  // Locks the mutex and returns true. With Blocking::kNo, returns false at once if another thread
  // holds it.
  [[nodiscard]] bool Lock(Blocking blocking) RP_TRY_ACQUIRE(true) {
    if (blocking == Blocking::kNo) return mutex_.try_lock();
    mutex_.lock();
    return true;
  }
  void Unlock() RP_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class RP_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) RP_ACQUIRE(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() RP_RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

// A wait may end without a notification: callers check their condition in a loop.
class CondVar {
 public:
  void Wait(Mutex* mutex) RP_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // Returns at `deadline` at the latest. With kNever, waits without a limit.
  void WaitUntil(Mutex* mutex, TimePoint deadline) RP_REQUIRES(mutex) {
    if (deadline == kNever) return Wait(mutex);
    // A relative time, because the condition variable has another clock. The deadline may be
    // TimePoint::min().
    const TimePoint now = Now();
    const Duration left = deadline > now ? deadline - now : Duration::zero();
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait_for(lock, left);
    lock.release();
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace rp
