#include "net/acceptor.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace rp::net {

Acceptor::Acceptor(EventLoop* loop, UniqueFd listening_fd,
                   std::function<void(UniqueFd)> on_accepted)
    : loop_(loop),
      fd_(std::move(listening_fd)),
      on_accepted_(std::move(on_accepted)),
      limiter_(std::chrono::seconds(5)) {
  RP_CHECK(loop_->Add(fd_.get(), EPOLLIN, this));
}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::OnEvents(uint32_t /*events*/) { Accept(kMaxPerTurn); }

void Acceptor::Accept(int limit) {
  for (int i = 0; i < limit && fd_ && !paused_; ++i) {
    UniqueFd accepted(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      on_accepted_(std::move(accepted));
      continue;
    }
    if (errno == EAGAIN) return;
    // The connection was lost while it waited (accept(2) lists more errors of the network): go on
    // with the next.
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;
    Pause(std::strerror(errno));
  }
}

void Acceptor::Pause(const char* why) {
  if (!fd_) return;  // the connection just accepted has called Stop
  uint64_t suppressed = 0;
  if (limiter_.Allow(Now(), &suppressed)) {
    Log(LogLevel::kWarn, "cannot accept a connection: %s; waiting for one to close", why);
  }
  loop_->Remove(fd_.get());
  paused_ = true;
}

void Acceptor::Stop() {
  if (fd_ && !paused_) loop_->Remove(fd_.get());
  paused_ = false;
  fd_.Reset();
}

void Acceptor::Resume() {
  if (paused_ && loop_->Add(fd_.get(), EPOLLIN, this)) paused_ = false;
}

}  // namespace rp::net
