// The one table of failures: what a request may fail with, and what each failure is called on the
// outside.
#pragma once

#include <string>
#include <string_view>

namespace rp {

enum class ErrorCode : unsigned char {
  kWrongType,     // the key holds another type than a string
  kNoPermission,  // Redis's ACL forbids this key or command
  kTimeout,       // a deadline passed: connecting, reading or waiting
  kUnavailable,   // Redis cannot be reached, or the connection was lost and retries did not help
  kProtocol,      // Redis sent something that is not RESP
  kAuth,          // Redis wants a password that was not given, or refuses the one that was
  kUpstream,      // any other error reply of Redis
  kBusy,          // Redis or this program has too much to do right now: worth another try soon
  kInternal,      // a bug in this program
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

// A failure with its story. `message` is a single line; where Redis sent an error it is Redis's own
// text, without '-'.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

}  // namespace rp
