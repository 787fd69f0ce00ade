#include "core/reactor.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/socket.h"

namespace rp::core {
namespace {

size_t PipelineRequests(size_t max_clients) { return max_clients * Connection::kMaxPipeline; }

// Twice what the pipelines and the largest command hold: the others are those of clients that have
// gone while a worker had them. Of all clients, since all may have come to one reactor.
size_t RequestLimit(size_t max_clients) {
  return 2 * (PipelineRequests(max_clients) + Connection::kMaxGroupRequests);
}

}  // namespace

void Scratch::Add(size_t bytes, const Payload& payload, cache::Entry* value) {
  AddWritten(bytes);
  if (!payload.bytes.empty()) {
    values[piece_count] = value;
    pieces[piece_count++] = {const_cast<char*>(payload.bytes.data()), payload.bytes.size()};
    total_bytes += payload.bytes.size();
  }
  // A copy, so that it makes one piece with the next head.
  std::copy(payload.tail.begin(), payload.tail.end(), free_bytes());
  AddWritten(payload.tail.size());
}

void Scratch::AddWritten(size_t bytes) {
  if (bytes == 0) return;
  iovec* last = piece_count > 0 ? &pieces[piece_count - 1] : nullptr;
  if (last != nullptr && static_cast<char*>(last->iov_base) + last->iov_len == free_bytes()) {
    last->iov_len += bytes;
  } else {
    values[piece_count] = nullptr;
    pieces[piece_count++] = {free_bytes(), bytes};
  }
  head_bytes += bytes;
  total_bytes += bytes;
}

Reactor::Reactor(ReactorOptions options, ClientCount* clients, proxy::Router* router,
                 WorkerPool* workers)
    : options_(std::move(options)),
      clients_(clients),
      router_(router),
      workers_(workers),
      waker_(&loop_),
      requests_(RequestLimit(clients_->limit())),
      request_waits_(options_.timeout),
      scratch_(std::make_unique<Scratch>()),
      read_buffer_(std::make_unique<std::array<char, kReadBufferBytes>>()) {
  BeginTurn();
}

Reactor::~Reactor() = default;

void Reactor::Serve(UniqueFd listening_fd, const char* protocol, SessionFactory make_session) {
  acceptors_.push_back(std::make_unique<net::Acceptor>(
      &loop_, std::move(listening_fd),
      [this, protocol, make_session = std::move(make_session)](UniqueFd fd) {
        const uint64_t number = clients_->NextNumber();
        if (IsLogged(LogLevel::kDebug)) {
          Log(LogLevel::kDebug, "client %llu: %s connects to speak %s",
              static_cast<unsigned long long>(number), net::PeerName(fd.get()).c_str(), protocol);
        }
        OnAccepted(std::move(fd), number, make_session(number));
      }));
}

void Reactor::Run() {
  while (!finished()) {
    Sleep();
    BeginTurn();
    loop_.Dispatch();
    if (must_drain()) Drain();
    TakeAnswers();
    EndWaits();
    StartRequests();
    TakeAnswers();
    FlushDirty();
    StartRequests();
    EndTurn();
  }
  if (!fetches_.empty()) RP_CHECK(router_->Submit(&fetches_, Wait::kYes));
  while (!connections_.empty()) connections_.back()->Close("the server stops");
  graveyard_.clear();
}

void Reactor::Drain() {
  if (draining()) return;
  drain_deadline_ = turn_.now + kDrainWait;
  // Whoever has connected already is served: a connection that the kernel has to end is reset.
  for (auto& acceptor : acceptors_) {
    acceptor->AcceptWaiting();
    acceptor->Stop();
  }
  // A connection that closes moves another to its place, which is why this goes backwards.
  for (size_t i = connections_.size(); i > 0; --i) connections_[i - 1]->Drain();
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

void Reactor::Dispatch(Request* request) {
  request->home = this;
  request->on_its_way = true;
  request->deadline = DeadlineAfter(turn_.now, options_.timeout);
  request_waits_.Start(request, turn_.now);
  chain_.Append(request);
  if (chain_.size() >= kChainLength) StartChain();
}

void Reactor::MarkDirty(Connection* connection) {
  if (connection->dirty) return;
  connection->dirty = true;
  dirty_.push_back(connection);
}

bool Reactor::TakeBack(Request* request) const { return router_->TakeBack(request); }

cache::EntryRef Reactor::StaleValue(const Request& request) const {
  return router_->Stale(request, turn_.now);
}

void Reactor::Bury(Connection* connection) {
  const size_t index = connection->index;
  RP_DCHECK(connections_[index].get() == connection);
  clients_->Leave(connection->place);
  freed_bytes_ += sizeof(Connection);
  graveyard_.push_back(std::move(connections_[index]));
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  // Its descriptor is free now: whoever waits for one may come in.
  if (accept_retry_ != kNever) accept_retry_ = turn_.now;
}

bool Reactor::HasRoomFor(size_t requests) const {
  return requests_.Has(requests + PipelineRequests(clients_->limit()));
}

ServerFacts Reactor::Facts() const {
  return {.cache = router_->CacheStats(),
          .clients = clients_->served(),
          .max_clients = clients_->limit(),
          .connections_received = clients_->received(),
          .uptime = turn_.now - started_};
}

void Reactor::OnAccepted(UniqueFd fd, uint64_t number, std::unique_ptr<Session> session) {
  // Those who are here already need what is left.
  if (MemoryIsShort() && !FillReserve()) return;
  const ClientCount::Place place = clients_->Enter();
  if (place != ClientCount::Place::kServed) {
    Log(LogLevel::kDebug, "client %llu: not served: there are -max-clients",
        static_cast<unsigned long long>(number));
  }
  if (place == ClientCount::Place::kNone) return;
  connections_.push_back(std::make_unique<Connection>(this, std::move(fd), std::move(session)));
  Connection* connection = connections_.back().get();
  connection->number = number;
  connection->index = connections_.size() - 1;
  connection->place = place;
  if (connection->Register() && place == ClientCount::Place::kRefused)
    connection->session()->Refuse(connection, Session::Reason::kTooManyClients);
}

void Reactor::BeginTurn() {
  turn_.now = Now();
  turn_.wall_time = std::time(nullptr);
}

void Reactor::Sleep() {
  waker_.BeginSleep();
  // What came before the flag was up wakes nobody.
  const bool idle = mailbox_.empty() && fetches_.empty() && !must_drain();
  const TimePoint deadline = idle ? NextDeadline() : turn_.now;
  loop_.Wait(turn_.now, deadline);
  waker_.EndSleep();
}

void Reactor::TakeAnswers() {
  proxy::Request* answer = mailbox_.TakeAll();
  while (answer != nullptr) {
    auto* request = static_cast<Request*>(answer);
    answer = mailbox_.Next(answer);
    if (request->connection != nullptr) {
      request->connection->OnAnswer(request);
    } else {
      requests_.PutBack(request);
    }
  }
}

void Reactor::FlushDirty() {
  // A flush may dirty a connection anew, its own or another; then it is behind the end of this
  // list.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    dirty_[i]->dirty = false;
    dirty_[i]->Flush();
  }
  dirty_.clear();
}

void Reactor::StartRequests() {
  StartChain();
  if (fetches_.empty()) return;
  // While another thread is in the way, the next turn comes at once and tries again. One that is in
  // the way for so long has lost the processor, and gets it sooner if this thread waits.
  const Wait wait = refusals_ < kMostRefusals ? Wait::kNo : Wait::kYes;
  refusals_ = router_->Submit(&fetches_, wait) ? 0 : refusals_ + 1;
}

void Reactor::StartChain() {
  proxy::RequestChain chain = std::exchange(chain_, {});
  if (options_.answers_inline && chain.size() <= kShortChain && !chain.empty()) {
    const auto [answered, left] = router_->Start(chain.first(), turn_.now, Wait::kNo, &fetches_);
    if (!answered.empty()) Deliver(answered.first(), answered.last());
    chain = left;
  }
  if (chain.empty()) return;
  // With a full queue the workers are behind: this thread takes a share, which never blocks either.
  if (!workers_->TrySubmit(chain.first())) workers_->RunHere(chain.first());
}

void Reactor::EndWaits() {
  EndRequestWaits();
  for (auto* list :
       {&waits_.idle, &waits_.receiving, &waits_.sending, &waits_.resp_idle, &waits_.lingering}) {
    while (Connection* connection = list->TakeEnded(turn_.now)) connection->OnWaitEnded();
  }
  RetryAccepting();
}

void Reactor::EndRequestWaits() {
  for (auto* list : {&request_waits_, &overdue_}) {
    while (Request* request = list->TakeEnded(turn_.now)) {
      if (TakeBack(request)) {
        request->connection->OnRequestTimeout(request);
      } else {
        // A worker has it, or its answer lies in the mailbox: it is not Redis that was too slow.
        overdue_.Start(request, turn_.now);
      }
    }
  }
}

// Gives back what is not needed any more.
void Reactor::EndTurn() {
  if (MemoryIsShort()) FreeMemory();
  graveyard_.clear();
  freed_bytes_ += requests_.EndTurn(turn_.now);
  if (freed_bytes_ < kLeastFreedBytes) return;
  const uint64_t bytes = std::exchange(freed_bytes_, 0);
  if (options_.on_freed) options_.on_freed(bytes);
}

void Reactor::RetryAccepting() {
  bool paused = false;
  for (auto& acceptor : acceptors_) {
    if (acceptor->paused() && accept_retry_ <= turn_.now) acceptor->Resume();
    paused |= acceptor->paused();
  }
  if (!paused) {
    accept_retry_ = kNever;
  } else if (accept_retry_ <= turn_.now || accept_retry_ == kNever) {
    accept_retry_ = turn_.now + net::Acceptor::kRetry;
  }
}

TimePoint Reactor::NextDeadline() const {
  return std::min({request_waits_.next(), overdue_.next(), waits_.idle.next(),
                   waits_.receiving.next(), waits_.sending.next(), waits_.resp_idle.next(),
                   waits_.lingering.next(), drain_deadline_, accept_retry_, requests_.next_work()});
}

bool Reactor::finished() const {
  return draining() && (connections_.empty() || turn_.now >= drain_deadline_);
}

}  // namespace rp::core
