// Reactor: one thread with its event loop, its connections and the answers on their way to them.
//
// A turn: wait for events; read what came, answer what is in the cache, start a few misses or send
// many to the workers in chains; take back all answers that are there; write them together. Only
// this thread touches connections. It never blocks but in the wait, and sleeps without a limit when
// nothing has a deadline.
//
// Several reactors share the cache, the workers and the count of clients, and know nothing of each
// other. Each has memory for the requests of all clients, since all may have come to it.
//
// Owned by the server; borrows the worker pool, which outlives its requests.
//
// Thread safety: Run's thread, but for Deliver, Wake and RequestDrain.
#pragma once

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "core/client_count.h"
#include "core/connection.h"
#include "core/worker_pool.h"
#include "net/acceptor.h"
#include "net/event_loop.h"
#include "proxy/router.h"

namespace rp::core {

// Where answers are put together before one writev.
struct Scratch {
  static constexpr size_t kMostHeadBytes = 64 * Session::kMaxAnswerBytes;
  static constexpr size_t kMostPieces = 256;
  // What one answer takes at most: its head, its payload and the payload's tail.
  static constexpr size_t kPiecesPerAnswer = 3;

  void Clear() { piece_count = head_bytes = total_bytes = 0; }
  [[nodiscard]] bool full() const {
    return head_bytes > kMostHeadBytes - Session::kMaxAnswerBytes ||
           piece_count > kMostPieces - kPiecesPerAnswer;
  }
  // At least Session::kMaxAnswerBytes unless full().
  [[nodiscard]] char* free_bytes() { return heads.data() + head_bytes; }
  // Takes over what was written to free_bytes() for one answer, and what is sent behind it. `value`
  // holds the payload's bytes, or is null and the request holds them.
  void Add(size_t bytes, const Payload& payload, cache::Entry* value);

  void AddWritten(size_t bytes);

  size_t piece_count = 0;
  size_t head_bytes = 0;
  size_t total_bytes = 0;
  std::array<iovec, kMostPieces> pieces;
  std::array<cache::Entry*, kMostPieces> values;  // null for a piece of `heads` or of a request
  std::array<char, kMostHeadBytes> heads;
};

// How long a client may take; 0 is for ever.
struct ClientTimeouts {
  // Over HTTP, to send a request, and the first one from the accept on. Over the Redis protocol,
  // without a byte of a command that has begun.
  Duration header = std::chrono::seconds(10);
  Duration idle = std::chrono::seconds(75);   // between two requests over HTTP
  Duration write = std::chrono::seconds(30);  // without taking any byte of its answers
  Duration resp_idle{};                       // between two commands of the Redis protocol
};

// The waits of connections, each sorted by itself because it has one length.
struct Waits {
  static constexpr Duration kForever = Duration::max();

  explicit Waits(const ClientTimeouts& timeouts)
      : idle(OrForever(timeouts.idle)),
        receiving(OrForever(timeouts.header)),
        sending(OrForever(timeouts.write)),
        resp_idle(OrForever(timeouts.resp_idle)) {}

  DeadlineList<Connection> idle;
  DeadlineList<Connection> receiving;
  DeadlineList<Connection> sending;
  DeadlineList<Connection> resp_idle;
  DeadlineList<Connection> lingering{std::chrono::seconds(2)};  // after our last byte

 private:
  static Duration OrForever(Duration wait) { return wait == Duration::zero() ? kForever : wait; }
};

struct ReactorOptions {
  Duration timeout = std::chrono::seconds(1);  // of a request
  ClientTimeouts clients;
  // Whether this thread answers hits and starts a few misses itself; else all go to the workers.
  bool answers_inline = true;
  // Hears how many bytes were given back to malloc that are not needed again soon; may be empty.
  std::function<void(uint64_t bytes)> on_freed = nullptr;
};

// What there is to tell about the server as a whole, whichever reactor is asked.
struct ServerFacts {
  cache::CacheStats cache;
  size_t clients = 0;
  size_t max_clients = 0;
  uint64_t connections_received = 0;
  Duration uptime{};
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

  [[nodiscard]] net::EventLoop* loop() { return &loop_; }

  // --- For connections. ---

