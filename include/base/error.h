// The one table of failures: what a request may fail with, and what each failure is called on the
// outside.
#pragma once

#include <string>
#include <string_view>

namespace rp {

enum class ErrorCode : unsigned char {
  // Of the key.
  kWrongType,     // the key holds another type than a string
  kNoPermission,  // Redis's ACL forbids this key or command
  kTooLarge,      // the value is longer than an entry can say
  kUpstream,      // any other error reply of Redis
  // Of Redis, or of the way to it.
  kTimeout,         // a deadline passed: connecting, reading or waiting
  kUnavailable,     // Redis cannot be reached, or the connection was lost and retries did not help
  kAway,            // Redis could not be reached several times in a row: this time nobody tried
  kProtocol,        // Redis sent something that is not RESP
  kAuth,            // Redis wants a password that was not given, or refuses the one that was
  kRefused,         // Redis refuses the connection for another reason: its database, its mode
  kMoved,           // MOVED, ASK: another node of a cluster has the key
  kReadOnly,        // READONLY: a replica does not take writes
  kLoading,         // LOADING: Redis reads its data
  kMasterDown,      // MASTERDOWN: a replica without its master does not serve
  kClusterDown,     // CLUSTERDOWN
  kTryAgain,        // TRYAGAIN: keys are on their way to another node of a cluster
  kScriptRuns,      // BUSY: Redis runs a script and does nothing else
  kTooManyClients,  // Redis has as many connections as it may
  // Of this program.
  kBusy,      // too many requests wait already
  kNoMemory,  // for the value, the command or the reply
  kStopping,  // the program ends
  kInternal,  // a bug
};

struct ErrorInfo {
  int http_status;
  bool retry_after;  // "Retry-After: 1" goes with the HTTP answer
  std::string_view
      resp_prefix;        // the first word of a RESP error, where Redis's own text is not passed on
  std::string_view name;  // the name in metrics and logs
  std::string_view text;  // one line for a person
};

// Thread safety: any thread.
const ErrorInfo& Describe(ErrorCode code);

// Whether the same may work in a moment, as far as Redis or this program can tell.
inline bool IsTransient(ErrorCode code) { return Describe(code).retry_after; }

// A failure with its story. `message` is a single line; where Redis sent an error it is Redis's own
// text, without '-'.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

}  // namespace rp
