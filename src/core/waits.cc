#include "core/waits.h"

#include "core/connection.h"

namespace rp::core {
namespace {

Duration OrForever(Duration wait, Duration forever) {
  return wait == Duration::zero() ? forever : wait;
}

}  // namespace

Waits::Waits(const ClientTimeouts& timeouts)
    : idle_(OrForever(timeouts.idle, kForever)),
      receiving_(OrForever(timeouts.header, kForever)),
      sending_(OrForever(timeouts.write, kForever)),
      resp_idle_(OrForever(timeouts.resp_idle, kForever)) {}

void Waits::Start(Connection* connection, ClientWait wait, TimePoint now) {
  DeadlineList<Connection>* const list = ListOf(wait);
  // A wait without a limit needs no list.
  if (list == nullptr || list->wait() == kForever) return connection->Leave();
  list->Start(connection, now);
}

Connection* Waits::TakeEnded(TimePoint now) {
  for (auto* list : {&idle_, &receiving_, &sending_, &resp_idle_, &lingering_}) {
    if (Connection* connection = list->TakeEnded(now); connection != nullptr) return connection;
  }
  return nullptr;
}

TimePoint Waits::next() const {
  return std::min(
      {idle_.next(), receiving_.next(), sending_.next(), resp_idle_.next(), lingering_.next()});
}

DeadlineList<Connection>* Waits::ListOf(ClientWait wait) {
  switch (wait) {
    case ClientWait::kNone:
      break;
    case ClientWait::kIdle:
      return &idle_;
    case ClientWait::kRespIdle:
      return &resp_idle_;
    case ClientWait::kFirstRequest:
    case ClientWait::kReceiving:
      return &receiving_;
    case ClientWait::kSending:
      return &sending_;
    case ClientWait::kLingering:
      return &lingering_;
  }
  return nullptr;
}

}  // namespace rp::core
