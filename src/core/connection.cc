#include "core/connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/reactor_context.h"

namespace rp::core {
namespace {

// A larger buffer for unfinished input is freed once most of it is unused.
constexpr size_t kKeptInputBytes = 4096;

// Returns how many bytes the kernel still holds that the client has not acknowledged.
int UnacknowledgedBytes(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

// Frees the unused memory of a large buffer of which at most a quarter is used, and returns how
// much. With more in use, it would soon grow back.
size_t ShrinkBuffer(std::string* buffer) {
  const size_t capacity = buffer->capacity();
  if (capacity <= kKeptInputBytes || buffer->size() > capacity / 4) return 0;
  buffer->shrink_to_fit();
  return capacity - buffer->capacity();
}

}  // namespace

Connection::Connection(ReactorContext* context, uint64_t number, UniqueFd fd,
                       std::unique_ptr<Session> session)
    : context_(context),
      number_(number),
      fd_(std::move(fd)),
      session_(std::move(session)),
      interest_(EPOLLIN) {}

Connection::~Connection() { RP_DCHECK(phase_ == Phase::kClosed && pipeline_.empty()); }

bool Connection::Register() {
  if (!context_->loop.Add(fd_.get(), interest_, this)) {
    Close("epoll cannot watch another socket");
    return false;
  }
  StartWait(session_->pace() == Session::Pace::kPerRequest ? ClientWait::kFirstRequest
                                                           : ClientWait::kRespIdle);
  return true;
}

// --- Requests ---

Request* Connection::AddRequest() {
  Request* request = context_->requests.Take();
  if (request == nullptr && MemoryIsShort()) {
    context_->dispatcher.FreeMemory();
    request = context_->requests.Take();
  }
  if (request == nullptr) {
    CloseAfterAnswers(Closing::kLinger);
    return nullptr;
  }
  request->connection = this;
  pipeline_.Append(request);
  context_->budget.OnRequest();
  return request;
}

void Connection::Submit(Request* request) {
  context_->dispatcher.TryHit(request) ? OnAnswer(request) : context_->dispatcher.Send(request);
}

void Connection::StartGroup(Request* request, std::unique_ptr<Group> group) {
  pipeline_.SetGroup(request, std::move(group));
  context_->connections.MarkDirty(this);
}

void Connection::Hold() {
  if (!pipeline_.all_answered()) input_ = Input::kHeld;
}

void Connection::OnAnswer(Request* request) {
  request->Leave();
  if (request->member_of == nullptr) {
    pipeline_.OnAnswered(request);
  } else {
    request->member_of->OnAnswered(request);
    context_->requests.PutBack(request);
  }
  context_->connections.MarkDirty(this);
}

// --- Input ---

void Connection::OnEvents(uint32_t events) {
  if (phase_ == Phase::kClosed) return;
  // Both directions are closed, so no answer can be sent.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    return Close(phase_ == Phase::kLingering ? "ended" : "the client reset the connection");
  }
  if ((events & EPOLLOUT) != 0) context_->connections.MarkDirty(this);
  if ((events & interest_ & EPOLLIN) == 0) return;
  context_->budget.may_read() ? Read() : context_->connections.MarkUnread(this);
}

void Connection::Read() {
  if (wait_ == ClientWait::kReceiving) {
    if (const std::span<char> room = session_->Room(); !room.empty()) return ReadTo(room);
  }
  auto& buffer = *context_->read_buffer;
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  const bool is_broken = count < 0 && errno != EAGAIN && errno != EINTR;
  if (count > 0) context_->budget.OnRead(static_cast<size_t>(count));
  if (phase_ == Phase::kLingering) {  // input is dropped
    if (count == 0 || is_broken) Close("ended");
    return;
  }
  if (is_broken) return Close("the client reset the connection");
  if (count < 0) return;
  if (count == 0) {
    input_ = Input::kEnded;
  } else {
    Feed({buffer.data(), static_cast<size_t>(count)});
  }
  context_->connections.MarkDirty(this);
}

// A large argument is read to where it stays.
void Connection::ReadTo(std::span<char> room) {
  RP_DCHECK(unfinished_.empty());
  const ssize_t count = recv(fd_.get(), room.data(), room.size(), 0);
  if (count < 0 && errno != EAGAIN && errno != EINTR)
    return Close("the client reset the connection");
  if (count < 0) return;
  if (count == 0) {
    input_ = Input::kEnded;
  } else {
    context_->budget.OnRead(static_cast<size_t>(count));
    session_->OnReceived(static_cast<size_t>(count));
  }
  context_->connections.MarkDirty(this);
}

void Connection::Feed(std::string_view fresh) {
  // Read the clock again: in a long turn the lease may have ended.
  context_->turn.now = Now();
  if (unfinished_.empty()) {
    const std::string_view rest = fresh.substr(session_->Consume(fresh, this));
    if (!rest.empty() && !TryAllocate(rest.size(), [&] { unfinished_.assign(rest); }))
      return Refuse(Session::Reason::kNoMemory);
  } else {
    if (!TryAllocate(unfinished_.size() + fresh.size(), [&] { unfinished_.append(fresh); }))
      return Refuse(Session::Reason::kNoMemory);
    unfinished_.erase(0, session_->Consume(unfinished_, this));
    context_->freed_bytes.AddBlock(ShrinkBuffer(&unfinished_));
  }
  const bool is_full = phase_ == Phase::kOpen && !TakesRequests() && !unfinished_.empty();
  if (is_full && input_ == Input::kReading) input_ = Input::kPaused;
}

void Connection::Refuse(Session::Reason why) {
  std::string().swap(unfinished_);
  session_->Refuse(this, why);
}

// --- Output ---

void Connection::Flush(Share share) {
  if (phase_ == Phase::kClosed) return;
  if (abandoned_ != nullptr) return Close(abandoned_);
  const bool has_keys_left = LookUpKeys();
  if (input_ == Input::kHeld && pipeline_.all_answered())
    input_ = unfinished_.empty() ? Input::kReading : Input::kPaused;
  const Sent sent = SendAnswers(share);
  if (sent == Sent::kBroken) return Close("the answers cannot be sent");
  if (input_ == Input::kPaused && TakesRequests() && sent == Sent::kAll) {
    input_ = Input::kReading;
    Feed({});
  }
  // The server stops, and what has arrived is answered; an empty line is no request that has begun.
  const bool is_sent = pipeline_.empty() && output_.empty();
  if (context_->is_draining && is_sent && phase_ == Phase::kOpen && input_ == Input::kReading &&
      !session_->Midway()) {
    CloseAfterAnswers(Closing::kLinger);
  }
  if (is_sent && (phase_ == Phase::kFinishing || input_ == Input::kEnded)) return FinishClosing();
  if (has_keys_left || sent == Sent::kShared) context_->connections.MarkWaiting(this);
  UpdateInterest(sent);
  UpdateWait();
}

// Looks up keys of the groups, as many as one connection may at once. Returns whether some are left
// that could be looked up.
bool Connection::LookUpKeys() {
  if (!pipeline_.has_groups()) return false;
  size_t keys = TurnBudget::kKeysOfOne;
  size_t members = 0;
  for (Request* request = pipeline_.first();
       request != nullptr && keys > 0 && members < Group::kMaxInFlight;
       request = request->next_in_pipeline) {
    if (request->group == nullptr || Pipeline::IsReady(*request)) continue;
    context_->dispatcher.LookUp(request->group, this, &context_->requests, &keys);
    members += request->group->members();
    if (request->group->is_done()) pipeline_.OnAnswered(request);
  }
  context_->budget.OnAnswered(TurnBudget::kKeysOfOne - keys);
  return keys == 0;
}

// Sends the kept bytes and then the answers that are ready, many in one system call.
Connection::Sent Connection::SendAnswers(Share share) {
  AnswerBuffer* const answers = context_->answers.get();
  size_t bytes_left = TurnBudget::kSentBytesOfOne;
  if (!output_.empty()) {
    if (share == Share::kSmall) return Sent::kShared;
    if (!output_.SendKept(fd_.get(), answers, &bytes_left)) return Sent::kBroken;
    const size_t bytes = TurnBudget::kSentBytesOfOne - bytes_left;
    if (bytes > 0) StartWait(ClientWait::kSending);  // starts anew with each progress
    context_->budget.OnSent(bytes);
    context_->freed_bytes.AddBlocks(output_.Shrink());
  }
  for (size_t calls = 0; output_.empty() && pipeline_.has_ready(); ++calls) {
    if (bytes_left == 0 || calls == TurnBudget::kCallsOfOne) return Sent::kShared;
    int count = WriteAnswers();
    if (share == Share::kSmall && answers->total_bytes() > TurnBudget::kSmallBytes) {
      pipeline_.RewindGroups();
      return Sent::kShared;
    }
    const size_t bytes_before = bytes_left;
    if (!output_.Send(fd_.get(), answers, &bytes_left)) return Sent::kBroken;
    context_->budget.OnSent(bytes_before - bytes_left);
    context_->budget.OnAnswered(static_cast<size_t>(count));
    // A whole request has arrived, so the next wait starts anew.
    wait_ = ClientWait::kNone;
    for (; count > 0; --count) context_->requests.PutBack(pipeline_.Pop());
    if (Request* const first = pipeline_.first(); first != nullptr && first->group != nullptr)
      first->group->OnSent();
  }
  if (output_.empty()) return Sent::kAll;
  return bytes_left == 0 ? Sent::kShared : Sent::kFull;
}

// Writes answers that are ready, as many as fit, into the reactor's buffer. Returns how many of
// them are whole.
int Connection::WriteAnswers() {
  AnswerBuffer* const answers = context_->answers.get();
  answers->Clear();
  int count = 0;
  const Request* request = pipeline_.first();
  while (request != nullptr && Pipeline::IsReady(*request) && !answers->full()) {
    Group* const group = request->group;
    Payload payload;
    const bool close = phase_ != Phase::kOpen && request == pipeline_.last();
    const size_t written =
        session_->Write(*request, close, context_->turn, answers->free_bytes(), &payload);
    const bool is_element = group != nullptr && group->part() > 0;
    answers->Add(written, payload, is_element ? group->value() : request->answer.value.get());
    if (group != nullptr && group->NextPart()) continue;
    ++count;
    request = request->next_in_pipeline;
  }
  return count;
}

void Connection::UpdateInterest(Sent sent) {
  const bool reads =
      phase_ == Phase::kLingering ||
      (phase_ == Phase::kOpen && output_.empty() &&
       (input_ == Input::kReading || (input_ == Input::kHeld && unfinished_.empty())));
  // One that waits for its share is flushed without an event.
  const uint32_t writes = sent == Sent::kShared ? interest_ & EPOLLOUT
                          : sent == Sent::kFull ? uint32_t{EPOLLOUT}
                                                : 0;
  const uint32_t interest = (reads ? uint32_t{EPOLLIN} : 0) | writes;
  if (interest == interest_) return;
  interest_ = interest;
  context_->loop.Modify(fd_.get(), interest_, this);
}

// --- Waiting for the client ---

void Connection::UpdateWait() {
  if (phase_ == Phase::kLingering) return;
  if (!output_.empty() || pipeline_.has_ready()) {
    if (wait_ != ClientWait::kSending) StartWait(ClientWait::kSending);
  } else if (!pipeline_.empty()) {
    StartWait(ClientWait::kNone);  // each request has its own deadline
  } else if (session_->pace() == Session::Pace::kPerByte) {
    StartWait(session_->Midway() ? ClientWait::kReceiving : ClientWait::kRespIdle);
  } else if (wait_ != ClientWait::kFirstRequest) {
    // The time of the whole request runs from its first byte, which may be that of an empty line
    // before it. Later bytes do not prolong it.
    const bool has_begun = session_->Midway() || !unfinished_.empty();
    if (!has_begun) {
      StartWait(ClientWait::kIdle);
    } else if (wait_ != ClientWait::kReceiving) {
      StartWait(ClientWait::kReceiving);
    }
  }
}

void Connection::StartWait(ClientWait wait) {
  wait_ = wait;
  if (wait == ClientWait::kSending) unacknowledged_bytes_ = UnacknowledgedBytes(fd_.get());
  context_->waits.Start(this, wait, context_->turn.now);
}

void Connection::OnWaitEnded() {
  const ClientWait ended = std::exchange(wait_, ClientWait::kNone);
  if (ended == ClientWait::kIdle || ended == ClientWait::kRespIdle) {
    return Close("idle for too long");
  }
  if (ended == ClientWait::kSending) {
    // The kernel buffers up to megabytes, and takes more only after a large part was acknowledged.
    // Progress of a slow client is seen in that buffer first. A client that has read all that was
    // sent has not been given more.
    const int bytes = UnacknowledgedBytes(fd_.get());
    if (bytes == 0 || bytes < unacknowledged_bytes_) return StartWait(ClientWait::kSending);
    return Close("the client did not read its answers in time");
  }
  if (ended == ClientWait::kLingering) return Close("ended while the client was still sending");
  session_->OnReceiveTimeout(this);
}

// --- The end ---

void Connection::CloseAfterAnswers(Closing how) {
  if (phase_ == Phase::kOpen) phase_ = Phase::kFinishing;
  if (how == Closing::kLinger) closing_ = Closing::kLinger;
  context_->connections.MarkDirty(this);
}

void Connection::Abandon(const char* why) {
  if (phase_ == Phase::kOpen) phase_ = Phase::kFinishing;
  abandoned_ = why;
  context_->connections.MarkDirty(this);
}

void Connection::Drain() {
  // Read what has arrived: it counts as in flight, and if it stayed unread, closing would send a
  // reset and the client could lose earlier answers.
  const bool reads = input_ == Input::kReading || (input_ == Input::kHeld && unfinished_.empty());
  if (phase_ == Phase::kOpen && reads && (interest_ & EPOLLIN) != 0) Read();
  if (phase_ == Phase::kClosed || phase_ == Phase::kLingering) return;
  // The session finishes the connection after the request that is arriving.
  const bool waits_for_its_turn = input_ == Input::kPaused || input_ == Input::kHeld;
  if (session_->Midway() || (waits_for_its_turn && !unfinished_.empty())) return;
  if (pipeline_.empty() && output_.empty() && UnacknowledgedBytes(fd_.get()) == 0)
    return Close("the server stops");
  CloseAfterAnswers(Closing::kLinger);
}

void Connection::FinishClosing() {
  if (input_ == Input::kEnded) return Close("the client closed the connection");
  if (closing_ == Closing::kAtOnce) return Close("ended");
  phase_ = Phase::kLingering;
  shutdown(fd_.get(), SHUT_WR);
  unfinished_.clear();
  context_->freed_bytes.AddBlock(ShrinkBuffer(&unfinished_));
  UpdateInterest(Sent::kAll);
  StartWait(ClientWait::kLingering);
}

void Connection::Close(const char* why) {
  if (phase_ == Phase::kClosed) return;
  Log(LogLevel::kDebug, "client %llu: closed: %s", static_cast<unsigned long long>(number_), why);
  phase_ = Phase::kClosed;
  // Before the client can see the end, so that its place is free when it connects again.
  context_->connections.OnClosed(this);
  fd_.Reset();  // epoll forgets it with this
  Leave();
  context_->freed_bytes.AddBlock(sizeof(Connection));
  context_->freed_bytes.AddBlock(unfinished_.capacity());
  context_->freed_bytes.AddBlocks(output_.Clear());
  while (!pipeline_.empty()) {
    if (Group* const group = pipeline_.first()->group; group != nullptr) {
      while (Request* const member = group->RemoveMember()) GiveUp(member);
    }
    GiveUp(pipeline_.Pop());
  }
}

// Puts the request back, now or when it is delivered.
void Connection::GiveUp(Request* request) {
  request->connection = nullptr;
  if (request->state != Request::State::kInFlight || context_->dispatcher.TakeBack(request)) {
    context_->requests.PutBack(request);
  } else {
    request->Leave();
  }
}

}  // namespace rp::core
