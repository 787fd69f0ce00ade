#include "core/connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/reactor.h"

namespace rp::core {
namespace {

// The most that is sent to one client before the others have their turn: some more than the largest
// answers that are usual, values of 1 MB with their heads, for which a second call would cost a
// tenth more.
constexpr size_t kMostBytesPerTurn = 2 << 20;

// A larger buffer for unfinished input is given back once most of it is not used, and so is a
// longer list of unsent pieces once it is empty.
constexpr size_t kKeptInputBytes = 4096;
constexpr size_t kKeptUnsent = 16;

// Sends at most kMostBytesPerTurn: a client that reads as fast as the kernel copies would otherwise
// keep one call, and everybody else, for as long as there is something to send. What it refuses to
// take now is not an error.
ssize_t SendGathered(int fd, iovec* pieces, size_t count) {
  size_t bytes = 0;
  size_t used = 0;
  while (used < count && bytes < kMostBytesPerTurn) bytes += pieces[used++].iov_len;
  const size_t excess = bytes > kMostBytesPerTurn ? bytes - kMostBytesPerTurn : 0;
  if (used == 1) {  // which the kernel does in less time
    const ssize_t sent = send(fd, pieces->iov_base, pieces->iov_len - excess, MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
  }
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = used;
  if (used > 0) pieces[used - 1].iov_len -= excess;
  const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  if (used > 0) pieces[used - 1].iov_len += excess;
  return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

// How many bytes the kernel still holds that the client has not acknowledged.
int UnacknowledgedBytes(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

}  // namespace

Connection::Connection(Reactor* reactor, UniqueFd fd, std::unique_ptr<Session> session)
    : reactor_(reactor), fd_(std::move(fd)), session_(std::move(session)), interest_(EPOLLIN) {}

Connection::~Connection() { RP_DCHECK(closed() && first_ == nullptr); }

bool Connection::Register() {
  if (!reactor_->loop()->Add(fd_.get(), interest_, this)) {
    Close("the kernel has no room for it");
    return false;
  }
  StartWait(session_->pace() == Session::Pace::kPerRequest ? Wait::kFirstRequest : Wait::kRespIdle);
  return true;
}

bool Connection::MakeRoomFor(size_t count) { return reactor_->requests()->MakeRoom(count); }

Request* Connection::AddRequest() {
  Request* request = reactor_->requests()->Take();
  if (request == nullptr && MemoryIsShort()) {
    reactor_->FreeMemory();
    request = reactor_->requests()->Take();
  }
  if (request == nullptr) {
    CloseAfterAnswers(Closing::kLinger);
    return nullptr;
  }
  request->connection = this;
  request->close = reactor_->draining();
  (last_ == nullptr ? first_ : last_->next_in_pipeline) = request;
  last_ = request;
  ++depth_;
  ++unanswered_;
  return request;
}

void Connection::StartGroup(Request* first, uint32_t count) {
  first->group_rest = count - 1;
  first->group_unanswered = count;
  first->group_next = first->next_in_pipeline;
  for (Request* request = first; request != nullptr; request = request->next_in_pipeline)
    request->group = first;
  OnAnswer(first);
}

void Connection::ContinueGroup(Request* first) {
  if (continues_) return;  // a hit comes back here at once
  continues_ = true;
  while (first->group_next != nullptr && first->group_under_way < kMostOfGroupUnderWay) {
    Request* request = first->group_next;
    Request* next = request->next_in_pipeline;
    first->group_next = next != nullptr && next->group == first ? next : nullptr;
    ++first->group_under_way;
    // The first error is what is shown.
    if (first->group_failed) request->answer.outcome = proxy::Outcome::kError;
    request->answer.outcome == proxy::Outcome::kPending ? Dispatch(request) : OnAnswer(request);
  }
  continues_ = false;
}

bool Connection::draining() const { return reactor_->draining(); }

void Connection::Dispatch(Request* request) {
  TryHit(request) ? OnAnswer(request) : SendOn(request);
}

bool Connection::TryHit(Request* request) { return reactor_->TryHit(request); }

void Connection::SendOn(Request* request) { reactor_->Dispatch(request); }

void Connection::AnswerLocally(Request* request, int status, std::string_view text) {
  request->local_status = status;
  request->local_text = text;
  OnAnswer(request);
}

// One that is under way takes this answer when it comes home.
void Connection::FailLastRequest(int status, std::string_view text) {
  if (last_ == nullptr || last_->local_status >= 400) return;
  last_->local_status = status;
  last_->local_text = text;
}

void Connection::AnswerAndClose(int status, std::string_view text) {
  Request* request = AddRequest();
  if (request != nullptr) {
    request->close = true;
    AnswerLocally(request, status, text);
  }
  CloseAfterAnswers(Closing::kLinger);
}

void Connection::CloseAfterAnswers(Closing how) {
  closing_ = true;
  linger_ |= how == Closing::kLinger;
  if (last_ != nullptr) last_->close = true;
  reactor_->MarkDirty(this);
}

void Connection::Abandon(const char* why) {
  closing_ = true;
  abandoned_ = why;
  reactor_->MarkDirty(this);
}

void Connection::OnEvents(uint32_t events) {
  if (closed()) return;
  // Both directions are gone: nobody is there to hear an answer.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    return Close(lingering_ ? "ended" : "broken off by the client");
  }
  if ((events & EPOLLOUT) != 0) reactor_->MarkDirty(this);
  if ((events & EPOLLIN) != 0) {
    if (lingering_) return Discard();
    Read();
  }
}

void Connection::OnAnswer(Request* request) {
  request->Leave();
  request->answered = true;
  if (--unanswered_ == 0) held_ = false;
  if (Request* first = request->group; first != nullptr) {
    --first->group_unanswered;
    if (request != first) --first->group_under_way;
    first->group_failed |= request->answer.outcome == proxy::Outcome::kError &&
                           request->answer.error != ErrorCode::kWrongType;
    ContinueGroup(first);
  }
  reactor_->MarkDirty(this);
}

void Connection::OnRequestTimeout(Request* request) {
  request->answer.value = reactor_->StaleValue(*request);
  if (request->answer.value) {
    request->answer.outcome = proxy::Outcome::kValue;
    request->answer.source = proxy::Source::kStale;
  } else {
    request->answer.outcome = proxy::Outcome::kError;
    request->answer.error = ErrorCode::kTimeout;
  }
  OnAnswer(request);
}

void Connection::OnWaitEnded() {
  const Wait ended = std::exchange(wait_, Wait::kNone);
  if (ended == Wait::kIdle || ended == Wait::kRespIdle) return Close("idle for too long");
  if (ended == Wait::kSending) {
    // The kernel holds up to megabytes and has room for more only once much of them has gone: a
    // client that reads slowly is seen there first.
    if (UnacknowledgedBytes(fd_.get()) < unacknowledged_) return StartWait(Wait::kSending);
    return Close("the client takes nothing of its answers");
  }
  if (ended == Wait::kLingering) return Close("ended, and the client went on sending");
  session_->OnReceiveTimeout(this);
}

void Connection::Flush() {
  if (closed()) return;
  if (abandoned_ != nullptr) return Close(abandoned_);
  if (!SendUnsent() || !SendAnswers()) return Close("the client takes no more answers");
  if (paused_ && TakesRequests() && unsent_.empty()) {
    paused_ = false;
    Feed({});
  }
  if (first_ == nullptr && unsent_.empty() && (closing_ || peer_closed_)) return FinishClosing();
  UpdateInterest();
  UpdateWait();
}

void Connection::Drain() {
  // What has arrived already is in flight. It is read now also because the kernel answers unread
  // input with a reset, which would take back what was sent before.
  if (!closed() && !lingering_ && (interest_ & EPOLLIN) != 0) Read();
  if (closed() || lingering_) return;
  if (session_->Midway() || paused_) return;  // AddRequest makes the request that arrives the last
  if (first_ == nullptr && unsent_.empty() && UnacknowledgedBytes(fd_.get()) == 0)
    return Close("the server stops");
  CloseAfterAnswers(Closing::kLinger);
}

void Connection::Read() {
  const auto buffer = reactor_->read_buffer();
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) Close("broken off by the client");
    return;
  }
  if (count == 0) {
    peer_closed_ = true;
  } else {
    Feed({buffer.data(), static_cast<size_t>(count)});
  }
  reactor_->MarkDirty(this);
}

void Connection::Feed(std::string_view fresh) {
  reactor_->UpdateNow();
  if (input_.empty()) {
    const size_t used = session_->Consume(fresh, this);
    const std::string_view rest = fresh.substr(used);
    if (!rest.empty() && !TryAllocate(rest.size(), [&] { input_.assign(rest); }))
      return RefuseInput();
  } else {
    if (!TryAllocate(input_.size() + fresh.size(), [&] { input_.append(fresh); }))
      return RefuseInput();
    input_.erase(0, session_->Consume(input_, this));
    ShrinkInput();
  }
  paused_ = !closing_ && !TakesRequests() && !input_.empty();
}

void Connection::ShrinkInput() {
  const size_t capacity = input_.capacity();
  // Half of it would be grown back with the next byte.
  if (capacity <= kKeptInputBytes || input_.size() > capacity / 4) return;
  input_.shrink_to_fit();
  reactor_->OnFreed(capacity - input_.capacity());
}

// There is no memory for what the client sends: it is told so, and what it sends is read over.
void Connection::RefuseInput() {
  std::string().swap(input_);
  paused_ = false;
  session_->Refuse(this, Session::Reason::kNoMemory);
}

void Connection::Discard() {
  const auto buffer = reactor_->read_buffer();
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) Close("ended");
}

