#include "server/reactor.h"

#include <algorithm>
#include <ctime>

#include "base/check.h"
#include "server/http_session.h"

namespace rp::server {
namespace {

constexpr std::string_view kTooManyClientsText = "too many connections";

// Twice what the pipelines hold: the others are those of clients that have gone while a worker had
// them.
size_t RequestLimit(size_t max_clients) { return 2 * max_clients * Connection::kMaxPipeline; }

}  // namespace

void Scratch::AddHead(size_t bytes) {
  if (piece_count > 0 && values[piece_count - 1] == nullptr) {
    pieces[piece_count - 1].iov_len += bytes;
  } else {
    values[piece_count] = nullptr;
    pieces[piece_count++] = {free_bytes(), bytes};
  }
  head_bytes += bytes;
  total_bytes += bytes;
  ++answer_count;
}

void Scratch::AddValue(const cache::EntryRef& value) {
  const std::string_view bytes = value->value();
  if (bytes.empty()) return;
  values[piece_count] = value.get();
  pieces[piece_count++] = {const_cast<char*>(bytes.data()), bytes.size()};
  total_bytes += bytes.size();
}

Reactor::Reactor(ReactorOptions options, WorkerPool* workers)
    : options_(std::move(options)),
      workers_(workers),
      waker_(&loop_),
      requests_(RequestLimit(options_.max_clients)),
      request_waits_(options_.timeout),
      scratch_(std::make_unique<Scratch>()),
      read_buffer_(std::make_unique<std::array<char, kReadBufferBytes>>()) {
  turn_.content_type = options_.content_type;
  BeginTurn();
}

Reactor::~Reactor() = default;

void Reactor::ServeHttp(UniqueFd listening_fd) {
  acceptors_.push_back(std::make_unique<net::Acceptor>(
      &loop_, std::move(listening_fd), [this](UniqueFd fd) { OnAccepted(std::move(fd)); },
      options_.reserved_descriptors));
}

void Reactor::Run() {
  while (!finished()) {
    Sleep();
    BeginTurn();
    loop_.Dispatch();
    TakeAnswers();
    EndWaits();
    SubmitChain();
    TakeAnswers();
    FlushDirty();
    SubmitChain();
    graveyard_.clear();
  }
  while (!connections_.empty()) connections_.back()->Close();
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

void Reactor::Deliver(proxy::Request* first, proxy::Request* last) {
  if (mailbox_.PushChain(first, last)) waker_.Wake();
}

void Reactor::Dispatch(Request* request) {
  request->home = this;
  request->deadline = DeadlineAfter(turn_.now, options_.timeout);
  request_waits_.Start(request, turn_.now);
  chain_.Append(request);
  if (chain_.size() >= kChainLength) SubmitChain();
}

void Reactor::MarkDirty(Connection* connection) {
  if (connection->dirty) return;
  connection->dirty = true;
  dirty_.push_back(connection);
}

bool Reactor::TakeBack(Request* request) const {
  return workers_->read_through().TakeBack(request);
}

cache::EntryRef Reactor::StaleValue(const Request& request) const {
  return workers_->read_through().Stale(request.key, turn_.now);
}

void Reactor::Bury(Connection* connection) {
  const size_t index = connection->index;
  RP_DCHECK(connections_[index].get() == connection);
  if (connection->refused) --refused_;
  graveyard_.push_back(std::move(connections_[index]));
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  // Its descriptor is free now: whoever waits for one may come in.
  if (accept_retry_ != kNever) accept_retry_ = turn_.now;
}

void Reactor::OnAccepted(UniqueFd fd) {
  const bool refused = connections_.size() - refused_ >= options_.max_clients;
  if (refused && refused_ >= kMostRefused) return;
  connections_.push_back(std::make_unique<Connection>(
      this, std::move(fd), std::make_unique<HttpSession>(&options_.limits)));
  Connection* connection = connections_.back().get();
  connection->index = connections_.size() - 1;
  connection->refused = refused;
  if (refused) ++refused_;
  if (connection->Register() && refused) connection->AnswerAndClose(503, kTooManyClientsText);
}

void Reactor::BeginTurn() {
  turn_.now = Now();
  turn_.date = date_.At(std::time(nullptr));
}

void Reactor::Sleep() {
  waker_.BeginSleep();
  // An answer that came before the flag was up wakes nobody.
  const TimePoint deadline = mailbox_.empty() ? NextDeadline() : turn_.now;
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

void Reactor::SubmitChain() {
  if (chain_.empty()) return;
  proxy::Request* first = chain_.first();
  chain_ = {};
  // With a full queue the workers are behind: this thread takes a share, which never blocks either.
  if (!workers_->TrySubmit(first)) workers_->RunHere(first);
}

void Reactor::EndWaits() {
  EndRequestWaits();
  for (auto* list : {&waits_.idle, &waits_.receiving, &waits_.sending, &waits_.lingering}) {
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
                   waits_.receiving.next(), waits_.sending.next(), waits_.lingering.next(),
                   drain_deadline_, accept_retry_});
}

bool Reactor::finished() const {
  return draining() && (connections_.empty() || turn_.now >= drain_deadline_);
}

}  // namespace rp::server
