#include "redis/get_exchange.h"

#include <hiredis/hiredis.h>

#include <string_view>

#include "base/log.h"

namespace rp::redis {
namespace {

bool IsReplyToGet(const redisReply& reply) {
  return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_NIL ||
         reply.type == REDIS_REPLY_ERROR;
}

bool IsReplyToPttl(const redisReply& reply) {
  return reply.type == REDIS_REPLY_INTEGER || reply.type == REDIS_REPLY_ERROR;
}

// Without the key's TTL its value cannot be cached: an ACL without PTTL would cost every hit
// unnoticed.
int64_t TtlOf(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return reply.integer;
  static LogLimiter limiter{std::chrono::minutes(10)};
  uint64_t suppressed = 0;
  if (limiter.Allow(Now(), &suppressed)) {
    Log(LogLevel::kWarn, "redis: values are not cached, because Redis refuses PTTL: %.*s",
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

// Logs an error reply that is about Redis, not about the key.
void NoteTrouble(FetchResult* result, Batch* batch) {
  if (result->kind != FetchResult::Kind::kError) return;
  const ErrorCode code = result->error_code;
  if (IsAboutServer(code) || code == ErrorCode::kUpstream) batch->Note(code, result->error_text);
  result->error_text = TextForClients(code, result->error_text);
}

Result<Reply> NextReply(Connection* connection, Batch* batch) {
  Result<Reply> reply = connection->TakeReply();
  if (!reply || *reply != nullptr) return reply;
  batch->Pause();
  return batch->WithDeadlines(
      [connection](TimePoint deadline) { return connection->ReadReply(deadline); });
}

Result<void> ReadOne(Connection* connection, size_t index, Batch* batch) {
  Result<Reply> value = NextReply(connection, batch);
  if (!value) return value.error();
  Result<Reply> ttl = NextReply(connection, batch);
  if (!ttl) return ttl.error();
  if (!IsReplyToGet(**value) || !IsReplyToPttl(**ttl)) {
    // Replies and commands have come apart: none that follows can be trusted.
    return Error{ErrorCode::kProtocol, "Redis sent a reply of an unexpected type"};
  }
  FetchResult result = ResultOf(**value, **ttl);
  NoteTrouble(&result, batch);
  batch->Answer(index, result, connection->identity().id);
  return {};
}

}  // namespace

Result<void> ExchangeGets(Connection* connection, Duration timeout, Batch* batch) {
  for (size_t i = 0; i < batch->size(); ++i) {
    connection->Append({"GET", (*batch)[i].key});
    connection->Append({"PTTL", (*batch)[i].key});
  }
  batch->Begin(timeout);
  Result<void> sent = batch->WithDeadlines(
      [connection](TimePoint deadline) { return connection->Flush(deadline); });
  if (!sent) return sent;
  for (size_t i = 0; i < batch->size(); ++i) {
    Result<void> read = ReadOne(connection, i, batch);
    // The others are sent again, but this one would fail again.
    if (!read && read.error().code == ErrorCode::kNoMemory) {
      batch->Fail(i, ErrorCode::kNoMemory, read.error().message);
    }
    if (!read) return read;
  }
  return {};
}

}  // namespace rp::redis
