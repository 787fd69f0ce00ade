// RefusedTransaction: discards the commands of a transaction, because -forward refuses MULTI.
//
// The commands that the client sends after MULTI must not be executed one by one, so they are
// discarded. A client that has seen the refusal may have given the transaction up without EXEC or
// DISCARD. The proxy cannot tell this from a pipeline that arrives in pieces, so it discards the
// next command too and closes the connection; a new connection is in no transaction.
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

  // Returns what to do with a command that this endpoint does not answer: forward it (MULTI, EXEC
  // and DISCARD too, because the Forwarder refuses them), or discard it with an error.
  [[nodiscard]] Action OnCommand(const resp::Command& command);

  // Notes that input arrives. `all_seen` is true if it begins a command, and everything before it
  // has been answered.
  void OnInput(bool all_seen) {
    if (state_ != State::kNone) state_ = all_seen ? State::kRefusalSeen : State::kRefused;
  }

  // Ends the transaction, for RESET.
  void Reset() { state_ = State::kNone; }

 private:
  enum class State : unsigned char { kNone, kRefused, kRefusalSeen };

  State state_ = State::kNone;
};

}  // namespace rp::resp_front
