// Session: the protocol half of a connection. It turns bytes into requests and answers into bytes.
// It has the client's fd only to report it and its addresses (CLIENT INFO). Of the pipeline it uses
// only whether all requests are answered, the last request (HTTP, to replace its answer), and the
// group that it writes.
//
// Owner: its connection. Thread safety: the reactor's thread. Cost: see the protocols' sessions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <span>
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
  // Holds `bytes`, if they are of a large reply; else null.
  const std::shared_ptr<const void>* owner = nullptr;
};

class Session {
 public:
  virtual ~Session() = default;

  // Reads as many requests from `bytes` as the connection takes, and returns how many bytes it
  // used. The next call gets the others again, with more bytes after them.
  [[nodiscard]] virtual size_t Consume(std::string_view bytes, Connection* connection) = 0;

  // Returns where the next bytes are to be received, up to kMaxRoomBytes, if they belong to a large
  // argument and Consume has used all bytes before; else an empty span. OnReceived tells that the
  // first `bytes` bytes of it are there, which leave the argument incomplete.
  static constexpr size_t kMaxRoomBytes = 256 * 1024;
  [[nodiscard]] virtual std::span<char> Room() { return {}; }
  virtual void OnReceived(size_t) {}

  // Returns whether a request or command is incomplete: a part has arrived, and the rest has not.
  [[nodiscard]] virtual bool Midway() const = 0;

  // How the header timeout applies to an incomplete request or command.
  enum class Pace : unsigned char {
    kPerRequest,  // it limits the whole request; for the first one it starts at the accept
    kPerByte,     // it limits the wait for the next byte
  };
  [[nodiscard]] virtual Pace pace() const = 0;

  // Ends a connection whose request or command did not arrive in time: adds a last answer, if the
  // protocol has one, and closes.
  virtual void OnReceiveTimeout(Connection* connection) = 0;

  // Why a client is refused.
  enum class Reason : unsigned char {
    kTooManyClients,
    kNoMemory,  // there is none for its input
  };
  // Adds an answer that gives the reason, and closes the connection.
  virtual void Refuse(Connection* connection, Reason why) = 0;

  // Writes the answer, or only the part before its payload, to `out` and returns the size. Together
  // with the payload's tail it is at most kMaxAnswerBytes. `*payload` is empty at first. `close` is
  // true if the connection ends after this answer. Answers are written in the order of the
  // pipeline, that of a group part by part (Group::part). An answer that is not sent is written
  // again.
  static constexpr size_t kMaxAnswerBytes = 2048;
  // A value up to this size is copied to `out`, because a piece of its own costs more.
  static constexpr size_t kCopiedBytes = 1024;
  // Maximum size of an error's text in an answer. Redis's own texts are shorter.
  static constexpr size_t kMaxErrorTextBytes = 512;
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

// Identifies a connected client to its session.
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
