// RefusedTransaction: where a client stands in a transaction that -forward does not let through.
//
// MULTI is refused, and what the client sends behind it must not be carried out by itself. A client
// that has seen the refusal may have left the transaction without a word; since that cannot be told
// from a pipeline that arrives in pieces, its next command is discarded too, and the connection
// ends: on a new one all is clear.
//
//   state         event                                               next state    action
//   kNone         MULTI                                               kRefused      forward
//   kNone         any other command                                   kNone         forward
//   kRefused      input arrives, and the client has had all answers   kRefusalSeen
//   kRefusalSeen  input arrives that was begun before                 kRefused
//   kRefused      a command                                           kRefused      discard
//   kRefusalSeen  a command                                           kRefusalSeen  discard, close
//   any           EXEC or DISCARD                                     kNone         forward
//   any           RESET                                               kNone
//
// Owner: the client's state. Thread safety: one thread at a time. Cost: O(1), no allocation.
#pragma once

#include "resp/request_reader.h"

namespace rp::resp_front {

class RefusedTransaction {
 public:
  enum class Action : unsigned char { kForward, kDiscard, kDiscardAndClose };

  // Returns what becomes of a command that is Redis's to answer: it is forwarded (MULTI, EXEC and
  // DISCARD too, for Redis's rules refuse them), or discarded with an error.
  [[nodiscard]] Action OnCommand(const resp::Command& command);

  // Input arrives. `all_seen` says that it was begun when everything before it had been answered.
  void OnInput(bool all_seen) {
    if (state_ != State::kNone) state_ = all_seen ? State::kRefusalSeen : State::kRefused;
  }

  // RESET ends it.
  void Reset() { state_ = State::kNone; }

 private:
  enum class State : unsigned char { kNone, kRefused, kRefusalSeen };

  State state_ = State::kNone;
};

}  // namespace rp::resp_front