// Returns false when the connection is broken.
bool Connection::SendUnsent() {
  size_t done = 0;
  size_t turn_bytes = 0;
  while (done < unsent_.size() && turn_bytes < kMostBytesPerTurn) {
    auto& pieces = reactor_->scratch()->pieces;
    const size_t count = std::min(unsent_.size() - done, pieces.size());
    for (size_t i = 0; i < count; ++i) {
      const std::string_view rest = unsent_[done + i].rest();
      pieces[i] = {const_cast<char*>(rest.data()), rest.size()};
    }
    const ssize_t sent = SendGathered(fd_.get(), pieces.data(), count);
    if (sent < 0) return false;
    if (sent == 0) break;
    turn_bytes += static_cast<size_t>(sent);
    StartWait(Wait::kSending);  // anew with each step forward
    auto left = static_cast<size_t>(sent);
    while (done < unsent_.size() && left >= unsent_[done].rest().size())
      left -= unsent_[done++].rest().size();
    if (left > 0) unsent_[done].offset += left;
  }
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<ptrdiff_t>(done));
  if (unsent_.empty() && unsent_.capacity() > kKeptUnsent) {
    reactor_->OnFreed(unsent_.capacity() * sizeof(Unsent));
    unsent_.shrink_to_fit();
  }
  return true;
}

