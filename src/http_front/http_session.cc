#include "http_front/http_session.h"

#include <cstring>

#include "core/connection.h"
#include "http/authorization.h"
#include "http/target.h"

namespace rp::http_front {
namespace {

constexpr std::string_view kErrorContentType = "text/plain; charset=utf-8";
// What a single line of an error may take: Redis's own texts are shorter.
constexpr size_t kMaxErrorTextBytes = 512;
static_assert(http::kMaxHeadBytes + kMaxErrorTextBytes + 1 <= core::Session::kMaxAnswerBytes);
static_assert(http::kMaxHeadBytes + core::Session::kCopiedBytes <= core::Session::kMaxAnswerBytes);

constexpr std::string_view kBadEscapeText = "invalid percent-encoding in the key";
constexpr std::string_view kUnauthorizedText = "who asks? see WWW-Authenticate";
constexpr std::string_view kBadBodyText = "the chunked body of the request is malformed";
constexpr std::string_view kMethodText = "only GET and HEAD read keys";
constexpr std::string_view kUnknownMethodText = "unknown method";
constexpr std::string_view kReceiveTimeoutText = "the request did not arrive in time";
constexpr std::string_view kMissingText = "no such key";
// Whoever asks for "/" seldom means the key of zero bytes.
constexpr std::string_view kMissingRootText =
    "no such key: ask for /KEY, for example GET /example_key";
constexpr std::string_view kPreconditionText = "values have no entity tags: If-Match never holds";
constexpr std::string_view kTooManyClientsText = "too many connections";

struct Answer {
  http::ResponseHead head;
  std::string_view text;  // the body of an answer without a value
  bool has_value = false;
};

bool IsAboutTheKey(ErrorCode code) {
  return code == ErrorCode::kWrongType || code == ErrorCode::kNoPermission ||
         code == ErrorCode::kUpstream;
}

Answer LocalAnswer(const core::Request& request) {
  Answer answer;
  answer.head.status = request.local_status;
  answer.head.allow = request.local_status == 405 || request.local_status == 204;
  answer.head.retry_after = request.local_status == 503;
  answer.head.authenticate = request.local_status == 401;
  answer.text = request.local_text;
  return answer;
}

Answer ProxiedAnswer(const core::Request& request, std::string_view content_type, TimePoint now) {
  Answer answer;
  switch (request.answer.outcome) {
    case proxy::Outcome::kValue:
      // In the order of RFC 9110 section 13.2.2.
      if (request.if_match_tags) {
        answer.head.status = 412;
        answer.text = kPreconditionText;
        break;
      }
      answer.head.status = request.if_none_match_any ? 304 : 200;
      answer.has_value = !request.if_none_match_any;
      answer.head.age_seconds = request.answer.value->AgeSeconds(now);
      answer.head.content_type = content_type;
      answer.head.content_length = request.answer.value->value_bytes;
      break;
    case proxy::Outcome::kMissing:
      answer.head.status = 404;
      answer.text = request.question.key.empty() ? kMissingRootText : kMissingText;
      break;
    case proxy::Outcome::kReply:  // to no question of HTTP
    case proxy::Outcome::kError:
    case proxy::Outcome::kPending: {
      const ErrorInfo& info = Describe(request.answer.error);
      answer.head.status = info.http_status;
      answer.head.retry_after = info.retry_after;
      // What Redis says of the key is for the client; what is wrong between this program and Redis
      // is for the log.
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

core::SessionFactory HttpSessions(const HttpOptions& options) {
  auto shared = std::make_shared<HttpShared>(HttpShared{.options = options, .date = {}});
  return [shared](uint64_t) { return std::make_unique<HttpSession>(shared.get()); };
}

size_t HttpSession::Consume(std::string_view bytes, core::Connection* connection) {
  size_t used = 0;
  while (used < bytes.size() && connection->TakesRequests()) {
    const std::string_view rest = bytes.substr(used);
    if (in_body_) {
      size_t skipped = 0;
      const http::ParseStatus status = body_.Skip(rest, &skipped);
      used += skipped;
      if (status == http::ParseStatus::kNeedMore) break;
      in_body_ = false;
      // What follows in this connection means nothing.
      if (status == http::ParseStatus::kError) {
        if (body_.malformed()) connection->FailLastRequest(400, kBadBodyText);
        connection->CloseAfterAnswers(core::Closing::kLinger);
      }
      continue;
    }
    http::RequestHead head;
    const http::ParseStatus status = parser_.Parse(rest, &head);
    if (status == http::ParseStatus::kNeedMore) break;
    if (status == http::ParseStatus::kError) {
      connection->AnswerAndClose(parser_.error_status(), parser_.error_text());
      break;
    }
    used += parser_.consumed();
    OnHead(head, connection);
    parser_.Reset();
  }
  if (!connection->closing()) return used;
  // Behind the last request of a connection nothing is read as one.
  if (used < bytes.size() || in_body_) connection->CloseAfterAnswers(core::Closing::kLinger);
  return bytes.size();
}

bool HttpSession::IsAuthorized(const http::RequestHead& head) const {
  const core::Credentials& credentials = shared_->options.credentials;
  if (!credentials.required()) return true;
  const http::Authorization given = http::ParseAuthorization(head.authorization);
  switch (given.scheme) {
    case http::AuthScheme::kNone:
      return false;
    case http::AuthScheme::kBasic:
      return credentials.Match(given.user.empty() ? core::Credentials::kDefaultUser : given.user,
                               given.secret);
    case http::AuthScheme::kBearer:
      return credentials.MatchToken(given.secret);
  }
  return false;
}

void HttpSession::OnHead(const http::RequestHead& head, core::Connection* connection) {
  if (head.has_body()) {
    body_.Start(head, shared_->options.limits.body_bytes);
    in_body_ = true;
  }
  core::Request* request = connection->AddRequest();
  if (request == nullptr) return;
  request->http10 = head.minor_version == 0;
  request->head_only = head.method == http::Method::kHead;
  request->if_match_tags = head.if_match_tags;
  request->if_none_match_any = head.if_none_match_any;
  // A client that waits for 100 gets its answer at once instead, and may or may not send the body
  // then: only closing tells the next request from the body (RFC 9110 section 10.1.1).
  request->close |= !head.keep_alive || !shared_->options.keep_alive ||
                    (head.expect_continue && head.has_body()) ||
                    head.content_length > shared_->options.limits.body_bytes;
  const auto answer = [&](int status, std::string_view text) {
    connection->AnswerLocally(request, status, text);
  };
  if (!IsAuthorized(head)) {
    answer(401, kUnauthorizedText);
    if (request->close) connection->CloseAfterAnswers(core::Closing::kAtOnce);
    return;
  }
  switch (head.method) {
    case http::Method::kGet:
    case http::Method::kHead:
      switch (http::DecodeKey(head.target, &request->question.key)) {
        case http::KeyStatus::kOk:
          connection->Dispatch(request);
          break;
        case http::KeyStatus::kBadEscape:
          answer(400, kBadEscapeText);
          break;
      }
      break;
    case http::Method::kOptions:
      answer(204, {});
      break;
    case http::Method::kOtherKnown:
      answer(405, kMethodText);
      break;
    case http::Method::kUnknown:
      answer(501, kUnknownMethodText);
      break;
  }
  if (request->close) connection->CloseAfterAnswers(core::Closing::kAtOnce);
}

void HttpSession::OnReceiveTimeout(core::Connection* connection) {
  // Within a body the request has its answer already.
  if (in_body_) {
    connection->CloseAfterAnswers(core::Closing::kLinger);
  } else if (parser_.started()) {
    connection->AnswerAndClose(408, kReceiveTimeoutText);
  } else {
    connection->Abandon("no request came in time");  // nobody has asked for an answer
  }
}

void HttpSession::Refuse(core::Connection* connection, Reason why) {
  connection->AnswerAndClose(503, why == Reason::kTooManyClients
                                      ? kTooManyClientsText
                                      : Describe(ErrorCode::kNoMemory).text);
}

size_t HttpSession::Write(const core::Request& request, bool close, const core::Turn& turn,
                          char* out, core::Payload* payload) {
  Answer answer = request.local_status != 0
                      ? LocalAnswer(request)
                      : ProxiedAnswer(request, shared_->options.content_type, turn.now);
  answer.head.http10 = request.http10;
  answer.head.close = close;
  answer.text = answer.text.substr(0, kMaxErrorTextBytes);
  const bool has_text = !answer.has_value && answer.head.status != 204 && answer.head.status != 304;
  if (has_text) {
    answer.head.content_type = kErrorContentType;
    answer.head.content_length = answer.text.size() + 1;
  }
  size_t written = http::WriteHead(answer.head, shared_->date.At(turn.wall_time), out);
  if (has_text && !request.head_only) {
    std::memcpy(out + written, answer.text.data(), answer.text.size());
    written += answer.text.size();
    out[written++] = '\n';
  }
  if (answer.has_value && !request.head_only)
    written += PutValue(request.answer.value->value(), out + written, payload);
  return written;
}

}  // namespace rp::http_front
