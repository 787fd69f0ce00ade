#include "redis/connection.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/memory.h"
#include "base/unique_fd.h"
#include "redis/address.h"
#include "redis/server_info.h"

namespace rp::redis {
namespace {

// hiredis reads at most this much at once.
constexpr size_t kMaxReadBytes = 16 * 1024;

// hiredis throws its read buffer away when more than this much of it is unused: its own 16 KB makes
// every larger value grow the buffer from nothing, and no limit at all would keep the size of the
// largest value ever read for good.
constexpr size_t kMaxSpareBufferBytes = 1024 * 1024;

// What is received while a connection is set up is small: INFO has a few KB.
constexpr size_t kMaxSetUpBytes = 1024 * 1024;

constexpr int kKeepAliveIdleSeconds = 5;
constexpr int kKeepAliveIntervalSeconds = 2;
constexpr int kKeepAliveProbes = 3;

Error SystemError(int error_number) {
  return Error{ErrorCode::kUnavailable, std::generic_category().message(error_number)};
}

Error OutOfMemory() {
  NoteMemoryIsShort();
  return OwnError(ErrorCode::kNoMemory);
}

Error TimedOut() { return Error{ErrorCode::kTimeout, std::string("no answer in time")}; }

// Waits for `events` on `fd` and returns those that came.
Result<short> Wait(int fd, short events, TimePoint deadline, int interrupt_fd) {
  for (;;) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) return TimedOut();
    const timespec limit = ToTimespec(left);
    std::array<pollfd, 2> fds = {{{fd, events, 0}, {interrupt_fd, POLLIN, 0}}};
    const int ready = ppoll(fds.data(), fds.size(), deadline == kNever ? nullptr : &limit, nullptr);
    if (ready < 0 && errno != EINTR) return SystemError(errno);
    if (ready > 0 && fds[1].revents != 0) {
      return Error{ErrorCode::kStopping, std::string("shutting down")};
    }
    if (ready > 0) return fds[0].revents;
  }
}

void SetTcpOptions(int fd) {
  const auto set = [fd](int level, int name, int value) {
    // None of these can fail on a TCP socket, and the connection would work without them.
    static_cast<void>(setsockopt(fd, level, name, &value, sizeof(value)));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

Result<UniqueFd> OpenSocket(const Address& address, TimePoint deadline, int interrupt_fd) {
  const int family = address.storage.ss_family;
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return SystemError(errno);
  if (family != AF_UNIX) SetTcpOptions(fd.get());
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.bytes) == 0) {
    return fd;
  }
  // A Unix socket says EAGAIN when its backlog is full: a Redis that has hung for long.
  if (errno == EAGAIN) return TimedOut();
  if (errno != EINPROGRESS) return SystemError(errno);
  if (Result<short> ready = Wait(fd.get(), POLLOUT, deadline, interrupt_fd); !ready) {
    return ready.error();
  }
  int error_number = 0;
  socklen_t bytes = sizeof(error_number);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error_number, &bytes) != 0) error_number = errno;
  if (error_number != 0) return SystemError(error_number);
  return fd;
}

// Maximum pieces that are sent in one call.
constexpr size_t kMaxPieces = 64;

// Sends what the socket takes at once of the first pieces, and returns how much that is, or -1 with
// errno. `*bytes` becomes their size.
ssize_t SendPieces(int fd, std::span<const std::string_view> pieces, size_t* bytes) {
  std::array<iovec, kMaxPieces> vectors;
  const size_t count = std::min(pieces.size(), vectors.size());
  *bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    *bytes += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum class Step { kAuth, kSelect, kPing, kName, kVersion, kInfo };

// Why the connection cannot be used, if the reply to a step of the set-up says so.
Result<void> CheckStep(Step step, const redisReply& reply) {
  // A courtesy: the user may not be permitted to give a name or to ask INFO, and Redis 5 has no
  // HELLO.
  if (step == Step::kName || step == Step::kVersion || step == Step::kInfo) return {};
  if (reply.type != REDIS_REPLY_ERROR) {
    if (reply.type == REDIS_REPLY_STATUS) return {};
    return Error{ErrorCode::kProtocol, std::string("unexpected reply while connecting")};
  }
  const std::string_view text = TextOf(reply);
  ErrorCode code = ClassifyErrorReply(text);
  // An error is an answer too: the user may lack the permission for PING.
  if (step == Step::kPing && code == ErrorCode::kNoPermission) return {};
  if (step == Step::kPing && text.starts_with("ERR unknown command")) return {};
  // A Redis that cannot write to its disk refuses PING with the writes, and serves all reads.
  if (step == Step::kPing && text.starts_with("MISCONF ")) return {};
  // One that is busy with a script still takes the commands that end it, like SCRIPT KILL.
  if (step == Step::kPing && code == ErrorCode::kScriptRuns) return {};
  if (step == Step::kAuth && !IsTransient(code)) code = ErrorCode::kAuth;
  // No client has asked for any of this: what is wrong is not its key or its command.
  if (code == ErrorCode::kNoPermission || code == ErrorCode::kWrongType ||
      code == ErrorCode::kUpstream) {
    code = ErrorCode::kRefused;
  }
  return Error{code, std::string(text)};
}

}  // namespace

