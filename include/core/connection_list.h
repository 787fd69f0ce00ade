// ConnectionList: the connections of one reactor, those among them that have something to send, and
// those that are closed and not deleted yet.
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: O(1) per connection.
#pragma once

#include <memory>
#include <vector>

#include "core/client_count.h"

namespace rp::core {

class Connection;

class ConnectionList {
 public:
  explicit ConnectionList(ClientCount* clients);
  ~ConnectionList();
  ConnectionList(const ConnectionList&) = delete;
  ConnectionList& operator=(const ConnectionList&) = delete;

  // Adds a connection. Its `place` goes back to the ClientCount when it closes.
  void Add(std::unique_ptr<Connection> connection, ClientCount::Place place);

  // Marks the connection, so that FlushDirty flushes it. Idempotent.
  void MarkDirty(Connection* connection);
  // Flushes the marked connections, also those that are marked meanwhile.
  void FlushDirty();

  // Gives the place of a closed connection back. DeleteClosed deletes the connection at the end of
  // the turn, because events of this turn may still refer to it.
  void OnClosed(Connection* connection);
  // Deletes the closed connections. Returns whether there were any.
  bool DeleteClosed();

  // Call Drain or Close on every connection.
  void DrainAll();
  void CloseAll(const char* why);

  [[nodiscard]] bool empty() const { return connections_.empty(); }

 private:
  ClientCount* const clients_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> closed_;
  std::vector<Connection*> dirty_;
};

}  // namespace rp::core
