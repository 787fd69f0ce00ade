#include "core/listeners.h"

#include <utility>

namespace rp::core {

void Listeners::Add(net::EventLoop* loop, UniqueFd listening_fd,
                    std::function<void(UniqueFd)> on_accepted) {
  acceptors_.push_back(
      std::make_unique<net::Acceptor>(loop, std::move(listening_fd), std::move(on_accepted)));
}

void Listeners::Retry(TimePoint now) {
  bool paused = false;
  for (auto& acceptor : acceptors_) {
    if (acceptor->paused() && next_retry_ <= now) acceptor->Resume();
    paused |= acceptor->paused();
  }
  if (!paused) {
    next_retry_ = kNever;
  } else if (next_retry_ <= now || next_retry_ == kNever) {
    next_retry_ = now + net::Acceptor::kRetry;
  }
}

void Listeners::RetryAtOnce(TimePoint now) {
  if (next_retry_ != kNever) next_retry_ = now;
}

// Connections that wait in the kernel are accepted and served, because closing the socket would
// reset them.
void Listeners::Stop() {
  for (auto& acceptor : acceptors_) {
    acceptor->AcceptWaiting();
    acceptor->Stop();
  }
}

}  // namespace rp::core
