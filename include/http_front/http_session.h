// HttpSession: HTTP/1.1 and 1.0 on one connection (RFC 9110, RFC 9112).
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

  HttpShared* const shared_;
  http::RequestParser parser_;
  http::BodySkipper body_;
  bool in_body_ = false;
};

// Returns what makes the sessions of one reactor's listener.
[[nodiscard]] core::SessionFactory HttpSessions(const HttpOptions& options);

}  // namespace rp::http_front
