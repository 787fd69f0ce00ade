#include "server/health.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/line_writer.h"
#include "base/parse.h"
#include "config/options.h"
#include "net/socket.h"

namespace rp::server {
namespace {

constexpr unsigned kMaxSeconds = 2;
constexpr std::string_view kQuestion =
    "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

Error Unhealthy(std::string text) { return {ErrorCode::kUnavailable, std::move(text)}; }

// Ends the process after kMaxSeconds, even if the resolver hangs or standard error is full.
void LimitTime() {
  std::signal(SIGALRM, [](int) {
    constexpr std::string_view kText = "redis-proxy: unhealthy: no answer within 2 s\n";
    static_cast<void>(WriteWithin(STDERR_FILENO, kText, Duration::zero()));
    _exit(1);
  });
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
  alarm(kMaxSeconds);
}

// Returns the process's arguments, each of which ends with a NUL in /proc.
std::vector<std::string> ArgumentsOf(const std::filesystem::path& process) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

std::string ContentsOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the real user, as a number. The owner of the folder says less: it is root where the
// process gained capabilities (proc(5)).
std::string UserOf(const std::filesystem::path& process) {
  const std::string status = ContentsOf(process / "status");
  constexpr std::string_view kLabel = "\nUid:\t";
  const size_t at = status.find(kLabel);
  if (at == std::string::npos) return "";
  return status.substr(at + kLabel.size(),
                       status.find('\t', at + kLabel.size()) - at - kLabel.size());
}

// Returns whether the process runs the same file as this process, or one that it has replaced.
bool RunsOwnFile(const std::filesystem::path& process) {
  static const std::filesystem::path kOwn = "/proc/self";
  struct stat own {};
  struct stat other {};
  if (stat((kOwn / "exe").c_str(), &own) != 0) return false;
  if (stat((process / "exe").c_str(), &other) == 0 && other.st_dev == own.st_dev &&
      other.st_ino == own.st_ino) {
    return true;
  }
  std::error_code error;
  const std::string path = std::filesystem::read_symlink(process / "exe", error);
  // A process that has capabilities which this one has not, as from setcap(8), hides its file and
  // shows its name.
  if (error == std::errc::permission_denied) {
    return UserOf(process) == UserOf(kOwn) &&
           ContentsOf(process / "comm") == ContentsOf(kOwn / "comm");
  }
  std::error_code ignored;
  const std::string own_path = std::filesystem::read_symlink(kOwn / "exe", ignored);
  return !error && path == own_path + " (deleted)";  // proc_pid_exe(5)
}

// Returns the address in -http of each server that runs the same file as this process.
std::vector<HostPort> AddressesOfServers() {
  std::vector<HostPort> addresses;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    if (!RunsOwnFile(entry.path())) continue;
    const std::vector<std::string> arguments = ArgumentsOf(entry.path());
    std::vector<const char*> pointers;
    pointers.reserve(arguments.size());
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    config::Options options;
    const auto action =
        config::ParseOptions(static_cast<int>(pointers.size()), pointers.data(), &options);
    // Another health check, or a process that is ending, is not a server.
    if (action && *action == config::ParsedAction::kRun && !arguments.empty()) {
      addresses.push_back(options.http);
    }
  }
  return addresses;
}

// Returns the status of the answer to kQuestion.
Result<int> Ask(const HostPort& address) {
  if (address.port == 0) return Unhealthy("the port is unknown, because -http has port 0");
  const auto fd = net::ConnectToListener(address);
  if (!fd) return fd.error();
  const ssize_t sent = send(fd->get(), kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(kQuestion.size())) return Unhealthy(std::strerror(errno));
  // "HTTP/1.1 204 "
  char line[13];
  size_t bytes = 0;
  while (bytes < sizeof(line)) {
    const ssize_t received = recv(fd->get(), line + bytes, sizeof(line) - bytes, 0);
    if (received <= 0) return Unhealthy("no answer");
    bytes += static_cast<size_t>(received);
  }
  const std::string_view text(line, sizeof(line));
  const auto status = ParseInteger(text.substr(9, 3), 100, 999);
  if (!text.starts_with("HTTP/1.") || text[8] != ' ' || text[12] != ' ' || !status) {
    return Unhealthy("the answer is not HTTP: " + Quote(text));
  }
  return static_cast<int>(*status);
}

}  // namespace

Result<std::string> CheckHealth() {
  LimitTime();
  const std::vector<HostPort> addresses = AddressesOfServers();
  if (addresses.empty()) {
    return Unhealthy(
        "unhealthy: found no running server of this program (other users' are not visible)");
  }
  std::string healthy;
  for (const HostPort& address : addresses) {
    const std::string name = FormatHostPort(address);
    const Result<int> status = Ask(address);
    if (!status) return Unhealthy("unhealthy: " + name + ": " + status.error().message);
    healthy +=
        (healthy.empty() ? "healthy: " : ", ") + name + " answers " + std::to_string(*status);
  }
  return healthy;
}

}  // namespace rp::server
