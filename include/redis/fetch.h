// A GET, or any command as bytes, that somebody waits for, and its outcome: the values that cross
// between the fetchers and whoever asks them.
//
// Thread safety: a Fetch belongs to its owner until Submit and from OnFetched on, and to the
// fetchers in between, except for `deadline`, which any thread may move later at any time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class FetchSink;

// A command, or a GET of a key, of more bytes is sent by itself.
inline constexpr size_t kLargeCommandBytes = size_t{1} << 20;
// What a GET is more than its key, at most: *2, $3, GET, $ and ten digits, and the key's CR LF.
inline constexpr size_t kGetFramingBytes = 32;

// The owner derives its own record of the request from it, and keeps that alive until OnFetched.
struct Fetch {
  std::string_view key;  // of a GET; the owner keeps the bytes

  // Empty for a GET; else whole commands as RESP arrays of bulk strings, `replies` of them, each of
  // which Redis answers with exactly one reply and without changing the connection. The owner keeps
  // the bytes, and answers for all of that.
  std::string_view command;
  uint32_t replies = 1;
  uint8_t resp_version = 2;      // 2 or 3: how Redis is to spell the replies
  bool may_be_repeated = false;  // the command writes nothing, so that it may be sent again
  FetchSink* sink = nullptr;     // who hears of the outcome; null: the fetchers' own

  // When nobody waits any more. It is never an error to answer a little later, but a fetch is not
  // sent once it has passed.
  std::atomic<TimePoint> deadline{TimePoint()};

  void SetDeadline(TimePoint time) { deadline.store(time); }
  [[nodiscard]] TimePoint DeadlineTime() const { return deadline.load(); }

  [[nodiscard]] bool IsCommand() const { return !command.empty(); }
  // Whether it may be more than Redis accepts, which then closes the connection: the least that
  // proto-max-bulk-len and client-query-buffer-limit can be set to is 1 MB.
  [[nodiscard]] bool IsLarge() const {
    return (IsCommand() ? command.size() : key.size() + kGetFramingBytes) > kLargeCommandBytes;
  }
  // Whether it does no harm to ask again what Redis may have carried out already.
  [[nodiscard]] bool IsRepeatable() const { return !IsCommand() || may_be_repeated; }

 private:
  friend class FetchQueue;
  friend class FetchSchedule;

  Fetch* next_ = nullptr;         // in a FetchQueue
  unsigned failures_ = 0;         // attempts that failed
  bool free_retry_used_ = false;  // it was once sent on a connection that had died while idle
};

// PTTL's own codes (https://redis.io/docs/latest/commands/pttl/).
inline constexpr int64_t kTtlNone = -1;
inline constexpr int64_t kTtlGone = -2;

struct FetchResult {
  enum class Kind { kValue, kMissing, kReply, kError };

  Kind kind = Kind::kError;
  // With kValue; with kReply, which is a command's, the replies as Redis sent them, its own errors
  // among them. Valid only during the call.
  std::string_view value;
  ErrorCode error_code = ErrorCode::kInternal;
  std::string_view error_text;  // with kError: Redis's own text without '-', or ours; the same

  // With kValue, and with kError of kWrongType: what the key had left to live when PTTL ran, just
  // after GET. kTtlGone means that the key ceased to exist in between, or that Redis would not say:
  // serve it, do not cache it. Always kTtlGone otherwise.
  int64_t ttl_ms = kTtlGone;

  // With kError: Redis may have got the command, and carried it out or be about to.
  bool maybe_sent = false;

  // With kValue, kMissing, kReply and Redis's own errors: just before the commands were sent. The
  // value is no older than this.
  TimePoint sent_at;

  // With the same: the Connection::peer() it came from. 0 with failures of ours.
  uint64_t peer = 0;
};

class FetchSink {
 public:
  // Exactly once for each fetch that Submit took, on a thread of the fetchers, with no lock held.
  // `fetch` is the owner's again: it may be freed, or submitted anew from inside the call.
  virtual void OnFetched(Fetch* fetch, const FetchResult& result) = 0;

  // Follows one or more calls of OnFetched, on the same thread, before that thread waits for
  // anything: whom they concern may be told now of all of them together. Only the fetchers' own
  // sink is told, of those for other sinks as well.
  virtual void OnPause() {}

 protected:
  ~FetchSink() = default;
};

}  // namespace rp::redis
