// Connection: one client's socket, its pipeline of requests, and what could not be sent yet.
//
// Answers leave in the order of their requests (RFC 9112 section 9.3.2), whatever the order in
// which they come back. Heads and small values are written into a scratch buffer of the reactor,
// larger values straight from their entries, all that is ready in one system call; only what the
// socket does not take is kept, heads as bytes and values as references. Likewise input is read
// into a buffer of the reactor, and only an unfinished request is kept here. An idle connection
// owns no buffer.
//
// Limits: kMaxPipeline requests are in progress at once, but for those that the last command makes
// by itself, and while answers cannot be sent nothing more is read; more input waits in the kernel.
// A close happens in stages where the client may still be sending, since closing on unread input
// makes the kernel take back the answer (RFC 9112 section 9.6).
//
// Owned by its reactor. Thread safety: the reactor's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/client_count.h"
#include "core/deadline_list.h"
#include "core/request.h"
#include "core/session.h"
#include "net/event_loop.h"

namespace rp::core {

class Reactor;

enum class Closing {
  kAtOnce,  // the client said that it sends no more
  kLinger,  // the client may be sending still: read over that for a while
};

class Connection final : public net::EventHandler, public DeadlineNode {
 public:
  static constexpr int kMaxPipeline = 64;

  Connection(Reactor* reactor, UniqueFd fd, std::unique_ptr<Session> session);
  ~Connection();

  // --- For the session. ---

  // Whether another request may be added now, or later.
  [[nodiscard]] bool TakesRequests() const { return !closing_ && !held_ && depth_ < kMaxPipeline; }
  // Whether every request in the pipeline is answered.
  [[nodiscard]] bool all_answered() const { return unanswered_ == 0; }
  // Takes no further request until all in the pipeline are answered.
  void Hold() { held_ = !all_answered(); }
  [[nodiscard]] bool closing() const { return closing_; }
  // The server is stopping: what has arrived is answered, and no more is read.
  [[nodiscard]] bool draining() const;
  [[nodiscard]] const Reactor& reactor() const { return *reactor_; }

  // Takes memory for `count` more requests, if there is so much. REQUIRES: Reactor::HasRoomFor.
  [[nodiscard]] bool MakeRoomFor(size_t count);
  // A blank request at the end of the pipeline; null when memory for requests has run out: the
  // connection is closing.
  [[nodiscard]] Request* AddRequest();
  // Answers the request from the cache, or sends it on its way. REQUIRES: its key is set.
  void Dispatch(Request* request);
  // Fills in what the cache has, if it has the key; then OnAnswer or SendOn is next. The same
  // requirement.
  [[nodiscard]] bool TryHit(Request* request);
  // Sends the request on its way without a look into the cache. REQUIRES: its key or command is
  // set.
  void SendOn(Request* request);
  // Answers it without Redis. `text` is constant.
  void AnswerLocally(Request* request, int status, std::string_view text);
  // Makes one answer of the `count` requests of the pipeline's end, `first` the first of them,
  // which is answered by this. The others are dispatched, but for those that have failed already,
  // kMostOfGroupUnderWay at a time, so that one command does not fill the queue to Redis. REQUIRES:
  // they were added just now.
  void StartGroup(Request* first, uint32_t count);
  static constexpr uint32_t kMostOfGroupUnderWay = 1024;
  // The most requests of one group that the reactor has room for in any case.
  static constexpr size_t kMaxGroupRequests = 65536 + 1;
  // Puts an error in the place of the last request's answer, if none of it has been sent and it is
  // no error of its own. `text` is constant.
  void FailLastRequest(int status, std::string_view text);
  // Adds a last answer.
  void AnswerAndClose(int status, std::string_view text);
  // No further request is read; the connection ends when those in the pipeline are answered.
  void CloseAfterAnswers(Closing how);
  // The connection ends with this turn, and nothing that is not sent yet is sent.
  // `why` is for the log, constant.
  void Abandon(const char* why);

  // --- For the reactor. ---

  // Begins to listen to the socket; false when the kernel has no room: the connection is closed.
  [[nodiscard]] bool Register();
  // Ends the connection, whatever is in progress. `why` is for the log.
  void Close(const char* why);
  void OnEvents(uint32_t events) override;
  // The request has come back from the workers.
  void OnAnswer(Request* request);
  // The request's own deadline has passed, and it is here again without an answer.
  void OnRequestTimeout(Request* request);
  // The connection's wait has ended: idle, receiving, sending or lingering too long.
  void OnWaitEnded();
  // Sends what is ready. The connection may be closed() afterwards.
  void Flush();
  // The server stops: no further request than those that have begun.
  void Drain();

  [[nodiscard]] bool closed() const { return !fd_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Session* session() { return session_.get(); }

  // The reactor's: the client's number, where among all connections it is, whether it waits to be
  // flushed, and what it counts as.
  uint64_t number = 0;
  size_t index = 0;
  bool dirty = false;
  ClientCount::Place place = ClientCount::Place::kNone;

 private:
  enum class Wait : unsigned char {
    kNone,
    kFirstRequest,  // over HTTP, from the accept to the end of a request
    kIdle,          // over HTTP, between two requests
    kReceiving,     // the rest of a request or command
    kRespIdle,      // over the Redis protocol, between two commands
    kSending,
    kLingering,
  };

  // A piece of output that the socket did not take yet.
  struct Unsent {
    cache::EntryRef value;  // keeps `of_value` alive; or, without one, `bytes`
    std::string_view of_value;
    std::string bytes;
    size_t offset = 0;

    [[nodiscard]] std::string_view rest() const {
      return (value ? of_value : std::string_view(bytes)).substr(offset);
    }
  };

  [[nodiscard]] bool answers_ready() const { return first_ != nullptr && first_->ready(); }
  void ContinueGroup(Request* first);
  void Read();
  void Feed(std::string_view fresh);
  void ShrinkInput();
  void RefuseInput();
  void Discard();
  [[nodiscard]] bool SendUnsent();
  [[nodiscard]] bool SendAnswers();
  [[nodiscard]] bool KeepUnsent(size_t sent_bytes);
  void PopAnswered(int count);
  void FinishClosing();
  void UpdateInterest();
  void UpdateWait();
  void StartWait(Wait wait);
  // Null for kNone.
  [[nodiscard]] DeadlineList<Connection>* ListOf(Wait wait) const;

  Reactor* const reactor_;
  UniqueFd fd_;
  const std::unique_ptr<Session> session_;
  std::string input_;
  std::vector<Unsent> unsent_;
  Request* first_ = nullptr;
  Request* last_ = nullptr;
  int depth_ = 0;
  int unanswered_ = 0;  // of depth_
  uint32_t interest_ = 0;
  int unacknowledged_ = 0;  // bytes, when Wait::kSending began
  Wait wait_ = Wait::kNone;
  bool closing_ = false;
  bool linger_ = false;              // close in stages
  const char* abandoned_ = nullptr;  // why, once Abandon was called
  bool lingering_ = false;           // our side is shut, the client's input is read over
  bool peer_closed_ = false;         // the client sends no more
  bool paused_ = false;              // no further request was taken and input was left
  bool held_ = false;                // see Hold
  bool continues_ = false;           // within ContinueGroup
};

}  // namespace rp::core
