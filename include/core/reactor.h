// Reactor: one thread with its event loop, its connections and the answers on their way to them.
//
// A turn: wait for events; read what came and look it up; end waits; start what was sent; take all
// answers that are there; write them together. Only this thread touches connections. It never
// blocks but in the wait, and sleeps without a limit when nothing has a deadline.
//
// Several reactors share the cache, the workers and the count of clients, and know nothing of each
// other. Each has memory for the requests of all clients, since all may have come to it.
//
// Owner: the server; borrows the worker pool, which outlives its requests. Thread safety: Run's
// thread, but for Deliver, Wake and RequestDrain. Cost: two system calls per turn, and those of the
// connections.
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
  // Hears how many bytes were given back to malloc that are not needed again soon; may be empty.
  std::function<void(uint64_t bytes)> on_freed = nullptr;
};

class Reactor final : public proxy::ReplyBox {
 public:
  // Everything borrowed outlives the reactor.
  Reactor(ReactorOptions options, ClientCount* clients, proxy::Router* router, WorkerPool* workers);
  ~Reactor();

  // Accepts connections that speak `protocol`, a constant name for the log; `make_session` makes
  // their sessions in the reactor's thread. REQUIRES: Run has not begun.
  void Serve(UniqueFd listening_fd, const char* protocol, SessionFactory make_session);

  // Serves until Drain was called and what was in flight is finished, or its time is over.
  void Run();

  // Stops accepting and lets Run return. Called by a handler of this reactor's loop.
  void Drain();
  // Has the reactor's own thread call Drain, in Run. Any thread.
  void RequestDrain();

  void Deliver(proxy::Request* first, proxy::Request* last) override;
  void Wake() override;

  [[nodiscard]] net::EventLoop* loop() { return &context_.loop; }
  [[nodiscard]] bool draining() const { return context_.is_draining; }
  // Returns how many requests are out of the pool.
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
  ReactorContext context_;
  net::Waker waker_;
  Listeners listeners_;
  std::atomic<bool> drain_requested_ = false;
  TimePoint drain_deadline_ = kNever;
};

}  // namespace rp::core
