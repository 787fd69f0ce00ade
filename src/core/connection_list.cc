#include "core/connection_list.h"

#include <utility>

#include "base/check.h"
#include "core/connection.h"

namespace rp::core {

ConnectionList::ConnectionList(ClientCount* clients) : clients_(clients) {}

ConnectionList::~ConnectionList() = default;

void ConnectionList::Add(std::unique_ptr<Connection> connection, ClientCount::Place place) {
  connection->listing = {.index = connections_.size(), .is_dirty = false, .place = place};
  connections_.push_back(std::move(connection));
}

void ConnectionList::MarkDirty(Connection* connection) {
  if (connection->listing.is_dirty) return;
  connection->listing.is_dirty = true;
  dirty_.push_back(connection);
}

void ConnectionList::FlushDirty() {
  // Flush may mark more connections, which are appended.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    dirty_[i]->listing.is_dirty = false;
    dirty_[i]->Flush();
  }
  dirty_.clear();
}

void ConnectionList::OnClosed(Connection* connection) {
  const size_t index = connection->listing.index;
  RP_DCHECK(connections_[index].get() == connection);
  clients_->Leave(connection->listing.place);
  closed_.push_back(std::move(connections_[index]));
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->listing.index = index;
  }
  connections_.pop_back();
}

bool ConnectionList::DeleteClosed() {
  const bool any = !closed_.empty();
  closed_.clear();
  return any;
}

// Backwards, since a connection that closes moves another to its place.
void ConnectionList::DrainAll() {
  for (size_t i = connections_.size(); i > 0; --i) connections_[i - 1]->Drain();
}

void ConnectionList::CloseAll(const char* why) {
  while (!connections_.empty()) connections_.back()->Close(why);
}

}  // namespace rp::core
