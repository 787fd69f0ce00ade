#include "core/reactor.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "base/memory.h"
#include "base/reclaimer.h"
#include "net/socket.h"

namespace rp::core {
namespace {

// Members of all groups together.
constexpr size_t kMaxMembers = 64 * Group::kMaxInFlight;

size_t PipelineRequests(size_t max_clients) { return max_clients * Pipeline::kMaxRequests; }

// Returns twice what the pipelines of all clients and their groups hold. The other half is for
// requests in flight whose clients have gone. One reactor may have all clients.
size_t RequestLimit(size_t max_clients) {
  return 2 * (PipelineRequests(max_clients) + kMaxMembers);
}

unsigned long long ForLog(uint64_t number) { return number; }

}  // namespace

ReactorContext::ReactorContext(const DispatcherOptions& dispatcher_options,
                               const ClientTimeouts& timeouts, ClientCount* clients,
                               proxy::Router* router, WorkerPool* workers, proxy::ReplyBox* home)
    : requests(RequestLimit(clients->limit()), PipelineRequests(clients->limit())),
      waits(timeouts),
      dispatcher(dispatcher_options, router, workers, home, &turn),
      connections(clients) {}

Reactor::Reactor(ReactorOptions options, ClientCount* clients, proxy::Router* router,
                 WorkerPool* workers)
    : on_freed_(std::move(options.on_freed)),
      clients_(clients),
      context_(options, options.clients, clients, router, workers, this),
      waker_(&context_.loop) {
  BeginTurn();
}

Reactor::~Reactor() = default;

void Reactor::Serve(UniqueFd listening_fd, const char* protocol, SessionFactory make_session) {
  listeners_.Add(&context_.loop, std::move(listening_fd),
                 [this, protocol, make_session = std::move(make_session)](UniqueFd fd) {
                   OnAccepted(std::move(fd), protocol, make_session);
                 });
}

void Reactor::Run() {
  while (!finished()) {
    Sleep();
    BeginTurn();
    context_.connections.ReadUnread(&context_.budget);
    context_.loop.Dispatch();
    if (must_drain()) Drain();
    TakeAnswers();
    EndWaits();
    context_.dispatcher.Start();
    TakeAnswers();
    context_.connections.FlushDirty(&context_.budget);
    context_.dispatcher.Start();
    EndTurn();
  }
  context_.dispatcher.Finish();
  context_.connections.CloseAll("the server stops");
  context_.connections.DeleteClosed();
}

void Reactor::Drain() {
  if (draining()) return;
  context_.is_draining = true;
  drain_deadline_ = context_.turn.now + kDrainWait;
  listeners_.Stop();
  context_.connections.DrainAll();
}

void Reactor::RequestDrain() {
  drain_requested_.store(true, std::memory_order_seq_cst);
  waker_.Wake();
}

void Reactor::Deliver(proxy::Request* first, proxy::Request* last) {
  mailbox_.PushChain(first, last);
}

void Reactor::Wake() {
  if (!mailbox_.empty()) waker_.Wake();
}

void Reactor::OnAccepted(UniqueFd fd, const char* protocol, const SessionFactory& make_session) {
  const Client client{.number = clients_->NextNumber(), .fd = fd.get()};
  if (IsLogged(LogLevel::kDebug)) {
    Log(LogLevel::kDebug, "client %llu: connected from %s over %s", ForLog(client.number),
        net::PeerName(client.fd).c_str(), protocol);
  }
  // The remaining memory is for the clients that are connected already.
  if (MemoryIsShort() && !FillReserve()) return;
  const ClientCount::Place place = clients_->Enter();
  if (place != ClientCount::Place::kServed) {
    Log(LogLevel::kDebug, "client %llu: not served: -max-clients reached", ForLog(client.number));
  }
  if (place == ClientCount::Place::kNone) return;
  auto made =
      std::make_unique<Connection>(&context_, client.number, std::move(fd), make_session(client));
  Connection* const connection = made.get();
  context_.connections.Add(std::move(made), place);
  if (connection->Register() && place == ClientCount::Place::kRefused)
    connection->Refuse(Session::Reason::kTooManyClients);
}

void Reactor::BeginTurn() {
  context_.turn.now = Now();
  context_.turn.wall_time = std::time(nullptr);
  context_.budget = {};
}

void Reactor::Sleep() {
  waker_.BeginSleep();
  // Work that was published before BeginSleep does not wake this thread.
  const bool idle = mailbox_.empty() && answers_ == nullptr && !context_.connections.has_work() &&
                    !context_.dispatcher.has_fetches() && !must_drain();
  const TimePoint deadline = idle ? NextDeadline() : context_.turn.now;
  context_.loop.Wait(context_.turn.now, deadline);
  waker_.EndSleep();
}

// Passes on what the mailbox holds, but not more than a turn may answer: after an outage it may
// hold hundreds of thousands.
void Reactor::TakeAnswers() {
  if (answers_ == nullptr) answers_ = mailbox_.TakeAll();
  for (size_t left = TurnBudget::kAnswers; answers_ != nullptr && left > 0; --left) {
    auto* request = static_cast<Request*>(answers_);
    answers_ = mailbox_.Next(answers_);
    if (request->connection != nullptr) {
      request->connection->OnAnswer(request);
    } else {
      context_.requests.PutBack(request);
    }
  }
}

void Reactor::EndWaits() {
  context_.dispatcher.EndWaits(TurnBudget::kTimeouts);
  for (size_t left = TurnBudget::kTimeouts; left > 0; --left) {
    Connection* const connection = context_.waits.TakeEnded(context_.turn.now);
    if (connection == nullptr) break;
    connection->OnWaitEnded();
  }
  listeners_.Retry(context_.turn.now);
}

// Frees what this turn no longer needs.
void Reactor::EndTurn() {
  if (MemoryIsShort()) context_.dispatcher.FreeMemory();
  if (context_.connections.DeleteClosed()) listeners_.RetryAtOnce(context_.turn.now);
  context_.freed_bytes.AddBlocks(context_.requests.EndTurn(context_.turn.now));
  context_.freed_bytes.AddBlocks(TakeReclaimedBytes());
  const uint64_t bytes = context_.freed_bytes.Take();
  if (bytes > 0 && on_freed_) on_freed_(bytes);
}

TimePoint Reactor::NextDeadline() const {
  return std::min({context_.dispatcher.next_deadline(), context_.waits.next(), drain_deadline_,
                   listeners_.next_retry(), context_.requests.next_work()});
}

bool Reactor::finished() const {
  return draining() && (context_.connections.empty() || context_.turn.now >= drain_deadline_);
}

}  // namespace rp::core
