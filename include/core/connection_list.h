// ConnectionList: the connections of one reactor, those among them that have something to do, and
// those that are closed and not deleted yet. Hides the order in which connections have their share
// of a turn:
//
//   dirty    has something to send, look up or read again, and has not had its share
//   waiting  had its share, or has a large answer while others have; it comes after all that are
//            dirty, in the order of waiting
//   unread   has input, but this turn has read enough; the next turn reads it first
//
// Owner: the reactor. Thread safety: the reactor's thread. Cost: O(1) per connection.
#pragma once

#include <memory>
#include <vector>

#include "base/intrusive_list.h"
#include "core/client_count.h"
#include "core/turn_budget.h"

namespace rp::core {

class Connection;

// The places of a connection among those to be flushed, and among those to be read.
class FlushNode : public ListNode<FlushNode> {};
class ReadNode : public ListNode<ReadNode> {};

class ConnectionList {
 public:
  explicit ConnectionList(ClientCount* clients);
  ~ConnectionList();
  ConnectionList(const ConnectionList&) = delete;
  ConnectionList& operator=(const ConnectionList&) = delete;

  // Adds a connection. Its `place` goes back to the ClientCount when it closes.
  void Add(std::unique_ptr<Connection> connection, ClientCount::Place place);

  // Marks the connection, so that FlushDirty flushes it. Does nothing if it is dirty or waiting.
  void MarkDirty(Connection* connection);
  // The same for a connection that has had its share.
  void MarkWaiting(Connection* connection);
  // Flushes the dirty connections, also those that become dirty meanwhile, and then the waiting
  // ones, each once, as far as the budget goes.
  void FlushDirty(TurnBudget* budget);

  // Marks the connection, so that ReadUnread has it read. Idempotent.
  void MarkUnread(Connection* connection);
  // Has the unread connections read, as far as the budget goes.
  void ReadUnread(TurnBudget* budget);

  // Returns whether a connection is dirty, waiting or unread, so that the next turn must not sleep.
  [[nodiscard]] bool has_work() const {
    return !dirty_.empty() || !waiting_.empty() || !unread_.empty();
  }

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
  IntrusiveList<FlushNode> dirty_;
  IntrusiveList<FlushNode> waiting_;
  IntrusiveList<ReadNode> unread_;
};

}  // namespace rp::core
