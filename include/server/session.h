// Session: the protocol half of a connection. It turns bytes into requests and answers into bytes,
// and knows neither the socket nor the order of the pipeline: those are Connection's.
//
// Owned by its connection. Thread safety: the reactor's thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "server/request.h"

namespace rp::server {

class Connection;

// What answers have in common in one turn of the reactor.
struct TurnContext {
  TimePoint now;
  std::string_view date;  // IMF-fixdate
  std::string_view content_type;
};

class Session {
 public:
  virtual ~Session() = default;

  // Reads as many requests from `bytes` as the connection takes and returns how many bytes are used
  // up; the rest comes again, with more behind it.
  [[nodiscard]] virtual size_t Consume(std::string_view bytes, Connection* connection) = 0;

  // Whether the client owes the rest of something it has begun.
  [[nodiscard]] virtual bool Midway() const = 0;

  // The client did not send the rest in time: add the last answer, if the protocol has one.
  virtual void OnReceiveTimeout(Connection* connection) = 0;

  // Writes what precedes the value, or the whole answer without one, to `out`, at most
  // kMaxAnswerBytes of it, and returns its size. The value's bytes are sent behind it if
  // `*body_follows` is set to true.
  static constexpr size_t kMaxAnswerBytes = 2048;
  [[nodiscard]] virtual size_t Write(const Request& request, bool close, const TurnContext& turn,
                                     char* out, bool* body_follows) = 0;
};

}  // namespace rp::server
