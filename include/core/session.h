// Session: the protocol half of a connection. It turns bytes into requests and answers into bytes.
// It does not know the socket, and of the pipeline it knows only whether all earlier requests are
// answered.
//
// Owner: its connection. Thread safety: the reactor's thread. Cost: see the protocols' sessions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/request.h"

namespace rp::core {

// The time of one turn of the reactor.
struct Turn {
  TimePoint now;
  time_t wall_time = 0;  // seconds since 1970
};

// Payload: bytes that are sent after those that Session::Write has written.
struct Payload {
  std::string_view bytes;  // of the request's value or of its reply: sent from where it lies
  std::string_view tail;   // constant
};

class Session {
 public:
  virtual ~Session() = default;

  // Reads as many requests from `bytes` as the connection takes, and returns how many bytes it
  // used. The next call gets the others again, with more bytes after them.
  [[nodiscard]] virtual size_t Consume(std::string_view bytes, Connection* connection) = 0;

  // Returns whether a part of a request has arrived and the client owes the rest.
  [[nodiscard]] virtual bool Midway() const = 0;

  // What must arrive within the time-out of a client that owes the rest of a request.
  enum class Pace : unsigned char {
    kPerRequest,  // the whole request, the first one counted from the accept
    kPerByte,     // the next byte
  };
  [[nodiscard]] virtual Pace pace() const = 0;

  // Handles a client that did not send the rest in time: adds a last answer, if the protocol has
  // one, and closes the connection.
  virtual void OnReceiveTimeout(Connection* connection) = 0;

  // Why nothing more is read from a client.
  enum class Reason : unsigned char {
    kTooManyClients,
    kNoMemory,  // for the input
  };
  // Adds an answer that gives the reason, and closes the connection.
  virtual void Refuse(Connection* connection, Reason why) = 0;

  // Writes the answer, or only the part before its payload, to `out` and returns the size. Together
  // with the payload's tail it is at most kMaxAnswerBytes. `*payload` is empty at first. `close` is
  // true if the connection ends after this answer. Each answer is written once, in the order of the
  // pipeline; when the first of a group is written, the rest of the group follows it.
  static constexpr size_t kMaxAnswerBytes = 2048;
  // A value up to this size is copied to `out`, because a piece of its own costs more.
  static constexpr size_t kCopiedBytes = 1024;
  [[nodiscard]] virtual size_t Write(const Request& request, bool close, const Turn& turn,
                                     char* out, Payload* payload) = 0;

 protected:
  // Writes a small value to `out` and returns its size; a larger one is the payload, and 0 is
  // returned.
  [[nodiscard]] static size_t PutValue(std::string_view value, char* out, Payload* payload) {
    if (value.size() > kCopiedBytes) {
      payload->bytes = value;
      return 0;
    }
    std::copy(value.begin(), value.end(), out);
    return value.size();
  }
};

// A client that has connected, as its session sees it.
struct Client {
  uint64_t number = 0;  // unique in the process, from 1 on
  int fd = -1;          // of its socket, while the session lives

  // Return the address of the client, and the one that it has connected to, as in
  // "127.0.0.1:8080"; "?" without a socket. Cost: a system call and an allocation.
  [[nodiscard]] std::string Address() const;
  [[nodiscard]] std::string LocalAddress() const;
};

// Makes the session of a client that has connected.
using SessionFactory = std::function<std::unique_ptr<Session>(const Client& client)>;

}  // namespace rp::core
