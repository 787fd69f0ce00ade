#include "integration/harness/fake_redis.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

namespace rp::integration {
namespace {

// Reads "<type>N\r\n" at `*at` and moves behind it. Returns nothing while it is not all there.
std::optional<size_t> ReadLength(std::string_view input, size_t* at) {
  const size_t end = input.find("\r\n", *at);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string digits(input.substr(*at + 1, end - *at - 1));
  *at = end + 2;
  return static_cast<size_t>(std::strtoul(digits.c_str(), nullptr, 10));
}

// Takes the first whole command off `input`. Returns nothing while it is not all there.
std::optional<FakeRedis::Command> TakeCommand(std::string* input) {
  size_t at = 0;
  const std::optional<size_t> count = ReadLength(*input, &at);
  if (!count) return std::nullopt;
  FakeRedis::Command command;
  while (command.size() < *count) {
    const std::optional<size_t> size = ReadLength(*input, &at);
    if (!size || input->size() < at + *size + 2) return std::nullopt;
    command.push_back(input->substr(at, *size));
    at += *size + 2;
  }
  input->erase(0, at);
  return command;
}

bool Is(const FakeRedis::Command& command, const char* name) {
  return !command.empty() && strcasecmp(command[0].c_str(), name) == 0;
}

FakeReply DefaultReply(const FakeRedis::Command& command) {
  if (Is(command, "GET")) return {.bytes = Bulk("value of " + command[1])};
  if (Is(command, "PTTL")) return {.bytes = ":-1\r\n"};
  if (Is(command, "PING")) return {.bytes = "+PONG\r\n"};
  return {.bytes = "+OK\r\n"};
}

}  // namespace

std::string Bulk(std::string_view value) {
  return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n";
}

std::string ErrorReply(std::string_view message) { return "-" + std::string(message) + "\r\n"; }

FakeRedis::FakeRedis(Handler handler)
    : listener_(ListenOnLoopback(&port_)), handler_(std::move(handler)) {
  thread_ = std::thread([this] { Run(); });
}

FakeRedis::~FakeRedis() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  // Wakes the thread from its poll: a listener that is shut down is readable.
  shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

void FakeRedis::SetHandler(Handler handler) {
  const std::lock_guard<std::mutex> lock(mutex_);
  handler_ = std::move(handler);
}

void FakeRedis::CloseAtOnce() {
  const std::lock_guard<std::mutex> lock(mutex_);
  close_at_once_ = true;
}

int FakeRedis::PollTimeout() const {
  TimePoint earliest = kNever;
  for (const Connection& connection : connections_) {
    if (connection.replies.empty()) continue;
    const FakeReply& next = connection.replies.front().reply;
    if (next.bytes.empty() && !next.then_close) continue;
    earliest = std::min(earliest, connection.replies.front().due);
  }
  if (earliest == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(earliest - Now()).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

void FakeRedis::Run() {
  for (;;) {
    std::vector<pollfd> entries{{listener_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) {
      entries.push_back({connection.fd.get(), POLLIN, 0});
    }
    poll(entries.data(), entries.size(), PollTimeout());
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stop_) return;
    }
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      const bool open = SendDueReplies(&connection) &&
                        (entries[i + 1].revents == 0 || ReadCommands(&connection)) &&
                        SendDueReplies(&connection);
      if (!open) Abandon(&connection);
    }
    std::erase_if(connections_, [](const Connection& connection) { return !connection.fd; });
    if (entries[0].revents != 0) Accept();
  }
}

void FakeRedis::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return;
  // Replies leave one by one; without this each would wait for the acknowledgement of the last.
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const std::lock_guard<std::mutex> lock(mutex_);
  ++accepted_;
  if (!close_at_once_) connections_.push_back({std::move(fd), "", {}});
}

bool FakeRedis::ReadCommands(Connection* connection) {
  char buffer[65536];
  const ssize_t size = recv(connection->fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (size <= 0) return size < 0 && errno == EAGAIN;
  connection->input.append(buffer, static_cast<size_t>(size));
  while (const std::optional<Command> command = TakeCommand(&connection->input)) {
    Enqueue(connection, *command);
  }
  return true;
}

void FakeRedis::Enqueue(Connection* connection, const Command& command) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool is_get = Is(command, "GET");
  if (is_get) {
    ++get_count_;
    ++unanswered_gets_;
    max_unanswered_gets_ = std::max(max_unanswered_gets_, unanswered_gets_);
  }
  std::optional<FakeReply> reply = handler_ ? handler_(command) : std::nullopt;
  if (!reply) reply = DefaultReply(command);
  const TimePoint due = Now() + reply->delay;
  connection->replies.push_back({std::move(*reply), due, is_get});
}

bool FakeRedis::SendDueReplies(Connection* connection) {
  std::deque<Pending>& replies = connection->replies;
  while (!replies.empty() && replies.front().due <= Now()) {
    const FakeReply& reply = replies.front().reply;
    if (reply.bytes.empty() && !reply.then_close) return true;
    {
      // Counted before the bytes leave: the client may send its next GET at once.
      const std::lock_guard<std::mutex> lock(mutex_);
      unanswered_gets_ -= replies.front().is_get ? 1 : 0;
    }
    const ssize_t sent =
        send(connection->fd.get(), reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
    const bool go_on = sent == static_cast<ssize_t>(reply.bytes.size()) && !reply.then_close;
    replies.pop_front();
    if (!go_on) return false;
  }
  return true;
}

void FakeRedis::Abandon(Connection* connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Pending& pending : connection->replies) unanswered_gets_ -= pending.is_get ? 1 : 0;
  connection->fd.Reset();
}

}  // namespace rp::integration
