// ClientState: the state of a client of the Redis protocol, as HELLO, AUTH, CLIENT and RESET set
// it.
//
// Whether the client gets answers (CLIENT REPLY). A pair of mode and event that is not listed
// changes nothing:
//
//   mode       event              next mode
//   any        CLIENT REPLY ON    kOn
//   any        CLIENT REPLY OFF   kOff
//   not kOff   CLIENT REPLY SKIP  kSkipNext
//   kSkipNext  a command begins   kSkipThis
//   kSkipThis  a command begins   kOn
//   kOff       RESET              kOn
//
// Owner: the client's session. Thread safety: one thread at a time. Cost: strings for the names
// that the client gives.
#pragma once

#include <string>

#include "base/credentials.h"
#include "core/session.h"
#include "resp_front/transaction.h"

namespace rp::resp_front {

enum class ReplyMode : unsigned char {
  kOn,
  kOff,       // nothing is answered
  kSkipNext,  // CLIENT REPLY SKIP has been run
  kSkipThis,  // the command that is being run is not answered
};

struct ClientState {
  core::Client connected;  // its number and its socket
  int version = 2;         // of the protocol: 2 or 3
  bool authenticated = false;
  ReplyMode reply_mode = ReplyMode::kOn;
  Transaction transaction;
  std::string user{Credentials::kDefaultUser};
  std::string name;  // CLIENT SETNAME
  std::string library_name;
  std::string library_version;

  // Notes that a command begins, or an error that belongs to no command.
  void BeginCommand() {
    if (reply_mode == ReplyMode::kSkipThis) reply_mode = ReplyMode::kOn;
    if (reply_mode == ReplyMode::kSkipNext) reply_mode = ReplyMode::kSkipThis;
  }
  // Returns whether the command that is being run is not answered.
  [[nodiscard]] bool is_silent() const { return reply_mode != ReplyMode::kOn; }
};

}  // namespace rp::resp_front
