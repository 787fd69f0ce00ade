// EventLoop: epoll, and the descriptors that turn time, signals and other threads into its events.
//
// Level-triggered but for the waker: a handler that leaves something unread is called again. A
// handler may close or remove descriptors while a batch of events is handed out, its own included;
// what may be in the same batch must stay alive until Wait returns, which is why the reactor buries
// its connections only then.
//
// Owned by a reactor. Handlers are borrowed and outlive their registration.
//
// Thread safety: one thread, but for Waker::Wake and Timer::Arm.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>

#include "base/time.h"
#include "base/unique_fd.h"

namespace rp::net {

class EventHandler {
 public:
  // `events` are epoll's (EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR).
  virtual void OnEvents(uint32_t events) = 0;

 protected:
  ~EventHandler() = default;
};

class EventLoop {
 public:
  EventLoop();

  // `events` as epoll's. False when the kernel has no room for one more (errno says why).
  [[nodiscard]] bool Add(int fd, uint32_t events, EventHandler* handler);
  // REQUIRES: the descriptor was added.
  void Modify(int fd, uint32_t events, EventHandler* handler);
  void Remove(int fd);

  // Waits for events until `deadline` (kNever: without limit; not after `now`: not at all).
  void Wait(TimePoint now, TimePoint deadline);
  // Hands out what the last Wait brought.
  void Dispatch();

 private:
  UniqueFd epoll_fd_;
  std::array<epoll_event, 256> events_;
  int event_count_ = 0;
};

// Lets other threads end the loop's wait, at the cost of a system call only when the loop sleeps.
//
// The loop's thread: BeginSleep; look for work; Wait; EndSleep. Others: publish work; Wake.
// Publishing, looking and the flag are sequentially consistent, so either the loop sees the work or
// the other thread sees the flag.
class Waker final : public EventHandler {
 public:
  explicit Waker(EventLoop* loop);

  void BeginSleep() { sleeping_.store(true, std::memory_order_seq_cst); }
  void EndSleep() { sleeping_.store(false, std::memory_order_relaxed); }

  // Any thread.
  void Wake() {
    if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) WriteEvent();
  }

  // Nothing is read: each write is an event of its own (EPOLLET).
  void OnEvents(uint32_t /*events*/) override {}

 private:
  void WriteEvent();

  UniqueFd event_fd_;
  std::atomic<bool> sleeping_ = false;
};

// A one-shot timer on the clock of Now().
class Timer final : public EventHandler {
 public:
  Timer(EventLoop* loop, std::function<void()> on_fired);

  // Fires once at `deadline`, in place of any earlier arming. Any thread.
  void Arm(TimePoint deadline);

  void OnEvents(uint32_t events) override;

 private:
  UniqueFd timer_fd_;
  const std::function<void()> on_fired_;
};

// Turns signals into calls: all that end a process unless it does something about them, but for
// those that tell of a bug (SIGSEGV, SIGABRT, ...), for SIGPIPE and for SIGXFSZ. REQUIRES: they are
// blocked in every thread.
class Signals final : public EventHandler {
 public:
  Signals(EventLoop* loop, std::function<void(int signal)> on_signal);

  void OnEvents(uint32_t events) override;

  // The signals that this class receives; main blocks them before it starts any thread.
  [[nodiscard]] static sigset_t Mask();

 private:
  UniqueFd signal_fd_;
  const std::function<void(int signal)> on_signal_;
};

}  // namespace rp::net
