// Acceptor takes connections from one listening socket and hands their descriptors on.
//
// Out of descriptors it stops listening to the socket instead of spinning on an event that it
// cannot serve, and says so (rate-limited); the reactor lets it try again after kRetry, or at once
// when a connection has been closed.
//
// Owned by a reactor. Thread safety: the reactor's thread.
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

  Acceptor(EventLoop* loop, UniqueFd listening_fd, std::function<void(UniqueFd)> on_accepted);
  ~Acceptor();

  void OnEvents(uint32_t events) override;

  // As many as may wait on a listening socket at once.
  static constexpr int kMostWaiting = kBacklog + 1;

  // Accepts all who wait, not only one turn's share. At most kMostWaiting, since others may come as
  // fast as they are accepted.
  void AcceptWaiting() { Accept(kMostWaiting); }

  // Closes the listening socket for good. The acceptor itself must live on to the end of the turn:
  // an event of its own may wait behind the one that calls this.
  void Stop();

  [[nodiscard]] bool paused() const { return paused_; }
  // Tries again after a pause.
  void Resume();

 private:
  // Fairness: connections wait in the kernel, requests of those that are here already should not.
  static constexpr int kMostPerTurn = 64;

  // Accepts those who wait, at most `most` of them.
  void Accept(int most);
  void Pause(const char* why);

  EventLoop* const loop_;
  UniqueFd fd_;
  const std::function<void(UniqueFd)> on_accepted_;
  LogLimiter limiter_;
  bool paused_ = false;
};

}  // namespace rp::net
