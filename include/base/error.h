// The table of failures: what a request may fail with, and how each failure is reported to clients
// and in the log.
//
// Owner: nobody; a constant table. An Error is a value.
// Thread safety: any thread.
// Cost: O(1), no allocation.
#pragma once

#include <string>
#include <string_view>

namespace rp {

enum class ErrorCode : unsigned char {
  // About the key.
  kWrongType,     // the key holds another type than a string
  kNoPermission,  // Redis's ACL forbids the key or the command
  kTooLarge,      // the value has 4 GB or more
  kUpstream,      // any other error reply of Redis
  // About Redis or the connection to it.
  kTimeout,         // a deadline passed while connecting, reading or waiting
  kUnavailable,     // Redis cannot be reached, or the connection was lost and retries failed
  kAway,            // several attempts in a row have failed, so this request was not sent
  kProtocol,        // Redis sent something that is not RESP
  kAuth,            // Redis requires a password, or refuses the one that was given
  kRefused,         // Redis refuses the connection for another reason: its database, its mode
  kMoved,           // MOVED, ASK: another node of the cluster has the key
  kReadOnly,        // READONLY: Redis is a replica, which refuses writes
  kLoading,         // LOADING: Redis is loading its data
  kMasterDown,      // MASTERDOWN: Redis is a replica that has lost its master
  kClusterDown,     // CLUSTERDOWN
  kTryAgain,        // TRYAGAIN: the cluster is moving the keys to another node
  kScriptRuns,      // BUSY: Redis is running a script
  kTooManyClients,  // Redis has reached its limit of connections
  // About this program.
  kBusy,      // too many requests are waiting
  kNoMemory,  // no memory for the value, the command or the reply
  kStopping,  // the program is shutting down
  kInternal,  // a bug
};

struct ErrorInfo {
  int http_status;
  bool retry_after;              // the HTTP answer carries "Retry-After: 1"
  std::string_view resp_prefix;  // the first word of a RESP error that is not Redis's own
  std::string_view name;         // the name in metrics and logs
  std::string_view text;         // one line for a person
};

// Returns the row of `code`.
const ErrorInfo& Describe(ErrorCode code);

// Returns whether the same request may succeed a moment later.
inline bool IsTransient(ErrorCode code) { return Describe(code).retry_after; }

// A failure and its message, which is one line. For an error reply of Redis, the message is Redis's
// own text, without '-'.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

}  // namespace rp
