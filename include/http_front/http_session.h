// HttpSession: HTTP/1.1 and 1.0 on one connection (RFC 9110, RFC 9112).
//
// Owner: its connection. Thread safety: the reactor's thread. Cost: O(bytes); a hit allocates
// nothing.
//
// Requests become keys; everything that needs no key is answered here: OPTIONS, other methods,
// errors of the syntax. After the first error nothing further of the connection is read as a
// request, since nobody knows where one begins.
#pragma once

#include "core/credentials.h"
#include "core/session.h"
#include "http/body.h"
#include "http/request_parser.h"
#include "http/response.h"

namespace rp::http_front {

// What all sessions of a listener have in common.
struct HttpOptions {
  http::Limits limits;
  core::Credentials credentials;  // whom every request has to name, if anybody
  bool keep_alive = true;         // a connection may persist behind an answer
  std::string content_type = "application/octet-stream";  // of values
};

// What the sessions of one reactor's listener share.
struct HttpShared {
  HttpOptions options;
  http::DateCache date;
};

// What is noted with each request for its answer.
struct HttpFraming {
  // Of an answer of this session's own, with a constant text; 0 for one from the cache or Redis.
  int status = 0;
  std::string_view text;
  bool head_only = false;
  bool http10 = false;
  bool if_match_tags = false;  // see http::RequestHead
  bool if_none_match_any = false;
};

class HttpSession final : public core::Session {
 public:
  // `shared` outlives the session.
  explicit HttpSession(HttpShared* shared) : shared_(shared), parser_(shared->options.limits) {}

  size_t Consume(std::string_view bytes, core::Connection* connection) override;
  bool Midway() const override { return in_body_ || parser_.started(); }
  Pace pace() const override { return Pace::kPerRequest; }
  void OnReceiveTimeout(core::Connection* connection) override;
  void Refuse(core::Connection* connection, Reason why) override;
  size_t Write(const core::Request& request, bool close, const core::Turn& turn, char* out,
               core::Payload* payload) override;

 private:
  [[nodiscard]] bool IsAuthorized(const http::RequestHead& head) const;
  void OnHead(const http::RequestHead& head, core::Connection* connection);
  void Ask(const http::RequestHead& head, core::Request* request, core::Connection* connection);
  // Adds a last answer.
  void AnswerAndClose(core::Connection* connection, int status, std::string_view text);
  // Puts an error in the place of the last request's answer, if none of it has been sent and it is
  // no error of this session's own. One that is in flight takes it when it comes home.
  static void FailLast(core::Connection* connection, int status, std::string_view text);

  HttpShared* const shared_;
  http::RequestParser parser_;
  http::BodySkipper body_;
  bool in_body_ = false;
};

// Returns what makes the sessions of one reactor's listener.
[[nodiscard]] core::SessionFactory HttpSessions(const HttpOptions& options);

}  // namespace rp::http_front
