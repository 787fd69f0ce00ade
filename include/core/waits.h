// Waits: ends the waits of connections for their clients. Each kind of wait has one length and
// therefore one list.
//
// A connection is in one wait at a time (Connection::UpdateWait):
//
//   wait             while                                                 its end
//   kFirstRequest    over HTTP: from the accept to the first whole request 408, or closed
//   kIdle            over HTTP: nothing of the next request has arrived    closed
//   kReceiving       a part of a request or command has arrived            408, or closed
//   kRespIdle        over the Redis protocol: between two commands         closed
//   kSending         the socket takes no more; anew with each progress     closed
//   kLingering       after the last answer, until the client ends          closed
//   kNone            requests are in progress, which have deadlines        -
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: O(1).
#pragma once

#include <algorithm>

#include "core/deadline_list.h"

namespace rp::core {

class Connection;

// How long a client may take; 0 means no limit.
struct ClientTimeouts {
  // Over HTTP: for a whole request to arrive; the first one is counted from the accept. Over the
  // Redis protocol: between two bytes of a command.
  Duration header = std::chrono::seconds(10);
  Duration idle = std::chrono::seconds(75);   // between two requests over HTTP
  Duration write = std::chrono::seconds(30);  // without reading a byte of its answers
  Duration resp_idle{};                       // between two commands of the Redis protocol
};

// What the reactor waits for, from one client.
enum class ClientWait : unsigned char {
  kNone,          // nothing
  kFirstRequest,  // the whole first request over HTTP, from the accept on
  kIdle,          // the next request over HTTP
  kReceiving,     // the rest of a request or command
  kRespIdle,      // the next command of the Redis protocol
  kSending,       // it reads its answers
  kLingering,     // it ends its side
};

class Waits {
 public:
  explicit Waits(const ClientTimeouts& timeouts);

  // Ends the connection's wait and starts `wait`. With kNone, or a wait without a limit, starts
  // none.
  void Start(Connection* connection, ClientWait wait, TimePoint now);

  // Returns a connection whose wait has ended, or null.
  [[nodiscard]] Connection* TakeEnded(TimePoint now);
  // Returns when the next wait ends; kNever if there is none.
  [[nodiscard]] TimePoint next() const;

 private:
  static constexpr Duration kForever = Duration::max();

  // Returns null for kNone.
  [[nodiscard]] DeadlineList<Connection>* ListOf(ClientWait wait);

  DeadlineList<Connection> idle_;
  DeadlineList<Connection> receiving_;
  DeadlineList<Connection> sending_;
  DeadlineList<Connection> resp_idle_;
  DeadlineList<Connection> lingering_{std::chrono::seconds(2)};  // after our last byte
};

}  // namespace rp::core