void Connection::ContextDeleter::operator()(redisContext* context) const { redisFree(context); }

Connection::Connection(redisContext* context, uint64_t address_id, int interrupt_fd)
    : context_(context),
      interrupt_fd_(interrupt_fd),
      address_id_(address_id),
      identity_{ServerIdentity::Kind::kAddress, PeerAddress(context->fd).id()} {
  context_->flags &= ~REDIS_BLOCK;
  context_->reader->maxbuf = kMaxSpareBufferBytes;
}

Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::Connect(const ConnectOptions& options,
                                                        TimePoint deadline, int interrupt_fd) {
  const Result<std::vector<Address>> addresses = Resolve(options.endpoint);
  if (!addresses) return addresses.error();
  return ConnectTo(*addresses, options, deadline, interrupt_fd);
}

Result<std::unique_ptr<Connection>> Connection::ConnectTo(const std::vector<Address>& addresses,
                                                          const ConnectOptions& options,
                                                          TimePoint deadline, int interrupt_fd) {
  Error error{ErrorCode::kUnavailable, "no address for " + options.endpoint.host};
  size_t left = addresses.size();
  for (const Address& address : addresses) {
    // One address that swallows packets must not use up the time of the others.
    const TimePoint now = Now();
    const TimePoint limit =
        deadline == kNever ? kNever : now + (deadline - now) / static_cast<int64_t>(left--);
    Result<UniqueFd> fd = OpenSocket(address, limit, interrupt_fd);
    if (!fd) {
      error = fd.error();
      continue;
    }
    redisContext* const context = redisConnectFd(fd->get());
    if (context == nullptr) return OutOfMemory();
    static_cast<void>(fd->Release());  // the context has it
    std::unique_ptr<Connection> connection(new Connection(context, address.id(), interrupt_fd));
    if (Result<void> ready = connection->SetUp(options, deadline); !ready) return ready.error();
    return connection;
  }
  return error;
}

Result<void> Connection::SetUp(const ConnectOptions& options, TimePoint deadline) {
  std::vector<Step> steps;
  if (!options.username.empty()) {
    Append({"AUTH", options.username, options.password});
    steps.push_back(Step::kAuth);
  } else if (!options.password.empty()) {
    Append({"AUTH", options.password});
    steps.push_back(Step::kAuth);
  }
  if (options.database != 0) {
    Append({"SELECT", std::to_string(options.database)});
    steps.push_back(Step::kSelect);
  }
  Append({"PING"});
  steps.push_back(Step::kPing);
  // Not the first, since the reply to that may be why Redis does not take this connection.
  if (!options.name.empty()) {
    Append({"CLIENT", "SETNAME", options.name});
    steps.push_back(Step::kName);
  }
  if (options.asks_version) {
    Append({"HELLO", "2"});  // needs no permission, and changes nothing
    steps.push_back(Step::kVersion);
  }
  if (options.asks_identity) {
    Append({"INFO", "server"});
    steps.push_back(Step::kInfo);
  }
  if (Result<void> sent = Flush(deadline); !sent) return sent;
  for (const Step step : steps) {
    Result<Reply> reply = ReadReply(deadline, kMaxSetUpBytes);
    if (!reply) return reply.error();
    if (Result<void> fine = CheckStep(step, **reply); !fine) return fine;
    if (step == Step::kVersion) version_ = VersionInHello(**reply);
    if (step == Step::kInfo) TakeInfo(**reply);
  }
  const bool knows_all = !options.asks_version || !version_.empty() || options.asks_identity;
  return knows_all ? Result<void>() : AskInfo(deadline);
}

// Takes a reply to INFO: who the server is, and its version if HELLO has not told it.
void Connection::TakeInfo(const redisReply& info) {
  if (version_.empty()) version_ = FieldOfInfo(info, "redis_version");
  if (const std::string_view run_id = FieldOfInfo(info, "run_id"); !run_id.empty()) {
    identity_ = {ServerIdentity::Kind::kRunId, IdOf(run_id)};
  } else if (info.type == REDIS_REPLY_ERROR) {
    const std::string_view text = TextOf(info);
    if (const ErrorCode code = ClassifyErrorReply(text); IsTransient(code)) {
      identity_ = {};
      identity_error_ = Error{code, std::string(text)};
    }
  }
}

// Asks for the version what has no HELLO, like Redis 5, or has another name, like Valkey. Only
// then, because the user may not be permitted to, and Redis logs that.
Result<void> Connection::AskInfo(TimePoint deadline) {
  Append({"INFO", "server"});
  if (Result<void> sent = Flush(deadline); !sent) return sent;
  Result<Reply> reply = ReadReply(deadline, kMaxSetUpBytes);
  if (!reply) return reply.error();
  version_ = FieldOfInfo(**reply, "redis_version");
  return {};
}