  [[nodiscard]] RequestPool* requests() { return &requests_; }
  [[nodiscard]] Scratch* scratch() { return scratch_.get(); }
  [[nodiscard]] std::span<char> read_buffer() { return *read_buffer_; }
  [[nodiscard]] Waits* waits() { return &waits_; }
  [[nodiscard]] const Turn& turn() const { return turn_; }
  [[nodiscard]] bool draining() const { return drain_deadline_ != kNever; }
  // Whether one command may take so many requests; there is always room for one of
  // kMaxGroupRequests while no other is so large.
  [[nodiscard]] bool HasRoomFor(size_t requests) const;
  [[nodiscard]] ServerFacts Facts() const;
  [[nodiscard]] uint64_t CacheSize() const { return router_->CacheSize(); }
  // Reads the clock anew, so that a long turn trusts no lease that has ended meanwhile.
  void UpdateNow() { turn_.now = Now(); }
  // Fills in what the cache has, if that takes no waiting.
  [[nodiscard]] bool TryHit(Request* request) {
    return options_.answers_inline && router_->TryHit(request, turn_.now);
  }
  // The key's entry, if that takes no waiting.
  [[nodiscard]] cache::EntryRef TryFind(std::string_view key) const {
    return options_.answers_inline ? router_->TryFind(key, turn_.now) : cache::EntryRef();
  }
  // Sends the request on its way.
  void Dispatch(Request* request);
  void MarkDirty(Connection* connection);
  // Whether the request has come back without an answer; if not, it will come back with one soon.
  [[nodiscard]] bool TakeBack(Request* request) const;
  // What may be served in place of a time-out, or none.
  [[nodiscard]] cache::EntryRef StaleValue(const Request& request) const;
  // A block of so many bytes was given back to malloc that is not needed again soon. A large one is
  // with the kernel already, and no reason to trim the heap.
  void OnFreed(uint64_t bytes) {
    if (bytes < kMappedBlockBytes) freed_bytes_ += bytes;
  }
  // Memory is short: the cache gives back some of its.
  void FreeMemory() const { router_->FreeMemory(); }
  // A closed connection is freed at the end of the turn: events of this turn may still name it.
  void Bury(Connection* connection);

 private:
  static constexpr size_t kReadBufferBytes = 64 * 1024;
  static constexpr Duration kDrainWait = std::chrono::seconds(5);
  // The most requests that go to a worker at once.
  static constexpr int kChainLength = 64;
  // Up to so many misses of a turn are started here: waking a worker costs as much, and it would
  // take the processor from somebody.
  static constexpr int kShortChain = 16;
  static constexpr int kMostRefusals = 4;
  // Less is not worth telling.
  static constexpr uint64_t kLeastFreedBytes = 1 << 20;

  void OnAccepted(UniqueFd fd, uint64_t number, std::unique_ptr<Session> session);
  void BeginTurn();
  void Sleep();
  void TakeAnswers();
  void FlushDirty();
  void StartRequests();
  void StartChain();
  void EndWaits();
  void EndRequestWaits();
  void EndTurn();
  void RetryAccepting();
  [[nodiscard]] TimePoint NextDeadline() const;
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool must_drain() const {
    return drain_requested_.load(std::memory_order_seq_cst) && !draining();
  }

  const ReactorOptions options_;
  ClientCount* const clients_;
  proxy::Router* const router_;
  WorkerPool* const workers_;
  net::EventLoop loop_;
  net::Waker waker_;
  std::atomic<bool> drain_requested_ = false;
  Mailbox<proxy::Request> mailbox_;
  RequestPool requests_;
  DeadlineList<Request> request_waits_;
  DeadlineList<Request> overdue_{
      std::chrono::milliseconds(1)};  // timed out with their answer on the way
  Waits waits_{options_.clients};
  Turn turn_;
  TimePoint drain_deadline_ = kNever;
  TimePoint accept_retry_ = kNever;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::vector<std::unique_ptr<Connection>> connections_;
  const TimePoint started_ = Now();
  std::vector<std::unique_ptr<Connection>> graveyard_;
  std::vector<Connection*> dirty_;
  uint64_t freed_bytes_ = 0;  // that on_freed has not heard of
  proxy::RequestChain chain_;
  redis::FetchQueue fetches_;  // of misses started here, until the fetchers have them
  int refusals_ = 0;           // how often they would not take these at once
  const std::unique_ptr<Scratch> scratch_;
  const std::unique_ptr<std::array<char, kReadBufferBytes>> read_buffer_;
};

}  // namespace rp::core
