// Interrupt: ends the waits of threads that talk to Redis, all of them and for good. Hides an
// eventfd.
//
// Owner: whoever owns the threads.
// Thread safety: any thread.
// Cost: fd and is_raised are a load; the others are a system call.
#pragma once

#include <atomic>

#include "base/time.h"
#include "base/unique_fd.h"

namespace rp::redis {

class Interrupt {
 public:
  Interrupt();

  // Returns a descriptor that is readable from Raise on, and that nobody reads.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Ends all waits, and those to come. May be called again.
  void Raise();
  [[nodiscard]] bool is_raised() const { return is_raised_.load(std::memory_order_acquire); }

  // Waits for that time. Returns false, at once, if it is raised.
  [[nodiscard]] bool Sleep(Duration wait) const;

 private:
  const UniqueFd fd_;
  std::atomic<bool> is_raised_ = false;
};

}  // namespace rp::redis
