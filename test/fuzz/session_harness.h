// One client of one session, with a real connection over a socket pair, a cache and a Redis that
// answers by rule: whatever depends on time or on other threads is constant, so that what the
// client hears depends only on what it sends. For fuzzers.
//
// The cache begins with the same entries each time, and nothing that is fetched is stored. Redis
// answers a GET by the first letter of its key, and a command with the command itself. What it is
// asked for a key that begins with `p` is pending until the client has sent everything; then the
// last question is answered first.
//
// Owner: the check that makes it. Thread safety: one thread; it starts none. Cost: some ten system
// calls for each piece of input.
#pragma once

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/mailbox.h"
#include "core/connection.h"
#include "core/reactor_context.h"
#include "test/fuzz/exact_copy.h"
#include "test/support/cache_flight.h"
#include "test/support/outgoing.h"

namespace rp::core::fuzz {

// How the bytes arrive: up to `first_cut`, and from there `step` bytes at a time.
struct Delivery {
  size_t first_cut;
  size_t step;
  bool answers_inline = true;  // without the workers, where possible
};

// What the client hears, and how its connection stands then.
struct Heard {
  std::string bytes;
  Connection::Phase phase = Connection::Phase::kOpen;

  [[nodiscard]] bool ended() const { return phase != Connection::Phase::kOpen; }
};

class SessionHarness final : public proxy::ReplyBox {
 public:
  // `command_table` is what Redis replies to COMMAND.
  SessionHarness(const SessionFactory& make_session, std::string_view command_table,
                 bool answers_inline)
      : command_table_(command_table),
        cache_({.capacity = 100, .expire = Duration::zero()}),
        read_through_(
            {}, cache::TestHasher(), &cache_, nullptr,
            [this](redis::FetchQueue* fetches, Blocking) {
              while (!fetches->empty()) fetches_.push_back(fetches->PopFront());
              return true;
            },
            [](TimePoint) {}, [] {}),
        forwarder_(
            cache::TestHasher(), &cache_,
            [this](redis::Fetch* fetch) {
              fetches_.push_back(fetch);
              return true;
            },
            [] {}),
        router_(&read_through_, &forwarder_),
        workers_(&router_, [] {}),
        context_({.timeout = std::chrono::hours(1), .answers_inline = answers_inline},
                 ClientTimeouts(), &clients_, &router_, &workers_, this) {
    // There are no workers: where their queue is full, this thread does what they would.
    while (workers_.TrySubmit(&unused_)) {
    }
    FillCache();
    context_.turn = {.now = Now(), .wall_time = 1'000'000'000};
    Connect(make_session);
  }

  ~SessionHarness() {
    RP_CHECK(context_.connections.empty() && fetches_.empty());
    RP_CHECK(context_.requests.out() == 0);  // or a request was lost
  }

  // Sends `bytes` and returns what comes back, until there is nothing more to come. Then the client
  // ends its side, and so must the server, without a word.
  [[nodiscard]] Heard Talk(std::string_view bytes, const Delivery& delivery) {
    size_t start = 0;
    for (size_t cut = delivery.first_cut;; cut = std::min(cut + delivery.step, bytes.size())) {
      Send(bytes.substr(start, cut - start));
      RunUntilIdle();
      if (cut == bytes.size()) break;
      start = cut;
    }
    AnswerPending();
    const Heard heard{heard_, is_connected() ? connection_->phase() : Connection::Phase::kClosed};
    RP_CHECK(heard.ended() == has_ended_);
    shutdown(client_.get(), SHUT_WR);
    RunUntilIdle();
    RP_CHECK(!is_connected() && heard_ == heard.bytes);
    context_.connections.DeleteClosed();
    return heard;
  }

  // Sends `bytes`, and goes without waiting for the answers that are pending.
  void Leave(std::string_view bytes) {
    Send(bytes);
    RunUntilIdle();
    client_.Reset();
    static_cast<void>(Turn());
    RP_CHECK(!is_connected());
    context_.connections.DeleteClosed();
    AnswerPending();
  }

  void Deliver(proxy::Request* first, proxy::Request* last) override {
    mailbox_.PushChain(first, last);
  }
  void Wake() override {}

 private:
  [[nodiscard]] bool is_connected() const { return !context_.connections.empty(); }

  void FillCache() {
    using cache::Kind;
    Put("hit", "cached", Kind::kValue);
    Put("big", std::string(3000, 'b'), Kind::kValue);
    Put("gone", "", Kind::kMissing);
    Put("list", "WRONGTYPE Operation against a key holding the wrong kind of value",
        Kind::kWrongType);
    Put("far", "ends some day", Kind::kValue, kTooFar);
  }

  void Put(std::string_view key, std::string_view value, cache::Kind kind,
           TimePoint deadline = kNever) {
    cache::TestFlight flight(key);
    cache::Waiter waiter;
    cache::EntryRef hit;
    const TimePoint now = Now();
    RP_CHECK(cache_.JoinOrStart(&flight, &waiter, now, now, &hit) == cache::LookupResult::kStarted);
    static_cast<void>(cache_.Finish(
        &flight, cache::MakeEntry(cache::HashOf(key), key, value, JustFetched(), deadline, kind),
        now));
  }

  // A time that lies ahead, so that the age of what was fetched then is 0 also on a slow machine.
  static TimePoint JustFetched() { return Now() + std::chrono::hours(1); }

  void Connect(const SessionFactory& make_session) {
    std::array<int, 2> ends{};
    RP_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    client_.Reset(ends[0]);
    server_fd_ = ends[1];
    // Without a socket of its own to name: its addresses and its number are constant.
    auto made = std::make_unique<Connection>(&context_, 1, UniqueFd(server_fd_),
                                             make_session({.number = 1, .fd = -1}));
    connection_ = made.get();
    context_.connections.Add(std::move(made), clients_.Enter());
    RP_CHECK(connection_->Register());
  }

  void Send(std::string_view bytes) {
    if (bytes.empty()) return;
    const ExactCopy piece(bytes);
    const ssize_t sent = send(client_.get(), piece.view().data(), bytes.size(), MSG_NOSIGNAL);
    RP_CHECK(sent == static_cast<ssize_t>(bytes.size()) || (sent < 0 && !is_connected()));
  }

  void RunUntilIdle() {
    while (Turn()) {
    }
  }

  // As a turn of Reactor::Run, but that no time passes. Returns whether anything moved.
  [[nodiscard]] bool Turn() {
    const int unread_bytes = UnreadBytes();
    context_.loop.Wait(context_.turn.now, context_.turn.now);
    context_.loop.Dispatch();
    bool moved = TakeAnswers();
    context_.dispatcher.Start();
    moved |= TakeAnswers();
    context_.budget = {};
    context_.connections.FlushDirty(&context_.budget);
    context_.dispatcher.Start();
    static_cast<void>(context_.requests.EndTurn(context_.turn.now));
    moved |= AnswerFetches();
    moved |= Receive();
    return moved || UnreadBytes() != unread_bytes || context_.connections.has_work();
  }

  [[nodiscard]] int UnreadBytes() const {
    int bytes = 0;
    return is_connected() && ioctl(server_fd_, FIONREAD, &bytes) == 0 ? bytes : 0;
  }

  [[nodiscard]] bool TakeAnswers() {
    proxy::Request* answer = mailbox_.TakeAll();
    const bool any = answer != nullptr;
    while (answer != nullptr) {
      auto* request = static_cast<Request*>(answer);
      answer = mailbox_.Next(answer);
      request->connection != nullptr ? request->connection->OnAnswer(request)
                                     : context_.requests.PutBack(request);
    }
    return any;
  }

  [[nodiscard]] bool Receive() {
    std::array<char, 16384> buffer;
    bool any = false;
    while (client_) {
      const ssize_t count = recv(client_.get(), buffer.data(), buffer.size(), 0);
      if (count <= 0) {
        has_ended_ |= count == 0 || errno != EAGAIN;
        break;
      }
      RP_CHECK(!has_ended_);
      heard_.append(buffer.data(), static_cast<size_t>(count));
      any = true;
    }
    return any;
  }

  // --- Redis ---

  static bool IsPending(const redis::Fetch& fetch) {
    return fetch.IsCommand() ? TextOf(fetch).find("\r\np") != std::string::npos
                             : fetch.key.starts_with('p');
  }

  // Answers what is not pending.
  [[nodiscard]] bool AnswerFetches() {
    bool any = false;
    for (redis::Fetch* const fetch : std::exchange(fetches_, {})) {
      if (IsPending(*fetch)) {
        fetches_.push_back(fetch);
      } else {
        AnswerFetch(fetch);
        any = true;
      }
    }
    return any;
  }

  void AnswerPending() {
    RunUntilIdle();
    while (!fetches_.empty()) {
      redis::Fetch* const last = fetches_.back();
      fetches_.pop_back();
      AnswerFetch(last);
      RunUntilIdle();
    }
  }

  void AnswerFetch(redis::Fetch* fetch) {
    if (fetch->IsCommand()) return AnswerCommand(fetch);
    using Kind = redis::FetchResult::Kind;
    redis::FetchResult result;
    const std::string value = "value of " + std::string(fetch->key);
    switch (fetch->key.empty() ? '\0' : fetch->key.front()) {
      case 'm':
        result.kind = Kind::kMissing;
        break;
      case 'e':
        result.error_code = ErrorCode::kUpstream;
        result.error_text = "ERR Redis says no";
        break;
      case 'w':
        result.error_code = ErrorCode::kWrongType;
        result.error_text = "WRONGTYPE Operation against a key holding the wrong kind of value";
        break;
      default:  // with a TTL that keeps it out of the cache
        result.kind = Kind::kValue;
        result.value = value;
        break;
    }
    result.sent_at = JustFetched();
    read_through_.OnFetched(fetch, result, Now());
  }

  void AnswerCommand(redis::Fetch* fetch) {
    std::string reply;
    if (TextOf(*fetch) == "*1\r\n$7\r\nCOMMAND\r\n") {
      reply = command_table_;
    } else {
      // Before the last reply, those to COMMAND GETKEYS, to MULTI, and to the commands behind it.
      for (uint32_t i = 1; i < fetch->replies; ++i) reply += "*1\r\n$3\r\nhit\r\n";
      reply += "$" + std::to_string(fetch->command->bytes()) + "\r\n";
      reply += TextOf(*fetch) + "\r\n";
    }
    redis::FetchResult result;
    result.kind = redis::FetchResult::Kind::kReply;
    result.value = reply;
    result.sent_at = JustFetched();
    fetch->sink->OnFetched(fetch, result, Now());
  }

  const std::string_view command_table_;
  cache::Cache cache_;
  proxy::ReadThrough read_through_;
  proxy::Forwarder forwarder_;
  proxy::Router router_;
  proxy::Request unused_;
  WorkerPool workers_;
  ClientCount clients_{1};
  Mailbox<proxy::Request> mailbox_;
  std::deque<redis::Fetch*> fetches_;  // that Redis has not answered
  ReactorContext context_;
  UniqueFd client_;
  int server_fd_ = -1;                // the connection's
  Connection* connection_ = nullptr;  // while is_connected()
  std::string heard_;
  bool has_ended_ = false;  // the server's side
};

// Delivers `bytes` whole, in two pieces and in up to 64, with and without the reactor's short
// cut, and aborts unless agrees(whole, other) is true of each. Also lets the client go while
// answers are pending. A request that is lost aborts too. Where to cut depends on all bytes, so
// that any change of them tries another place.
template <typename Agrees>
void CheckAllDeliveriesAgree(const SessionFactory& make_session, std::string_view command_table,
                             std::string_view bytes, Agrees agrees) {
  const auto talk = [&](const Delivery& delivery) {
    return SessionHarness(make_session, command_table, delivery.answers_inline)
        .Talk(bytes, delivery);
  };
  const size_t size = bytes.size();
  const size_t middle = cache::HashOf(bytes) % (size + 1);
  const Heard whole = talk({size, size});
  for (const Delivery& delivery :
       {Delivery{middle, size}, Delivery{0, size / 64 + 1}, Delivery{size, size, false}}) {
    const Heard other = talk(delivery);
    const bool answers_agree = agrees(whole, other);
    if (!answers_agree) {
      std::fprintf(stderr, "whole (phase %d):\n%s\ncut at %zu, then by %zu (phase %d):\n%s\n",
                   static_cast<int>(whole.phase), whole.bytes.c_str(), delivery.first_cut,
                   delivery.step, static_cast<int>(other.phase), other.bytes.c_str());
    }
    RP_CHECK(answers_agree);
  }
  SessionHarness(make_session, command_table, true).Leave(bytes);
}

}  // namespace rp::core::fuzz
