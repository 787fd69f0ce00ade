// A fetch (a GET, or any command as bytes) and its outcome: the values that cross between the
// fetchers and their callers.
//
// Owner: the caller, which keeps the fetch alive until OnFetched.
// Thread safety: a Fetch belongs to its owner before Submit and from OnFetched on, and to the
// fetchers in between. Any thread may move `deadline` later at any time.
// Cost: O(1), no allocation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "redis/outgoing.h"

namespace rp::redis {

class FetchSink;

// A command, or a GET of a key, of more bytes than this is sent by itself.
inline constexpr size_t kLargeCommandBytes = size_t{1} << 20;
// Replies to a command of at least so many bytes are shared, and smaller ones copied.
inline constexpr size_t kSharedReplyBytes = size_t{64} << 10;
// Maximum bytes of a GET besides its key: *2, $3, GET, $ and ten digits, and the key's CR LF.
inline constexpr size_t kGetFramingBytes = 32;

// The owner derives its own record of the request from Fetch.
struct Fetch {
  std::string_view key;  // of a GET; the owner keeps the bytes

  // Is null for a GET. Otherwise it has `replies` whole commands, as RESP arrays of bulk strings.
  // REQUIRES: Redis answers each of them with exactly one reply and, but for MULTI and EXEC of a
  // transaction, none changes the state of the connection.
  std::shared_ptr<const Outgoing> command;
  uint32_t replies = 1;
  uint8_t resp_version = 2;      // of the replies: 2 or 3
  bool may_be_repeated = false;  // the command writes nothing, so that it may be sent again
  bool is_transaction = false;   // the last command is EXEC, behind MULTI
  bool goes_alone = false;       // the connection may end with it, so no other is sent with it
  FetchSink* sink = nullptr;     // receives the outcome; null: the fetchers' own sink

  // After this time the fetch is not sent and fails with kTimeout. An answer may come a little
  // later.
  std::atomic<TimePoint> deadline{TimePoint()};

  void SetDeadline(TimePoint time) { deadline.store(time); }
  [[nodiscard]] TimePoint DeadlineTime() const { return deadline.load(); }

  [[nodiscard]] bool IsCommand() const { return command != nullptr; }
  // Returns whether the fetch may be larger than Redis accepts, which then closes the connection:
  // proto-max-bulk-len and client-query-buffer-limit can be set as low as 1 MB.
  [[nodiscard]] bool IsLarge() const {
    return (IsCommand() ? command->bytes() : key.size() + kGetFramingBytes) > kLargeCommandBytes;
  }
  // Returns whether the fetch may be sent again although Redis may have carried it out already.
  [[nodiscard]] bool IsRepeatable() const { return !IsCommand() || may_be_repeated; }

 private:
  friend class FetchQueue;
  friend class FetchSchedule;

  Fetch* next_ = nullptr;         // in a FetchQueue
  unsigned failures_ = 0;         // attempts that failed
  bool free_retry_used_ = false;  // it was lost with a connection that had been closed while idle
};

// PTTL's own codes (https://redis.io/docs/latest/commands/pttl/).
inline constexpr int64_t kTtlNone = -1;
inline constexpr int64_t kTtlGone = -2;

struct FetchResult {
  enum class Kind { kValue, kMissing, kReply, kError };

  Kind kind = Kind::kError;
  // With kValue: the value. With kReply, which is the result of a command: the replies as Redis
  // sent them, error replies included. Valid only during the call.
  std::string_view value;
  // With kReply of at least kSharedReplyBytes: keeps `value` beyond the call. Otherwise null.
  std::shared_ptr<const void> owner;
  ErrorCode error_code = ErrorCode::kInternal;
  // With kError: Redis's own text without '-', or this program's. Valid only during the call.
  std::string_view error_text;

  // With kValue, and with kError of kWrongType: the key's time to live in milliseconds when PTTL
  // ran, just after GET, or kTtlNone. kTtlGone means that the key ceased to exist in between or
  // that Redis refused PTTL: the value may be served but not cached. Otherwise kTtlGone.
  int64_t ttl_ms = kTtlGone;

  // With kError: Redis may have received the command, and may have carried it out or may still do
  // so.
  bool maybe_sent = false;

  // With kValue, kMissing, kReply and Redis's own errors: a time just before the commands were
  // sent. The value is no older than this.
  TimePoint sent_at;

  // With the same: ServerIdentity::id of the server that it came from. 0 where the fetch failed
  // without an answer.
  uint64_t server = 0;

  // Returns whether Redis has said what the key holds: a value, nothing, or another type.
  [[nodiscard]] bool IsAboutKey() const {
    return kind == Kind::kValue || kind == Kind::kMissing ||
           (kind == Kind::kError && error_code == ErrorCode::kWrongType);
  }
};

class FetchSink {
 public:
  // Receives the outcome of a fetch: exactly once for each that Submit took, on a thread of the
  // fetchers, with no lock held; it is `now`. `fetch` is the owner's again: the call may free it or
  // submit it anew.
  virtual void OnFetched(Fetch* fetch, const FetchResult& result, TimePoint now) = 0;

  // Follows one or more calls of OnFetched on the same thread, before that thread waits for
  // anything, so that a sink can pass on several outcomes together. Only the fetchers' own sink is
  // called, also for outcomes that went to other sinks.
  virtual void OnPause() {}

 protected:
  ~FetchSink() = default;
};

}  // namespace rp::redis
