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

  // Adds a connection that has the place, which goes back when it closes.
  void Add(std::unique_ptr<Connection> connection, ClientCount::Place place);

  // The connection is flushed at the end of the turn.
  void MarkDirty(Connection* connection);
  // Flushes those that are marked, also those that are marked meanwhile.
  void FlushDirty();

  // Gives the place of a connection that closes back. It is deleted by DeleteClosed, at the end of
  // the turn, since events of this turn may still name it.
  void OnClosed(Connection* connection);
  // Returns whether any was deleted.
  bool DeleteClosed();

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
