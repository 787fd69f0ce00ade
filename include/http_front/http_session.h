// HttpSession: HTTP/1.1 and 1.0 on one connection (RFC 9110, RFC 9112). It turns requests into
// keys, and answers itself what needs no key: OPTIONS, other methods, malformed requests. After a
// malformed request it reads no other one from the connection, because it cannot know where the
// next one begins.
//
//   reading a head --head without a body, answered or sent--> reading a head
//   reading a head --head with a body--> skipping the body --its end--> reading a head
//   any of these   --malformed, too large, or the last request--> the connection finishes
//
// Owner: its connection. Thread safety: the reactor's thread. Cost: O(bytes); a hit allocates
// nothing.
#pragma once

#include "base/credentials.h"
#include "core/session.h"
#include "http/body.h"
#include "http/request_parser.h"
#include "http/response.h"

namespace rp::http_front {

// The options of all sessions of a listener.
struct HttpOptions {
  http::Limits limits;
  Credentials credentials;  // a request must carry one of them, if there are any
  bool keep_alive = true;   // a connection may persist after an answer
  std::string content_type = "application/octet-stream";  // of values
};

// The state that the sessions of one reactor's listener share.
struct HttpShared {
  HttpOptions options;
  http::DateCache date;
};

// The session's notes on a request: the form of its answer.
struct HttpFraming {
  // The status of an answer that the session itself gives, with `text`, a constant; 0 if the answer
  // comes from the cache or from Redis.
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
  // Adds an answer, and closes the connection after it.
  void AnswerAndClose(core::Connection* connection, int status, std::string_view text);
  // Replaces the last request's answer by an error, unless it has been sent or is an error of this
  // session already. A request in flight gets the error when it is answered.
  static void FailLast(core::Connection* connection, int status, std::string_view text);

  HttpShared* const shared_;
  http::RequestParser parser_;
  http::BodySkipper body_;
  bool in_body_ = false;
};

// Returns the factory of the sessions of one reactor's listener.
[[nodiscard]] core::SessionFactory HttpSessions(const HttpOptions& options);

}  // namespace rp::http_front
