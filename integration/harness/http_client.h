// An HTTP client that can misbehave: it sends any bytes, in any pieces, and reads one response at a
// time. It hides sockets, deadlines and the framing of responses (RFC 9112 section 6). It is
// written apart from the program's own parser, so that the two cannot share a mistake.
//
// Thread safety: none; one thread per client. Cost: one socket.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integration/harness/support.h"

namespace rp::integration {

struct HttpResponse {
  int status = 0;          // 0: no response came, and `problem` says why
  std::string problem;     // "closed", "timeout" or what is malformed
  std::string start_line;  // without its CRLF
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // The value of the only header of that name (in lower case), or "" if there is none.
  [[nodiscard]] std::string Header(std::string_view name) const;
  [[nodiscard]] bool IsHit() const { return Header("cache-status") == "redis-proxy; hit"; }
  [[nodiscard]] bool IsMiss() const { return Header("cache-status") == "redis-proxy; fwd=miss"; }
};

// Everything but letters, digits and "-._~" as %XX.
std::string PercentEncode(std::string_view bytes);
// GET of the key over HTTP/1.1; `more` are further header lines, each with its CRLF.
std::string GetRequest(std::string_view key, std::string_view more = "");
// The same for a target that is sent as it is.
std::string TargetRequest(std::string_view target, std::string_view more = "");

class HttpClient {
 public:
  // Connects to 127.0.0.1:port; connected() says whether that worked. A `receive_buffer` in bytes
  // makes a client that accepts little before it reads.
  explicit HttpClient(int port, int receive_buffer = 0);

  [[nodiscard]] bool connected() const { return static_cast<bool>(fd_); }
  // No call waits longer than Patience(limit); 20 seconds unless set.
  void set_limit(Duration limit) { limit_ = limit; }

  // Sends everything, or returns false if the other side takes no more.
  bool Send(std::string_view bytes);
  // Reads the next response, interim ones too. `to_head`: the response has no body whatever its
  // headers say (RFC 9110 section 9.3.2).
  HttpResponse Read(bool to_head = false);
  // Reads no further than the header section of the next response; its body stays unread.
  HttpResponse ReadHead();
  HttpResponse Get(std::string_view key) {
    Send(GetRequest(key));
    return Read();
  }

  // Everything up to the end of the connection, or what came before the limit.
  std::string ReadToTheEnd();
  // Whether the other side closes, or resets, with nothing more said.
  [[nodiscard]] bool IsClosed();
  // Whether something to read, or the end, comes within exactly `wait`.
  [[nodiscard]] bool Stirs(Duration wait);
  // Sends the end of the stream and goes on reading.
  void HalfClose();
  // Closes with a reset: what is unread is thrown away.
  void Reset();
  void Close() { fd_.Reset(); }

 private:
  // Waits for `events` until the deadline.
  bool Wait(short events, TimePoint deadline) const;
  // Receives something into buffer_. Returns false at the end or at the deadline, and says which.
  bool Receive(TimePoint deadline, std::string* problem);
  HttpResponse ReadHeaders(TimePoint deadline);
  void ReadBody(TimePoint deadline, HttpResponse* response);

  UniqueFd fd_;
  Duration limit_ = 20s;
  std::string buffer_;  // received and not yet part of a response
};

// One GET over a connection of its own.
HttpResponse Fetch(int port, std::string_view key);

}  // namespace rp::integration