// Sends the answers whose turn has come, many in one system call. Returns false when the connection
// is broken.
bool Connection::SendAnswers() {
  Scratch* scratch = reactor_->scratch();
  size_t turn_bytes = 0;
  while (unsent_.empty() && answers_ready() && turn_bytes < kMostBytesPerTurn) {
    scratch->Clear();
    int count = 0;
    for (const Request* request = first_;
         request != nullptr && request->ready() && !scratch->full();
         request = request->next_in_pipeline) {
      ++count;
      Payload payload;
      const size_t written = session_->Write(*request, request->close, reactor_->turn(),
                                             scratch->free_bytes(), &payload);
      scratch->Add(written, payload, request->answer.value.get());
    }
    ssize_t sent = 0;
    if (scratch->piece_count > 0)
      sent = SendGathered(fd_.get(), scratch->pieces.data(), scratch->piece_count);
    if (sent < 0) return false;
    turn_bytes += static_cast<size_t>(sent);
    const auto sent_bytes = static_cast<size_t>(sent);
    if (sent_bytes < scratch->total_bytes && !KeepUnsent(sent_bytes)) return false;
    PopAnswered(count);
  }
  return true;
}

// False if there is no memory for it: what has begun cannot be ended.
bool Connection::KeepUnsent(size_t sent_bytes) {
  Scratch* scratch = reactor_->scratch();
  for (size_t i = 0; i < scratch->piece_count; ++i) {
    const iovec& piece = scratch->pieces[i];
    const size_t skipped = std::min(sent_bytes, piece.iov_len);
    sent_bytes -= skipped;
    if (skipped == piece.iov_len) continue;
    const std::string_view left(static_cast<const char*>(piece.iov_base) + skipped,
                                piece.iov_len - skipped);
    Unsent rest;
    if (scratch->values[i] != nullptr) {
      rest.value = cache::EntryRef::Share(scratch->values[i]);
      rest.of_value = left;
    } else {
      if (!TryAllocate(left.size(), [&] { rest.bytes.assign(left); })) return false;
    }
    unsent_.push_back(std::move(rest));
  }
  return true;
}

