#include "http_front/http_session.h"

#include "core/connection.h"
#include "core/reactor_context.h"
#include "http/authorization.h"
#include "http/target.h"

namespace rp::http_front {
namespace {

constexpr std::string_view kBadEscapeText = "invalid percent-encoding in the key";
constexpr std::string_view kUnauthorizedText = "authentication required";
constexpr std::string_view kBadBodyText = "the chunked body of the request is malformed";
constexpr std::string_view kMethodText = "only GET and HEAD read keys";
constexpr std::string_view kUnknownMethodText = "unknown method";
constexpr std::string_view kReceiveTimeoutText = "the request did not arrive in time";
constexpr std::string_view kTooManyClientsText = "too many connections";

}  // namespace

core::SessionFactory HttpSessions(const HttpOptions& options) {
  auto shared = std::make_shared<HttpShared>(HttpShared{.options = options, .date = {}});
  return [shared](const core::Client&) { return std::make_unique<HttpSession>(shared.get()); };
}

size_t HttpSession::Consume(std::string_view bytes, core::Connection* connection) {
  size_t used = 0;
  while (used < bytes.size() && connection->TakesRequests()) {
    const std::string_view rest = bytes.substr(used);
    if (in_body_) {
      size_t skipped = 0;
      const ParseStatus status = body_.Skip(rest, &skipped);
      used += skipped;
      if (status == ParseStatus::kNeedMore) break;
      in_body_ = false;
      // Nothing after this can be read as a request.
      if (status == ParseStatus::kError) {
        if (body_.malformed()) FailLast(connection, 400, kBadBodyText);
        connection->CloseAfterAnswers(core::Closing::kLinger);
      }
      continue;
    }
    http::RequestHead head;
    const ParseStatus status = parser_.Parse(rest, &head);
    if (status == ParseStatus::kNeedMore) break;
    if (status == ParseStatus::kError) {
      AnswerAndClose(connection, parser_.error_status(), parser_.error_text());
      break;
    }
    used += parser_.consumed();
    OnHead(head, connection);
    parser_.Reset();
  }
  if (connection->phase() == core::Connection::Phase::kOpen) return used;
  // Nothing after the last request of a connection is read as a request.
  if (used < bytes.size() || in_body_) connection->CloseAfterAnswers(core::Closing::kLinger);
  return bytes.size();
}

bool HttpSession::IsAuthorized(const http::RequestHead& head) const {
  const Credentials& credentials = shared_->options.credentials;
  if (!credentials.required()) return true;
  const http::Authorization given = http::ParseAuthorization(head.authorization);
  switch (given.scheme) {
    case http::AuthScheme::kNone:
      return false;
    case http::AuthScheme::kBasic:
      return credentials.Match(given.user.empty() ? Credentials::kDefaultUser : given.user,
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
  *request->data.Emplace<HttpFraming>() = {.status = 0,
                                           .text = {},
                                           .head_only = head.method == http::Method::kHead,
                                           .http10 = head.minor_version == 0,
                                           .if_match_tags = head.if_match_tags,
                                           .if_none_match_any = head.if_none_match_any};
  Ask(head, request, connection);
  // A client that waits for 100 gets its answer at once instead. It may or may not send the body
  // after that, so the connection must close: the next request could not be told from the body (RFC
  // 9110 section 10.1.1).
  const HttpOptions& options = shared_->options;
  const bool is_last = connection->context()->is_draining || !head.keep_alive ||
                       !options.keep_alive || (head.expect_continue && head.has_body()) ||
                       head.content_length > options.limits.body_bytes;
  if (is_last) connection->CloseAfterAnswers(core::Closing::kAtOnce);
}

void HttpSession::Ask(const http::RequestHead& head, core::Request* request,
                      core::Connection* connection) {
  const auto answer = [&](int status, std::string_view text) {
    auto* framing = request->data.Get<HttpFraming>();
    framing->status = status;
    framing->text = text;
    connection->OnAnswer(request);
  };
  if (!IsAuthorized(head)) return answer(401, kUnauthorizedText);
  switch (head.method) {
    case http::Method::kGet:
    case http::Method::kHead:
      switch (http::DecodeKey(head.target, &request->question.key)) {
        case http::KeyStatus::kOk:
          return connection->Submit(request);
        case http::KeyStatus::kBadEscape:
          return answer(400, kBadEscapeText);
      }
      break;
    case http::Method::kOptions:
      return answer(204, {});
    case http::Method::kOtherKnown:
      return answer(405, kMethodText);
    case http::Method::kUnknown:
      return answer(501, kUnknownMethodText);
  }
}

void HttpSession::AnswerAndClose(core::Connection* connection, int status, std::string_view text) {
  core::Request* request = connection->AddRequest();
  if (request != nullptr) {
    *request->data.Emplace<HttpFraming>() = {.status = status, .text = text};
    connection->OnAnswer(request);
  }
  connection->CloseAfterAnswers(core::Closing::kLinger);
}

void HttpSession::FailLast(core::Connection* connection, int status, std::string_view text) {
  core::Request* const last = connection->pipeline().last();
  if (last == nullptr || last->data.Get<HttpFraming>()->status >= 400) return;
  last->data.Get<HttpFraming>()->status = status;
  last->data.Get<HttpFraming>()->text = text;
}

void HttpSession::OnReceiveTimeout(core::Connection* connection) {
  // The request whose body is being skipped has its answer already.
  if (in_body_) {
    connection->CloseAfterAnswers(core::Closing::kLinger);
  } else if (parser_.started()) {
    AnswerAndClose(connection, 408, kReceiveTimeoutText);
  } else {
    connection->Abandon(
        "no request arrived in time");  // no request has begun, so none gets an answer
  }
}

void HttpSession::Refuse(core::Connection* connection, Reason why) {
  AnswerAndClose(
      connection, 503,
      why == Reason::kTooManyClients ? kTooManyClientsText : Describe(ErrorCode::kNoMemory).text);
}

}  // namespace rp::http_front
