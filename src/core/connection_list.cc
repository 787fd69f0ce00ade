#include "core/connection_list.h"

#include <utility>

#include "base/check.h"
#include "core/connection.h"

namespace rp::core {

ConnectionList::ConnectionList(ClientCount* clients) : clients_(clients) {}

ConnectionList::~ConnectionList() = default;

void ConnectionList::Add(std::unique_ptr<Connection> connection, ClientCount::Place place) {
  connection->listing = {.index = connections_.size(), .place = place};
  connections_.push_back(std::move(connection));
}

void ConnectionList::MarkDirty(Connection* connection) {
  FlushNode* const node = connection;
  if (!node->linked()) dirty_.PushBack(node);
}

void ConnectionList::MarkWaiting(Connection* connection) {
  FlushNode* const node = connection;
  if (!node->linked()) waiting_.PushBack(node);
}

void ConnectionList::FlushDirty(TurnBudget* budget) {
  budget->BeginFlush();
  while (!dirty_.empty() && budget->may_answer()) {
    budget->OnAnswered(TurnBudget::kFlushCost);
    const bool is_first = waiting_.empty() && budget->may_send();
    static_cast<Connection*>(dirty_.PopFront())
        ->Flush(is_first ? Connection::Share::kFull : Connection::Share::kSmall);
  }
  if (waiting_.empty()) return;
  budget->BeginWaiting();
  // Those that wait again come to the end of a new list.
  IntrusiveList<FlushNode> waiting = std::move(waiting_);
  for (size_t left = TurnBudget::kWaitingFlushes;
       left > 0 && !waiting.empty() && budget->may_send(); --left)
    static_cast<Connection*>(waiting.PopFront())->Flush(Connection::Share::kFull);
  waiting.Append(&waiting_);
  waiting_.Append(&waiting);
}

void ConnectionList::MarkUnread(Connection* connection) {
  ReadNode* const node = connection;
  if (!node->linked()) unread_.PushBack(node);
}

void ConnectionList::ReadUnread(TurnBudget* budget) {
  while (!unread_.empty() && budget->may_read())
    static_cast<Connection*>(unread_.PopFront())->OnEvents(EPOLLIN);
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
  for (const auto& connection : closed_) {
    static_cast<FlushNode*>(connection.get())->Unlink();
    static_cast<ReadNode*>(connection.get())->Unlink();
  }
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