void Connection::Append(std::span<const std::string_view> arguments) {
  argument_data_.clear();
  argument_bytes_.clear();
  for (const std::string_view argument : arguments) {
    argument_data_.push_back(argument.data());
    argument_bytes_.push_back(argument.size());
  }
  heard_ = false;
  // The context remembers that it fails, which it does only for want of memory.
  redisAppendCommandArgv(context_.get(), static_cast<int>(arguments.size()), argument_data_.data(),
                         argument_bytes_.data());
}

Result<void> Connection::Flush(TimePoint deadline) {
  for (;;) {
    int done = 0;
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return Broken();
    if (done != 0) return {};
    // Replies are taken in at the same time: a peer that stops reading until its own replies are
    // read would otherwise wait for us while we wait for it.
    Result<short> ready = Wait(context_->fd, POLLIN | POLLOUT, deadline, interrupt_fd_);
    if (!ready) return ready.error();
    if ((*ready & POLLIN) != 0) {
      if (Result<void> read = ReadSome(); !read) return read;
    }
  }
}

Result<Reply> Connection::TakeReply() {
  void* reply = nullptr;
  if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) return Broken();
  return Reply(static_cast<redisReply*>(reply));
}

Result<Reply> Connection::ReadReply(TimePoint deadline, size_t max_bytes) {
  for (;;) {
    Result<Reply> reply = TakeReply();
    if (!reply || *reply != nullptr) return reply;
    // Waiting for readiness alone would let a peer that always has one more byte outlive the
    // deadline.
    if (drained_) {
      if (Result<short> ready = Wait(context_->fd, POLLIN, deadline, interrupt_fd_); !ready) {
        return ready.error();
      }
    } else if (Now() >= deadline) {
      return TimedOut();
    }
    if (Result<void> read = ReadSome(); !read) return read.error();
    if (context_->reader->len > max_bytes) {
      return Error{ErrorCode::kProtocol, std::string("Redis sent too much while connecting")};
    }
  }
}

Result<void> Connection::ReadSome() {
  const size_t bytes_before = context_->reader->len;
  if (redisBufferRead(context_.get()) != REDIS_OK) return Broken();
  const size_t bytes_read = context_->reader->len - bytes_before;
  most_buffered_bytes_ = std::max(most_buffered_bytes_, context_->reader->len);
  heard_ = heard_ || bytes_read > 0;
  drained_ = bytes_read < kMaxReadBytes;
  return {};
}

// Does not wait if the socket takes or gives bytes at once. Checks the deadline before that,
// because a peer that always has one more byte must not outlive it.
Result<Connection::Transferred> Connection::Transfer(std::span<const std::string_view> output,
                                                     std::span<char> room, TimePoint deadline) {
  RP_CHECK(!room.empty() && InStep());
  for (;;) {
    if (Now() >= deadline) return TimedOut();
    Transferred moved;
    if (!output.empty()) {
      size_t bytes = 0;
      const ssize_t sent = SendPieces(context_->fd, output, &bytes);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return SystemError(errno);
      moved.sent = static_cast<size_t>(std::max<ssize_t>(sent, 0));
      if (moved.sent == bytes) return moved;  // no reply can be there yet
    }
    const ssize_t received = recv(context_->fd, room.data(), room.size(), MSG_DONTWAIT);
    if (received == 0) {
      return Error{ErrorCode::kUnavailable, std::string("Server closed the connection")};
    }
    if (received < 0 && errno != EAGAIN && errno != EINTR) return SystemError(errno);
    moved.received = static_cast<size_t>(std::max<ssize_t>(received, 0));
    if (moved.sent > 0 || moved.received > 0) return moved;
    const auto events = static_cast<short>(output.empty() ? POLLIN : POLLIN | POLLOUT);
    Result<short> ready = Wait(context_->fd, events, deadline, interrupt_fd_);
    if (!ready) return ready.error();
  }
}

Error Connection::Broken() const {
  if (context_->err == REDIS_ERR_OOM) return OutOfMemory();
  return Error{context_->err == REDIS_ERR_PROTOCOL ? ErrorCode::kProtocol : ErrorCode::kUnavailable,
               std::string(context_->errstr)};
}

bool Connection::InStep() const { return context_->reader->pos == context_->reader->len; }

// hiredis has no other way: what is above its limit it gives back with the next read alone.
void Connection::GiveBackBuffer() {
  most_buffered_bytes_ = 0;
  if (!InStep()) return;
  redisReaderFree(context_->reader);
  context_->reader = redisReaderCreate();
  RP_CHECK(context_->reader != nullptr);
  context_->reader->maxbuf = kMaxSpareBufferBytes;
}

bool Connection::UsableAfterIdling() const {
  char byte = 0;
  const ssize_t bytes = recv(context_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return InStep() && bytes < 0 && (errno == EAGAIN || errno == EINTR);
}

}  // namespace rp::redis
