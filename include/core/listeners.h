// Listeners: the listening sockets of one reactor. Hides that accepting pauses while there are no
// descriptors for clients, and when it resumes.
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: O(listening sockets) per turn.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"
#include "net/acceptor.h"

namespace rp::core {

class Listeners {
 public:
  // Accepts connections on `listening_fd` from now on.
  void Add(net::EventLoop* loop, UniqueFd listening_fd, std::function<void(UniqueFd)> on_accepted);

  // Resumes the sockets that have paused, if it is time.
  void Retry(TimePoint now);
  // Makes the sockets that have paused resume in the next turn, because a descriptor is free.
  void RetryAtOnce(TimePoint now);
  // Returns when Retry has work to do, or kNever if nothing has paused.
  [[nodiscard]] TimePoint next_retry() const { return next_retry_; }

  // Accepts the connections that are waiting, and stops for good.
  void Stop();

 private:
  TimePoint next_retry_ = kNever;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
};

}  // namespace rp::core
