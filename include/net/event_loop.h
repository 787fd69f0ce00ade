// EventLoop: epoll, and the descriptors that turn time, signals and other threads into its events.
//
// Level-triggered, except for the waker: a handler that leaves something unread is called again. A
// handler may close or remove descriptors while a batch of events is handed out, its own included.
// Handlers that may be in the same batch must live until Wait returns; therefore the reactor defers
// the deletion of its connections.
//
// Owner: a reactor. Handlers are borrowed and outlive their registration.
// Thread safety: the reactor's thread, except for Waker::Wake and Timer::Arm.
// Cost: one system call for each function, except for Dispatch and Waker::Wake.
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
  // Handles `events`, which are epoll's (EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR).
  virtual void OnEvents(uint32_t events) = 0;

 protected:
  ~EventHandler() = default;
};

class EventLoop {
 public:
  EventLoop();

  // Registers the descriptor for `events`, which are epoll's. Returns false if the kernel has no
  // room for one more (errno says why).
  [[nodiscard]] bool Add(int fd, uint32_t events, EventHandler* handler);
  // Change and end a registration. REQUIRES: the descriptor was added.
  void Modify(int fd, uint32_t events, EventHandler* handler);
  void Remove(int fd);

  // Waits for events until `deadline`. With kNever, waits without a limit; with a deadline up to
  // `now`, does not wait.
  void Wait(TimePoint now, TimePoint deadline);
  // Passes the events of the last Wait to their handlers.
  void Dispatch();

 private:
  UniqueFd epoll_fd_;
  std::array<epoll_event, 256> events_;
  int event_count_ = 0;
};

// Waker: lets other threads end the loop's wait. It costs a system call only if the loop sleeps.
//
//   The loop's thread                           Another thread
//     BeginSleep                                  publish work
//     look for work; if there is any, no Wait     Wake
//     Wait
//     EndSleep
//
// Publishing, looking and the flag are sequentially consistent, so either the loop sees the work or
// the other thread sees the flag.
class Waker final : public EventHandler {
 public:
  explicit Waker(EventLoop* loop);

  // Announce and end the sleep of the loop's thread, see above.
  void BeginSleep() { sleeping_.store(true, std::memory_order_seq_cst); }
  void EndSleep() { sleeping_.store(false, std::memory_order_relaxed); }

  // Ends the loop's wait, if it sleeps. Any thread.
  void Wake() {
    if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) WriteEvent();
  }

  // Reads nothing: each write is an event of its own (EPOLLET).
  void OnEvents(uint32_t /*events*/) override {}

 private:
  void WriteEvent();

  UniqueFd event_fd_;
  std::atomic<bool> sleeping_ = false;
};

// Timer: a one-shot timer on the clock of Now().
class Timer final : public EventHandler {
 public:
  // Makes a timer that calls `on_fired` from the loop. It is not armed.
  Timer(EventLoop* loop, std::function<void()> on_fired);

  // Makes the timer fire once at `deadline`, and cancels an earlier Arm. Any thread.
  void Arm(TimePoint deadline);

  void OnEvents(uint32_t events) override;

 private:
  UniqueFd timer_fd_;
  const std::function<void()> on_fired_;
};

// Signals: turns signals into calls. It takes all signals that would end the process, except those
// that report a bug (SIGSEGV, SIGABRT, ...), SIGPIPE and SIGXFSZ. REQUIRES: the signals of Mask are
// blocked in every thread.
class Signals final : public EventHandler {
 public:
  // Starts to call `on_signal` with each signal, from the loop.
  Signals(EventLoop* loop, std::function<void(int signal)> on_signal);

  void OnEvents(uint32_t events) override;

  // Returns the signals that this class takes. main blocks them before it starts any thread.
  [[nodiscard]] static sigset_t Mask();

 private:
  UniqueFd signal_fd_;
  const std::function<void(int signal)> on_signal_;
};

}  // namespace rp::net
