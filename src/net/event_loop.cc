#include "net/event_loop.h"

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/check.h"

namespace rp::net {
namespace {

// Returns the time to wait in whole milliseconds. Rounds up: a wait that ends before the deadline
// would make the loop spin.
int TimeoutMs(TimePoint now, TimePoint deadline) {
  if (deadline == kNever) return -1;
  if (deadline <= now) return 0;
  const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::min<int64_t>(wait_ms, INT_MAX));
}

}  // namespace

EventLoop::EventLoop() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), events_{} { RP_CHECK(epoll_fd_); }

bool EventLoop::Add(int fd, uint32_t events, EventHandler* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  return epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::Modify(int fd, uint32_t events, EventHandler* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  RP_CHECK(epoll_ctl(epoll_fd_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::Remove(int fd) {
  RP_CHECK(epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0);
}

void EventLoop::Wait(TimePoint now, TimePoint deadline) {
  event_count_ = epoll_wait(epoll_fd_.get(), events_.data(), static_cast<int>(events_.size()),
                            TimeoutMs(now, deadline));
  RP_CHECK(event_count_ >= 0 || errno == EINTR);
}

void EventLoop::Dispatch() {
  for (int i = 0; i < event_count_; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    static_cast<EventHandler*>(event.data.ptr)->OnEvents(event.events);
  }
}

Waker::Waker(EventLoop* loop) : event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  RP_CHECK(event_fd_ && loop->Add(event_fd_.get(), EPOLLIN | EPOLLET, this));
}

void Waker::WriteEvent() {
  // The counter is never read and has room for 2^64 - 2 wake-ups.
  RP_CHECK(eventfd_write(event_fd_.get(), 1) == 0);
}

Timer::Timer(EventLoop* loop, std::function<void()> on_fired)
    : timer_fd_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
      on_fired_(std::move(on_fired)) {
  RP_CHECK(timer_fd_ && loop->Add(timer_fd_.get(), EPOLLIN, this));
}

void Timer::Arm(TimePoint deadline) {
  // An all-zero time would disarm the timer.
  const int64_t at_ns = std::max<int64_t>(1, deadline.time_since_epoch().count());
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(at_ns / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(at_ns % 1'000'000'000);
  RP_CHECK(timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
}

void Timer::OnEvents(uint32_t /*events*/) {
  uint64_t expirations = 0;
  // The read fails if the timer was armed again since the event: then it has not fired yet.
  if (read(timer_fd_.get(), &expirations, sizeof(expirations)) == sizeof(expirations)) on_fired_();
}

Signals::Signals(EventLoop* loop, std::function<void(int signal)> on_signal)
    : on_signal_(std::move(on_signal)) {
  const sigset_t mask = Mask();
  signal_fd_.Reset(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  RP_CHECK(signal_fd_ && loop->Add(signal_fd_.get(), EPOLLIN, this));
}

void Signals::OnEvents(uint32_t /*events*/) {
  signalfd_siginfo info{};
  while (read(signal_fd_.get(), &info, sizeof(info)) == sizeof(info))
    on_signal_(static_cast<int>(info.ssi_signo));
}

sigset_t Signals::Mask() {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM,
                           SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXCPU, SIGTRAP, SIGSYS}) {
    sigaddset(&mask, signal);
  }
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&mask, signal);
  return mask;
}

}  // namespace rp::net
