#include "net/acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/check.h"

namespace rp::net {
namespace {

// At least half of all, so that a tiny limit leaves something to serve with.
int HighestFd(int reserve) {
  rlimit limit{};
  if (reserve == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
    return INT_MAX;
  const int all = static_cast<int>(limit.rlim_cur);
  return std::max(all / 2, all - reserve);
}

}  // namespace

Acceptor::Acceptor(EventLoop* loop, UniqueFd listening_fd,
                   std::function<void(UniqueFd)> on_accepted, int reserve)
    : loop_(loop),
      fd_(std::move(listening_fd)),
      on_accepted_(std::move(on_accepted)),
      highest_fd_(HighestFd(reserve)),
      limiter_(std::chrono::seconds(5)) {
  RP_CHECK(loop_->Add(fd_.get(), EPOLLIN, this));
}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::OnEvents(uint32_t /*events*/) { AcceptSome(); }

void Acceptor::AcceptWaiting() {
  while (AcceptSome()) {
  }
}

bool Acceptor::AcceptSome() {
  for (int i = 0; i < kMostPerTurn && fd_ && !paused_; ++i) {
    UniqueFd accepted(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      // The kernel gives the lowest number that is free: a high one means that few are.
      const bool last = accepted.get() >= highest_fd_;
      on_accepted_(std::move(accepted));
      if (last) Pause("too few file descriptors are left");
      continue;
    }
    if (errno == EAGAIN) return false;
    // The connection went away while it waited (accept(2) lists more of the network's errors): on
    // to the next.
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;
    Pause(std::strerror(errno));
  }
  return fd_ && !paused_;
}

void Acceptor::Pause(const char* why) {
  if (!fd_) return;  // stopped by the connection just accepted
  uint64_t suppressed = 0;
  if (limiter_.Allow(Now(), &suppressed)) {
    Log(LogLevel::kWarn, "cannot accept a connection: %s; waiting for one to close", why);
  }
  loop_->Remove(fd_.get());
  paused_ = true;
}

bool Acceptor::Scarce() const {
  if (highest_fd_ == INT_MAX) return false;
  const UniqueFd probe(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  return !probe || probe.get() >= highest_fd_;
}

void Acceptor::Stop() {
  if (fd_ && !paused_) loop_->Remove(fd_.get());
  paused_ = false;
  fd_.Reset();
}

void Acceptor::Resume() {
  if (paused_ && !Scarce() && loop_->Add(fd_.get(), EPOLLIN, this)) paused_ = false;
}

}  // namespace rp::net
