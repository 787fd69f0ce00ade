// One connection to Redis. Hides hiredis, the resolving of names, the set-up of a connection and
// waits with a deadline. Its owner appends commands, flushes them and reads one reply for each, in
// order.
//
//            Connect           Append, Flush
//   (nothing) -----> in step -----------------> replies are due
//                       ^                          |       |
//                       +--------------------------+       | any failure but kTimeout
//                        the last reply was read           v
//                                                       failed: destroy it and connect anew
//
// hiredis is used as an encoder, a buffer and a reply parser only. The socket and every wait are
// this class's own, because hiredis's time limit holds per system call (a reply that comes byte by
// byte outlives it), it resolves names without a limit, and it tries one address only.
//
// Owner: the caller of Connect.
// Thread safety: one thread at a time. That thread must block all signals, SIGPIPE among them,
// because hiredis writes without MSG_NOSIGNAL (base/signals_blocked.h).
// Cost: one system call per Flush and per 16 KB of replies; replies are copied by hiredis.
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
#include "redis/address.h"
#include "redis/endpoint.h"
#include "redis/reply.h"
#include "redis/server_identity.h"

struct redisContext;
struct redisReply;

namespace rp::redis {

struct ConnectOptions {
  Endpoint endpoint;
  int database = 0;
  std::string username;  // empty: the default user
  std::string password;
  std::string name = "redis-proxy";  // in Redis's CLIENT LIST; empty: none
  bool asks_version = false;         // for Connection::version
  bool asks_identity = false;        // INFO, for Connection::identity
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
  // Resolves the name, connects to one address after another, authenticates, selects the database
  // and requires an answer to PING, because a stopped Redis still accepts connections. All but the
  // resolving ends by `deadline`. Redis may refuse the name of the connection, and to tell its
  // version and its run_id, without harm. Fails, besides the codes above, with kAuth if the
  // credentials are refused or missing, with the code of ClassifyErrorReply if Redis does not serve
  // for now (it is loading, full, without its master), and with kRefused for any other refusal.
  // `interrupt_fd` is borrowed for the life of the connection and ends every wait when it becomes
  // readable; -1 for none.
  static Result<std::unique_ptr<Connection>> Connect(const ConnectOptions& options,
                                                     TimePoint deadline, int interrupt_fd);
  // The same with addresses of options.endpoint that the caller has resolved.
  static Result<std::unique_ptr<Connection>> ConnectTo(const std::vector<Address>& addresses,
                                                       const ConnectOptions& options,
                                                       TimePoint deadline, int interrupt_fd);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Queues a command for the next Flush. Copies the arguments, which may be any bytes. Flush
  // reports failures.
  void Append(std::span<const std::string_view> arguments);
  void Append(std::initializer_list<std::string_view> arguments) {
    Append(std::span(arguments.begin(), arguments.size()));
  }

  // Sends all that was appended.
  Result<void> Flush(TimePoint deadline);

  // Waits for the next reply and returns it. An error reply is a reply, not a failure.
  Result<Reply> ReadReply(TimePoint deadline) { return ReadReply(deadline, SIZE_MAX); }
  // Returns the next reply if all of it has been received already, else null.
  Result<Reply> TakeReply();

  struct Transferred {
    size_t sent = 0;
    size_t received = 0;
  };
  // Sends some of `output`, which are pieces that follow each other, or receives some bytes into
  // `room`, or both, and waits until it can. This goes around hiredis, for replies that it cannot
  // read. Never fails with kProtocol. REQUIRES: all that was appended is flushed and its replies
  // are read; `room` is not empty.
  Result<Transferred> Transfer(std::span<const std::string_view> output, std::span<char> room,
                               TimePoint deadline);

  // Returns whether a byte has arrived since the last Append. If not, and the connection turns out
  // closed, Redis most likely closed it before the command came.
  [[nodiscard]] bool heard() const { return heard_; }

  // Returns which server is at the other end. Without asks_identity it is known by the address or
  // path that the kernel tells of it.
  [[nodiscard]] const ServerIdentity& identity() const { return identity_; }

  // Returns why the server is kUnknown: what it answered.
  [[nodiscard]] const Error& identity_error() const { return identity_error_; }

  // Returns Address::id of the address that the connection was made to. The kernel may tell another
  // one of the other end: 127.0.0.1 for 0.0.0.0, or the path that a symbolic link leads to.
  [[nodiscard]] uint64_t address_id() const { return address_id_; }

  // Returns the version of Redis, as it was told when the connection was made: that of the server,
  // or that which it is compatible with. Empty if it was not asked for, or not told.
  [[nodiscard]] std::string_view version() const { return version_; }

  // Returns false if more replies have come than were asked for, so that later ones would go to the
  // wrong commands. REQUIRES: every reply that was due is read.
  [[nodiscard]] bool InStep() const;

  // Returns whether the buffer for replies has grown beyond 64 KB. GiveBackBuffer frees it; call
  // that when nothing is asked for a while, because growing it anew costs copies.
  // REQUIRES: every reply that was due is read.
  [[nodiscard]] bool has_spare_buffer() const { return most_buffered_bytes_ > kKeptBufferBytes; }
  void GiveBackBuffer();

  // Returns InStep(), and that Redis has neither closed the connection nor sent anything while it
  // was idle. Costs one system call.
  [[nodiscard]] bool UsableAfterIdling() const;

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const;
  };

  static constexpr size_t kKeptBufferBytes = 64 * 1024;

  Connection(redisContext* context, uint64_t address_id, int interrupt_fd);
  Result<void> SetUp(const ConnectOptions& options, TimePoint deadline);
  Result<void> AskInfo(TimePoint deadline);
  void TakeInfo(const redisReply& info);
  Result<Reply> ReadReply(TimePoint deadline, size_t max_bytes);
  Result<void> ReadSome();
  [[nodiscard]] Error Broken() const;

  std::unique_ptr<redisContext, ContextDeleter> context_;
  const int interrupt_fd_;
  const uint64_t address_id_;
  ServerIdentity identity_;
  Error identity_error_;
  std::string version_;
  std::vector<const char*> argument_data_;  // room for Append, kept from one call to the next
  std::vector<size_t> argument_bytes_;
  size_t most_buffered_bytes_ = 0;  // since the buffer was last given back
  bool heard_ = false;
  bool drained_ = true;  // the last read took all there was, so that the next waits first
};

}  // namespace rp::redis
