// Reactor: one thread with its event loop, its connections and a mailbox for their answers.
//
// A turn: wait for events; read input and look keys up; end waits; start the requests that were
// sent; take the answers that have arrived; write answers together. Only this thread touches
// connections. It blocks in the wait, which has no limit if nothing has a deadline, and otherwise
// only in rare cases for a lock.
//
// Several reactors share the cache, the workers and the count of clients, and know nothing of each
// other. Each has memory for the requests of all clients, since all may have come to it.
//
// Owner: the server; borrows the worker pool, which outlives its requests. Thread safety: Run's
// thread, except for Deliver, Wake and RequestDrain. Cost: one or two system calls per turn, and
// those of the connections.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/mailbox.h"
#include "core/connection.h"
#include "core/listeners.h"
#include "core/reactor_context.h"

namespace rp::core {

struct ReactorOptions : DispatcherOptions {
  ClientTimeouts clients;
  // Called with the number of bytes freed to malloc that are not needed again soon; may be empty.
  std::function<void(uint64_t bytes)> on_freed = nullptr;
};

class Reactor final : public proxy::ReplyBox {
 public:
  // Everything borrowed outlives the reactor.
  Reactor(ReactorOptions options, ClientCount* clients, proxy::Router* router, WorkerPool* workers);
  ~Reactor();

  // Accepts connections from `listening_fd`, and makes their sessions with `make_session` in the
  // reactor's thread. `protocol` is its name for the log, a constant. REQUIRES: Run has not begun.
  void Serve(UniqueFd listening_fd, const char* protocol, SessionFactory make_session);

  // Serves until Drain is called, and then until all requests in flight are finished, or for
  // kDrainWait.
  void Run();

  // Stops accepting, so that Run returns soon. REQUIRES: the caller is a handler of this loop.
  void Drain();
  // Makes Run call Drain. Any thread may call this.
  void RequestDrain();

  void Deliver(proxy::Request* first, proxy::Request* last) override;
  void Wake() override;

  [[nodiscard]] net::EventLoop* loop() { return &context_.loop; }
  [[nodiscard]] bool draining() const { return context_.is_draining; }
  // Returns how many requests are taken from the pool.
  [[nodiscard]] size_t requests_out() const { return context_.requests.out(); }

 private:
  static constexpr Duration kDrainWait = std::chrono::seconds(5);

  void OnAccepted(UniqueFd fd, const char* protocol, const SessionFactory& make_session);
  void BeginTurn();
  void Sleep();
  void TakeAnswers();
  void EndWaits();
  void EndTurn();
  [[nodiscard]] TimePoint NextDeadline() const;
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool must_drain() const {
    return drain_requested_.load(std::memory_order_seq_cst) && !draining();
  }

  const std::function<void(uint64_t bytes)> on_freed_;
  ClientCount* const clients_;
  Mailbox<proxy::Request> mailbox_;
  proxy::Request* answers_ = nullptr;  // taken from the mailbox, not passed on yet
  ReactorContext context_;
  net::Waker waker_;
  Listeners listeners_;
  std::atomic<bool> drain_requested_ = false;
  TimePoint drain_deadline_ = kNever;
};

}  // namespace rp::core
