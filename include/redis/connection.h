// One connection to Redis: hides hiredis, resolving, the set-up of a connection and waiting with a
// deadline. Whoever connects owns it and drives it: Append commands, Flush them, read one reply for
// each, in order.
//
// hiredis is used as an encoder, a buffer and a reply parser only. The socket and every wait are
// ours, because hiredis's own time limit is per system call (a reply that drips outlives it), it
// resolves names outside of any limit, and it tries one address only. A connection that failed is
// never revived: destroy it and connect anew.
//
// Thread safety: one thread at a time. Signals must be blocked in that thread, SIGPIPE among them:
// hiredis writes without MSG_NOSIGNAL.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "redis/endpoint.h"
#include "redis/reply.h"

struct redisContext;

namespace rp::redis {

struct ConnectOptions {
  Endpoint endpoint;
  int database = 0;
  std::string username;  // empty: the default user
  std::string password;
  std::string name = "redis-proxy";  // in Redis's CLIENT LIST
};

// Failures of the functions below carry one of these codes:
//   kTimeout      the deadline passed. The connection is still in step: the call may be repeated
//                 with a later deadline and goes on where it was.
//   kStopping     the interrupt descriptor became readable.
//   kUnavailable  the connection was closed or reset.
//   kProtocol     what came is not RESP.
//   kNoMemory     there is none for what came, or for what was appended.
class Connection {
 public:
  // Resolves, connects to one address after another, authenticates, selects the database and
  // requires an answer to PING: a stopped Redis still accepts connections. All but the resolving
  // ends by `deadline`. Redis may refuse the name of the connection. Besides the codes above: kAuth
  // when the credentials are refused or missing, what ClassifyErrorReply says of a Redis that does
  // not serve for now (it is loading, full, without its master), kRefused for any other refusal.
  // `interrupt_fd` is borrowed for the life of the connection and ends every wait when it becomes
  // readable; -1 for none.
  static Result<std::unique_ptr<Connection>> Connect(const ConnectOptions& options,
                                                     TimePoint deadline, int interrupt_fd);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Queues a command for the next Flush. The arguments are bytes, and copied. A failure is Flush's.
  void Append(std::span<const std::string_view> arguments);
  void Append(std::initializer_list<std::string_view> arguments) {
    Append(std::span(arguments.begin(), arguments.size()));
  }

  // Sends all that was appended.
  Result<void> Flush(TimePoint deadline);

  // The next reply; an error reply is a reply.
  Result<Reply> ReadReply(TimePoint deadline);
  // The same if all of it has been received already, else null.
  Result<Reply> TakeReply();

  struct Transferred {
    size_t sent = 0;
    size_t received = 0;
  };
  // Around hiredis, for replies that it cannot read: sends some of `output` or receives some bytes
  // into `room`, or both, and waits until it can. No failure of kProtocol.
  // REQUIRES: all that was appended is flushed and its replies are read; `room` is not empty.
  Result<Transferred> Transfer(std::string_view output, std::span<char> room, TimePoint deadline);

  // Whether a byte has arrived since the last Append: if not, and the connection turns out closed,
  // it was most likely closed before the command came.
  [[nodiscard]] bool heard() const { return heard_; }

  // Names the server at the other end: a hash of its numeric address and port, or of the path it
  // listens at. Connections with different peers lead to different servers, even where both were
  // made to one name. Never 0.
  [[nodiscard]] uint64_t peer() const { return peer_; }

  // With every reply read: false if more has come than was asked for, after which replies would go
  // to the wrong commands.
  [[nodiscard]] bool InStep() const;

  // Whether the buffer for replies has grown; and gives it back, for who asks nothing for a while:
  // growing anew costs copies. REQUIRES: as many replies are read as commands were appended.
  [[nodiscard]] bool has_spare_buffer() const { return most_buffered_bytes_ > kKeptBufferBytes; }
  void GiveBackBuffer();

  // InStep, and neither closed by Redis nor sent anything while idle. One system call.
  [[nodiscard]] bool UsableAfterIdling() const;

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const;
  };

  static constexpr size_t kKeptBufferBytes = 64 * 1024;

  Connection(redisContext* context, int interrupt_fd);
  Result<void> SetUp(const ConnectOptions& options, TimePoint deadline);
  Result<void> ReadSome();
  [[nodiscard]] Error Broken() const;

  std::unique_ptr<redisContext, ContextDeleter> context_;
  const int interrupt_fd_;
  const uint64_t peer_;
  std::vector<const char*> argument_data_;  // room for Append, kept from one call to the next
  std::vector<size_t> argument_bytes_;
  size_t most_buffered_bytes_ = 0;  // since the buffer was last given back
  bool heard_ = false;
  bool drained_ = true;  // the last read took all there was, so that the next one had better wait
};

}  // namespace rp::redis
