#include "redis/batch.h"

#include "base/log.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace rp::redis {
namespace {

std::string_view TextOf(const redisReply& reply) {
  return {reply.str, static_cast<size_t>(reply.len)};
}

bool IsReplyToGet(const redisReply& reply) {
  return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_NIL ||
         reply.type == REDIS_REPLY_ERROR;
}

bool IsReplyToPttl(const redisReply& reply) {
  return reply.type == REDIS_REPLY_INTEGER || reply.type == REDIS_REPLY_ERROR;
}

// Without the key's TTL its value cannot be cached: an ACL that forgets PTTL would cost every hit
// in silence.
int64_t TtlOf(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return reply.integer;
  static LogLimiter limiter{std::chrono::minutes(10)};
  uint64_t suppressed = 0;
  if (limiter.Allow(Now(), &suppressed)) {
    Log(LogLevel::kWarn, "redis: nothing is cached while PTTL is refused: %.*s",
        static_cast<int>(TextOf(reply).size()), TextOf(reply).data());
  }
  return kTtlGone;
}

FetchResult ResultOf(const redisReply& value, const redisReply& ttl) {
  FetchResult result;
  switch (value.type) {
    case REDIS_REPLY_STRING:
      result.kind = FetchResult::Kind::kValue;
      result.value = TextOf(value);
      result.ttl_ms = TtlOf(ttl);
      break;
    case REDIS_REPLY_NIL:
      result.kind = FetchResult::Kind::kMissing;
      break;
    default:
      result.kind = FetchResult::Kind::kError;
      result.error_text = TextOf(value);
      result.error_code = ClassifyErrorReply(result.error_text);
      if (result.error_code == ErrorCode::kWrongType) result.ttl_ms = TtlOf(ttl);
  }
  return result;
}

}  // namespace

// Runs `step`, which waits until the time it is given at most, until it succeeds, fails, or the
// time of the whole exchange is over, and fails each fetch when its own time is.
template <typename Step>
auto Batch::WithFetchDeadlines(FetchSink* sink, Step step) -> decltype(step(TimePoint())) {
  for (;;) {
    auto result = step(std::min(deadline_, earliest_));
    if (result.ok() || result.error().code != ErrorCode::kTimeout) return result;
    const TimePoint now = Now();
    if (now >= deadline_) return result;
    FailExpired(now, sink);
  }
}

Result<void> Batch::Exchange(Connection* connection, Duration timeout, FetchSink* sink) {
  for (size_t i = 0; i < size_; ++i) {
    connection->Append({"GET", fetches_[i]->key});
    connection->Append({"PTTL", fetches_[i]->key});
    earliest_ = std::min(earliest_, fetches_[i]->DeadlineTime());
  }
  sent_at_ = Now();
  deadline_ = DeadlineAfter(sent_at_, timeout);
  Result<void> sent = WithFetchDeadlines(
      sink, [connection](TimePoint deadline) { return connection->Flush(deadline); });
  if (!sent) return sent;
  for (size_t i = 0; i < size_; ++i) {
    if (Result<void> read = ReadOne(connection, i, sink); !read) return read;
  }
  return {};
}

Result<void> Batch::ReadOne(Connection* connection, size_t index, FetchSink* sink) {
  const auto read = [connection](TimePoint deadline) { return connection->ReadReply(deadline); };
  Result<Reply> value = WithFetchDeadlines(sink, read);
  if (!value) return value.error();
  Result<Reply> ttl = WithFetchDeadlines(sink, read);
  if (!ttl) return ttl.error();
  if (!IsReplyToGet(**value) || !IsReplyToPttl(**ttl)) {
    // Replies and commands have come apart: none that follows can be trusted.
    return Error{ErrorCode::kProtocol, "Redis sent a reply of an unexpected type"};
  }
  answered_ = true;
  FetchResult result = ResultOf(**value, **ttl);
  result.sent_at = sent_at_;
  result.peer = connection->peer();
  if (result.kind == FetchResult::Kind::kError && result.error_code == ErrorCode::kAuth) {
    credentials_refused_ = true;
  }
  Fetch* const fetch = std::exchange(fetches_[index], nullptr);
  if (fetch != nullptr) sink->OnFetched(fetch, result);
  return {};
}

void Batch::FailExpired(TimePoint now, FetchSink* sink) {
  FetchResult result;
  result.error_code = ErrorCode::kTimeout;
  result.error_text = Describe(ErrorCode::kTimeout).text;
  earliest_ = kNever;
  for (size_t i = 0; i < size_; ++i) {
    if (fetches_[i] == nullptr) continue;
    const TimePoint deadline = fetches_[i]->DeadlineTime();
    if (deadline <= now) {
      sink->OnFetched(std::exchange(fetches_[i], nullptr), result);
    } else {
      earliest_ = std::min(earliest_, deadline);
    }
  }
}

Fetch* Batch::PopLastUnanswered() {
  while (size_ > 0) {
    if (Fetch* const fetch = fetches_[--size_]; fetch != nullptr) return fetch;
  }
  return nullptr;
}

}  // namespace rp::redis
