// HttpSession::Write: writes the answers of requests.
#include <cstring>

#include "http_front/http_session.h"

namespace rp::http_front {
namespace {

constexpr std::string_view kErrorContentType = "text/plain; charset=utf-8";
static_assert(http::kMaxHeadBytes + core::Session::kMaxErrorTextBytes + 1 <=
              core::Session::kMaxAnswerBytes);
static_assert(http::kMaxHeadBytes + core::Session::kCopiedBytes <= core::Session::kMaxAnswerBytes);

constexpr std::string_view kMissingText = "no such key";
// A client that asks for "/" seldom means the key of zero bytes.
constexpr std::string_view kMissingRootText =
    "no such key: ask for /KEY, for example GET /example_key";
constexpr std::string_view kPreconditionText = "values have no entity tags: If-Match never matches";

bool IsAboutTheKey(ErrorCode code) {
  return code == ErrorCode::kWrongType || code == ErrorCode::kNoPermission ||
         code == ErrorCode::kUpstream;
}

struct Answer {
  http::ResponseHead head;
  std::string_view text;  // the body of an answer without a value
  bool has_value = false;
};

Answer OwnAnswer(const HttpFraming& framing) {
  Answer answer;
  answer.head.status = framing.status;
  answer.head.allow = framing.status == 405 || framing.status == 204;
  answer.head.retry_after = framing.status == 503;
  answer.head.authenticate = framing.status == 401;
  answer.text = framing.text;
  return answer;
}

Answer AnswerOf(const core::Request& request, const HttpFraming& framing,
                std::string_view content_type, TimePoint now) {
  Answer answer;
  switch (request.answer.outcome) {
    case proxy::Outcome::kValue:
      // In the order of RFC 9110 section 13.2.2.
      if (framing.if_match_tags) {
        answer.head.status = 412;
        answer.text = kPreconditionText;
        break;
      }
      answer.head.status = framing.if_none_match_any ? 304 : 200;
      answer.has_value = !framing.if_none_match_any;
      answer.head.age_seconds = request.answer.value->AgeSeconds(now);
      answer.head.content_type = content_type;
      answer.head.content_length = request.answer.value->value_bytes;
      break;
    case proxy::Outcome::kMissing:
      answer.head.status = 404;
      answer.text = request.question.key.empty() ? kMissingRootText : kMissingText;
      break;
    case proxy::Outcome::kReply:  // never the answer to an HTTP request
    case proxy::Outcome::kError:
    case proxy::Outcome::kPending: {
      const ErrorInfo& info = Describe(request.answer.error);
      answer.head.status = info.http_status;
      answer.head.retry_after = info.retry_after;
      // Clients get what Redis says about the key. Details of trouble with Redis are only in the
      // log.
      answer.text = IsAboutTheKey(request.answer.error) && !request.answer.error_text.empty()
                        ? std::string_view(request.answer.error_text)
                        : info.text;
      break;
    }
  }
  switch (request.answer.source) {
    case proxy::Source::kCache:
      answer.head.cache_state = http::CacheState::kHit;
      break;
    case proxy::Source::kRedis:
      answer.head.cache_state = http::CacheState::kMiss;
      break;
    case proxy::Source::kRedisNoLease:
      answer.head.cache_state = http::CacheState::kBypass;
      answer.head.cache_detail = "detail=no-lease";
      break;
    case proxy::Source::kRedisNotPrimary:
      answer.head.cache_state = http::CacheState::kBypass;
      answer.head.cache_detail = "detail=not-primary";
      break;
    case proxy::Source::kRedisNoPrefix:
      answer.head.cache_state = http::CacheState::kBypass;
      answer.head.cache_detail = "detail=no-prefix";
      break;
    case proxy::Source::kStale:
      answer.head.cache_state = http::CacheState::kStale;
      break;
  }
  return answer;
}

}  // namespace

size_t HttpSession::Write(const core::Request& request, bool close, const core::Turn& turn,
                          char* out, core::Payload* payload) {
  const HttpFraming& framing = *request.data.Get<HttpFraming>();
  Answer answer = framing.status != 0
                      ? OwnAnswer(framing)
                      : AnswerOf(request, framing, shared_->options.content_type, turn.now);
  answer.head.http10 = framing.http10;
  answer.head.close = close;
  answer.text = answer.text.substr(0, core::Session::kMaxErrorTextBytes);
  const bool has_text = !answer.has_value && answer.head.status != 204 && answer.head.status != 304;
  if (has_text) {
    answer.head.content_type = kErrorContentType;
    answer.head.content_length = answer.text.size() + 1;
  }
  size_t written = http::WriteHead(answer.head, shared_->date.At(turn.wall_time), out);
  if (has_text && !framing.head_only) {
    std::memcpy(out + written, answer.text.data(), answer.text.size());
    written += answer.text.size();
    out[written++] = '\n';
  }
  if (answer.has_value && !framing.head_only)
    written += PutValue(request.answer.value->value(), out + written, payload);
  return written;
}

}  // namespace rp::http_front