void Connection::PopAnswered(int count) {
  wait_ = Wait::kNone;  // what came was a whole request: the next wait begins anew
  for (; count > 0; --count) {
    Request* request = first_;
    first_ = request->next_in_pipeline;
    if (first_ == nullptr) last_ = nullptr;
    --depth_;
    reactor_->requests()->PutBack(request);
  }
}

void Connection::FinishClosing() {
  if (peer_closed_) return Close("ended by the client");
  if (!linger_ || lingering_) return Close("ended");
  lingering_ = true;
  shutdown(fd_.get(), SHUT_WR);
  input_.clear();
  ShrinkInput();
  UpdateInterest();
  StartWait(Wait::kLingering);
}

void Connection::UpdateInterest() {
  const bool reads = lingering_ || (!closing_ && !peer_closed_ && !paused_ && unsent_.empty());
  const uint32_t interest = (reads ? uint32_t{EPOLLIN} : 0) |
                            (unsent_.empty() && !answers_ready() ? 0 : uint32_t{EPOLLOUT});
  if (interest == interest_) return;
  interest_ = interest;
  reactor_->loop()->Modify(fd_.get(), interest_, this);
}

void Connection::UpdateWait() {
  if (lingering_) return;
  if (!unsent_.empty()) {
    if (wait_ != Wait::kSending) StartWait(Wait::kSending);
  } else if (first_ != nullptr) {
    StartWait(Wait::kNone);  // each request has its own deadline
  } else if (session_->pace() == Session::Pace::kPerByte) {
    StartWait(session_->Midway() ? Wait::kReceiving : Wait::kRespIdle);
  } else if (wait_ != Wait::kFirstRequest) {
    // From its first byte on, be it of an empty line in front, the request has so long as a whole:
    // a byte now and then does not prolong it.
    const bool has_begun = session_->Midway() || !input_.empty();
    if (!has_begun) {
      StartWait(Wait::kIdle);
    } else if (wait_ != Wait::kReceiving) {
      StartWait(Wait::kReceiving);
    }
  }
}

void Connection::StartWait(Wait wait) {
  wait_ = wait;
  if (wait == Wait::kSending) unacknowledged_ = UnacknowledgedBytes(fd_.get());
  DeadlineList<Connection>* const list = ListOf(wait);
  // What never ends costs nothing.
  if (list == nullptr || list->wait() == Waits::kForever) return Leave();
  list->Start(this, reactor_->turn().now);
}

DeadlineList<Connection>* Connection::ListOf(Wait wait) const {
  Waits* waits = reactor_->waits();
  switch (wait) {
    case Wait::kNone:
      break;
    case Wait::kIdle:
      return &waits->idle;
    case Wait::kRespIdle:
      return &waits->resp_idle;
    case Wait::kFirstRequest:
    case Wait::kReceiving:
      return &waits->receiving;
    case Wait::kSending:
      return &waits->sending;
    case Wait::kLingering:
      return &waits->lingering;
  }
  return nullptr;
}

void Connection::Close(const char* why) {
  if (closed()) return;
  Log(LogLevel::kDebug, "client %llu: closed: %s", static_cast<unsigned long long>(number), why);
  // Before the client can see the end: when it comes again, perhaps to another reactor, its place
  // is free.
  reactor_->Bury(this);
  fd_.Reset();  // epoll forgets it with this
  Leave();
  reactor_->OnFreed(input_.capacity());
  reactor_->OnFreed(unsent_.capacity() * sizeof(Unsent));
  unsent_.clear();
  while (first_ != nullptr) {
    Request* request = first_;
    first_ = request->next_in_pipeline;
    request->connection = nullptr;
    if (request->answered || !request->on_its_way || reactor_->TakeBack(request)) {
      reactor_->requests()->PutBack(request);
    } else {
      request->Leave();
    }
  }
  last_ = nullptr;
  depth_ = unanswered_ = 0;
}

}  // namespace rp::core
