// Acceptor: accepts connections from one listening socket and passes their descriptors on.
//
// Without free descriptors it stops listening instead of spinning on an event that it cannot serve,
// and logs this (rate-limited). The reactor lets it try again after kRetry, or at once when a
// connection has been closed.
//
//   listening --no descriptors or memory--> paused
//   paused    --Resume--> listening
//   either    --Stop--> stopped
//
// Owner: a reactor.
// Thread safety: the reactor's thread.
// Cost: one accept4 per connection.
#pragma once

#include <functional>
#include <string>

#include "base/log.h"
#include "net/event_loop.h"
#include "net/socket.h"

namespace rp::net {

class Acceptor final : public EventHandler {
 public:
  static constexpr Duration kRetry = std::chrono::milliseconds(100);

  // Starts to accept from `listening_fd`, and calls `on_accepted` with each new descriptor.
  Acceptor(EventLoop* loop, UniqueFd listening_fd, std::function<void(UniqueFd)> on_accepted);
  ~Acceptor();

  void OnEvents(uint32_t events) override;

  // Maximum connections that wait on a listening socket.
  static constexpr int kMaxWaiting = kBacklog + 1;

  // Accepts all waiting connections, not only one turn's share; but at most kMaxWaiting, since new
  // ones may arrive as fast as they are accepted.
  void AcceptWaiting() { Accept(kMaxWaiting); }

  // Closes the listening socket for good. REQUIRES: the acceptor lives to the end of the turn,
  // since an event of its own may follow the one that calls this.
  void Stop();

  // Returns whether it waits for Resume.
  [[nodiscard]] bool paused() const { return paused_; }
  // Listens again after a pause.
  void Resume();

 private:
  // For fairness: new connections can wait in the kernel, while requests of other clients should
  // not.
  static constexpr int kMaxPerTurn = 64;

  // Accepts waiting connections, at most `limit`.
  void Accept(int limit);
  void Pause(const char* why);

  EventLoop* const loop_;
  UniqueFd fd_;
  const std::function<void(UniqueFd)> on_accepted_;
  LogLimiter limiter_;
  bool paused_ = false;
};

}  // namespace rp::net
