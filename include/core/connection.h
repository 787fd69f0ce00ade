// Connection: one client's socket. It reads bytes for its Session, keeps the requests in a Pipeline
// and sends their answers through an Output.
//
//   phase       event                                                           next phase
//   kOpen       the session ends or abandons it, a drain, or there is no memory kFinishing
//   kOpen       the client has ended its side, and all is answered and sent     kClosed
//   kOpen       a drain finds nothing in flight, or the client is idle too long kClosed
//   kFinishing  all is answered and sent, with Closing::kAtOnce                 kClosed
//   kFinishing  all is answered and sent, with Closing::kLinger                 kLingering
//   kFinishing  it is flushed after the session has abandoned it                kClosed
//   kLingering  the client has ended its side, or its time is over              kClosed
//   any         the socket breaks, the client reads nothing for too long, epoll
//               has no room for it, or the time of the drain is over            kClosed
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
// Input is read into a buffer of the reactor, and only an unfinished request is kept here, so an
// idle connection owns no buffer; of a large argument it is read to where the session keeps it.
// While answers cannot be sent, nothing more is read, and further input waits in the kernel. If the
// client may still be sending, the connection closes in stages, because closing with unread input
// makes the kernel discard the answer (RFC 9112 section 9.6).
//
// Owner: the reactor's ConnectionList. Thread safety: the reactor's thread. Cost: one recv and one
// send for as many requests as one read brings.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/client_count.h"
#include "core/connection_list.h"
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
  kLinger,  // the client may still be sending: its input is read and dropped for a while
};

// The fields of a connection that belong to the reactor's ConnectionList.
struct Listing {
  size_t index = 0;
  ClientCount::Place place = ClientCount::Place::kNone;
};

class Connection final : public net::EventHandler,
                         public DeadlineNode,
                         public FlushNode,
                         public ReadNode {
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
    return phase_ == Phase::kOpen && input_ != Input::kHeld && pipeline_.has_room();
  }
  // Takes no further request until all in the pipeline are answered.
  void Hold();

  // Adds a blank request to the end of the pipeline. Returns null if the pool gives none; then the
  // phase is kFinishing.
  [[nodiscard]] Request* AddRequest();
  // Answers the request from the cache, or hands it to the Dispatcher. REQUIRES: its question is a
  // key.
  void Submit(Request* request);
  // Marks `request` as answered and the connection as to be flushed. REQUIRES: the request has its
  // answer.
  void OnAnswer(Request* request);
  // Answers the request when its group is done. REQUIRES: it was added just now.
  void StartGroup(Request* request, std::unique_ptr<Group> group);
  // Stops reading requests, and closes when those in the pipeline are answered.
  void CloseAfterAnswers(Closing how);
  // Closes at the end of this turn and sends nothing more. `why` is a constant text for the log.
  void Abandon(const char* why);

  // --- For the reactor. ---

  // Registers the socket with epoll. On failure closes the connection and returns false.
  [[nodiscard]] bool Register();
  void OnEvents(uint32_t events) override;
  // Handles the end of the connection's ClientWait: closes, has the session close, or waits anew
  // for a client that has made progress.
  void OnWaitEnded();
  // What a connection may send when it is flushed.
  enum class Share : unsigned char {
    kSmall,  // at most TurnBudget::kSmallBytes, since others wait
    kFull,   // as much as one connection may send at once
  };
  // Looks up keys of groups, sends the answers that are ready and reads the requests that were left
  // for want of room. If more than its share is left to do, the connection is marked as waiting. It
  // may be closed afterwards.
  void Flush(Share share);
  // Finishes the requests that have begun to arrive, then closes. Called when the server stops.
  void Drain();
  // Has the session answer with the reason, then closes.
  void Refuse(Session::Reason why);
  // Closes the connection at once. `why` is for the log.
  void Close(const char* why);

  Listing listing;  // of the ConnectionList

 private:
  enum class Input : unsigned char { kReading, kPaused, kHeld, kEnded };

  void Read();
  void ReadTo(std::span<char> room);
  void Feed(std::string_view fresh);
  // How sending has ended.
  enum class Sent : unsigned char {
    kAll,     // all answers that were ready
    kFull,    // the socket takes no more
    kShared,  // the share is used up
    kBroken,
  };

  [[nodiscard]] bool LookUpKeys();
  [[nodiscard]] Sent SendAnswers(Share share);
  [[nodiscard]] int WriteAnswers();
  void GiveUp(Request* request);
  void FinishClosing();
  void UpdateInterest(Sent sent);
  void UpdateWait();
  void StartWait(ClientWait wait);

  ReactorContext* const context_;
  const uint64_t number_;
  UniqueFd fd_;
  const std::unique_ptr<Session> session_;
  Pipeline pipeline_;
  Output output_;
  std::string unfinished_;           // input that is not a whole request yet, or that waits
  const char* abandoned_ = nullptr;  // the reason, after Abandon
  uint32_t interest_ = 0;            // the events that epoll watches
  int unacknowledged_bytes_ = 0;     // when ClientWait::kSending began
  Phase phase_ = Phase::kOpen;
  Input input_ = Input::kReading;
  Closing closing_ = Closing::kAtOnce;
  ClientWait wait_ = ClientWait::kNone;
};

}  // namespace rp::core
