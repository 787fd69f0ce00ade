// Connection: one client's socket. It reads bytes for its Session, keeps the requests in a Pipeline
// and sends their answers through an Output.
//
//   phase       event                                                       next phase
//   kOpen       the session or a drain wants it to end, or no memory        kFinishing
//   kOpen       the client has ended its side, and all is answered and sent kClosed
//   kFinishing  all is answered and sent, and nothing may be on its way     kClosed
//   kFinishing  all is answered and sent, and the client may send still     kLingering
//   kLingering  the client has ended its side, or its time is over          kClosed
//   any         the socket breaks, a wait ends, or the session abandons it  kClosed
//
//   input       event                                             next input
//   kReading    input is left, but the pipeline is full           kPaused
//   kReading    the session holds: a command must be alone        kHeld
//   kReading    the client has ended its side                     kEnded
//   kPaused     there is room again, and all answers are sent     kReading
//   kHeld       all is answered, and input is left                kPaused
//   kHeld       all is answered                                   kReading
//   kHeld       the client has ended its side                     kEnded
//
// Input is read into a buffer of the reactor, and only an unfinished request is kept here. While
// answers cannot be sent nothing more is read, and more input waits in the kernel: an idle
// connection owns no buffer. A close happens in stages where the client may still be sending, since
// closing on unread input makes the kernel take back the answer (RFC 9112 section 9.6).
//
// Owner: the reactor's ConnectionList. Thread safety: the reactor's thread. Cost: one recv and one
// send for as many requests as one read brings.
#pragma once

#include <memory>
#include <string>

#include "core/client_count.h"
#include "core/output.h"
#include "core/pipeline.h"
#include "core/session.h"
#include "core/waits.h"
#include "net/event_loop.h"

namespace rp::core {

struct ReactorContext;

// How a connection ends once everything is sent.
enum class Closing : unsigned char {
  kAtOnce,  // the client said that it sends no more
  kLinger,  // the client may be sending still: what it sends is read and dropped for a while
};

// What the reactor's list of connections keeps with each.
struct Listing {
  size_t index = 0;
  bool is_dirty = false;  // it waits to be flushed
  ClientCount::Place place = ClientCount::Place::kNone;
};

class Connection final : public net::EventHandler, public DeadlineNode {
 public:
  enum class Phase : unsigned char { kOpen, kFinishing, kLingering, kClosed };

  // `context` outlives the connection.
  Connection(ReactorContext* context, uint64_t number, UniqueFd fd,
             std::unique_ptr<Session> session);
  ~Connection();

  // --- For the session. ---

  [[nodiscard]] ReactorContext* context() const { return context_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const Pipeline& pipeline() const { return pipeline_; }
  // Returns whether another request may be added now.
  [[nodiscard]] bool TakesRequests() const {
    return phase_ == Phase::kOpen && input_ != Input::kHeld &&
           pipeline_.size() < Pipeline::kMaxRequests;
  }
  // Takes no further request until all in the pipeline are answered.
  void Hold();

  // Adds a blank request to the end of the pipeline. Returns null when memory for requests has run
  // out; then the connection is finishing.
  [[nodiscard]] Request* AddRequest();
  // Answers the request from the cache, or sends it. REQUIRES: its question is a key.
  void Submit(Request* request);
  // The request has its answer: from the session, or from Redis or a worker.
  void OnAnswer(Request* request);
  // Makes one answer of the last `size` requests, of which `first` is the first and is answered.
  // Submits the others, but for those that have failed already: as many as may be in flight now,
  // and the rest as these are answered. REQUIRES: they were added just now.
  void StartGroup(Request* first, uint32_t size);
  // No further request is read; the connection ends when those in the pipeline are answered.
  void CloseAfterAnswers(Closing how);
  // The connection ends with this turn, and nothing further is sent. `why` is for the log,
  // constant.
  void Abandon(const char* why);

  // --- For the reactor. ---

  // Begins to listen to the socket. Returns false when the kernel has no room: then it is closed.
  [[nodiscard]] bool Register();
  void OnEvents(uint32_t events) override;
  // The connection's wait has ended: it was idle, receiving, sending or lingering for too long.
  void OnWaitEnded();
  // Starts what is to be started and sends what is ready. The connection may be closed afterwards.
  void Flush();
  // The server stops: no further request than those that have begun.
  void Drain();
  // Has the session say why nothing more is read, and ends.
  void Refuse(Session::Reason why);
  // Ends the connection, whatever is in progress. `why` is for the log.
  void Close(const char* why);

  Listing listing;  // the ConnectionList's

 private:
  enum class Input : unsigned char { kReading, kPaused, kHeld, kEnded };

  void Read();
  void Feed(std::string_view fresh);
  [[nodiscard]] bool SendAnswers(size_t* budget_bytes);
  void FinishClosing();
  void UpdateInterest();
  void UpdateWait();
  void StartWait(ClientWait wait);

  ReactorContext* const context_;
  const uint64_t number_;
  UniqueFd fd_;
  const std::unique_ptr<Session> session_;
  Pipeline pipeline_;
  Output output_;
  std::string unfinished_;           // input that is no whole request yet, or waits for its turn
  const char* abandoned_ = nullptr;  // why, once Abandon was called
  uint32_t interest_ = 0;            // in events of the socket
  int unacknowledged_bytes_ = 0;     // when ClientWait::kSending began
  Phase phase_ = Phase::kOpen;
  Input input_ = Input::kReading;
  Closing closing_ = Closing::kAtOnce;
  ClientWait wait_ = ClientWait::kNone;
};

}  // namespace rp::core
