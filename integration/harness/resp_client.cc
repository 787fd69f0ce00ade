#include "integration/harness/resp_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace rp::integration {
namespace {

constexpr std::string_view kMark = "the end of this exchange";
constexpr std::string_view kClosed = "<closed>";

}  // namespace

int RespPort(const Proxy& proxy) {
  constexpr std::string_view kServing = "serving the Redis protocol on ";
  const std::string log = proxy.Log();
  const size_t start = log.find(kServing);
  if (start == std::string::npos) return 0;
  const std::string line = log.substr(start, log.find('\n', start) - start);
  return std::atoi(line.c_str() + line.rfind(':') + 1);
}

std::string RespCommand(const std::vector<std::string>& arguments) {
  std::string bytes = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) {
    bytes += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return bytes;
}

void RespClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    // The server may answer much before it has read all.
    pollfd ready{fd_.get(), POLLIN | POLLOUT, 0};
    if (poll(&ready, 1, -1) < 0) return;
    if ((ready.revents & POLLIN) != 0 && !Receive()) return;
    if ((ready.revents & POLLOUT) == 0) continue;
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void RespClient::EndInput() { shutdown(fd_.get(), SHUT_WR); }

bool RespClient::Receive() {
  pollfd ready{fd_.get(), POLLIN, 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(Patience(10s));
  if (poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
  std::array<char, 65536> buffer;
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count > 0) input_.append(buffer.data(), static_cast<size_t>(count));
  return count > 0;
}

std::string RespClient::Exchange(std::string_view requests) {
  const std::string mark = RespCommand({"ECHO", std::string(kMark)});
  Send(std::string(requests) + mark);
  const std::string mark_reply = mark.substr(mark.rfind('$'));
  std::string reply = ReadThrough(mark_reply);
  if (reply.ends_with(mark_reply)) reply.resize(reply.size() - mark_reply.size());
  return reply;
}

std::string RespClient::Read(size_t bytes) {
  while (input_.size() < bytes && Receive()) {
  }
  std::string taken = input_.substr(0, bytes);
  input_.erase(0, bytes);
  return taken;
}

std::string RespClient::ReadThrough(std::string_view end) {
  size_t looked = 0;
  for (;;) {
    const size_t found = input_.find(end, looked);
    if (found != std::string::npos) return Read(found + end.size());
    looked = input_.size() - std::min(input_.size(), end.size());
    if (!Receive()) return Read(input_.size()) + std::string(kClosed);
  }
}

std::string RunShell(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>&1").c_str(), "r"), pclose);
  std::string output;
  std::array<char, 4096> buffer;
  size_t count = 0;
  while (pipe != nullptr && (count = fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0) {
    output.append(buffer.data(), count);
  }
  return output;
}

}  // namespace rp::integration
