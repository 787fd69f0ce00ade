#include "integration/harness/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "base/check.h"
#include "integration/harness/proxy_process.h"

namespace rp::integration {
namespace {

long Slowness() {
  static const long slowness = [] {
    const char* text = std::getenv("REDIS_PROXY_TEST_SLOWNESS");
    const long asked = text == nullptr ? 1 : std::strtol(text, nullptr, 10);
    return (Sanitized() ? 5 : 1) * std::max(asked, 1L);
  }();
  return slowness;
}

bool IsSecret(std::string_view variable) {
  return variable.starts_with("REDIS_USERNAME=") || variable.starts_with("REDIS_PASSWORD=");
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

sockaddr_in LoopbackAddress(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// Runs in the child of a process that may have threads: only async-signal-safe calls.
[[noreturn]] void BecomeProgram(const SpawnOptions& options, pid_t parent, char** arguments,
                                char** environment) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(options.stdout_fd < 0 ? null : options.stdout_fd, STDOUT_FILENO);
  dup2(options.stderr_fd < 0 ? null : options.stderr_fd, STDERR_FILENO);
  close_range(3, ~0U, 0);
  if (options.max_open_files > 0) {
    const rlimit limit{options.max_open_files, options.max_open_files};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (options.max_address_space > 0) {
    const rlimit limit{options.max_address_space, options.max_address_space};
    setrlimit(RLIMIT_AS, &limit);
  }
  // The test run ignores SIGPIPE, and a child would inherit that; it is for the child to decide.
  signal(SIGPIPE, SIG_DFL);
  execvpe(arguments[0], arguments, environment);
  _exit(127);
}

}  // namespace

bool Sanitized() {
  static const bool sanitized = [] {
    const std::string binary = ReadFile(ProxyBinary());
    return binary.find("__asan_init") != std::string::npos ||
           binary.find("__tsan_init") != std::string::npos;
  }();
  return sanitized;
}

Duration Patience(Duration limit) { return limit * Slowness(); }

bool Eventually(const std::function<bool()>& condition, Duration limit) {
  const TimePoint deadline = Now() + Patience(limit);
  for (;;) {
    if (condition()) return true;
    if (Now() >= deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
}

long MillisecondsSince(TimePoint start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Now() - start).count();
}

TempDir::TempDir() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "redis-proxy-test-XXXXXX").string();
  RP_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const SpawnOptions& options) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = options.environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!IsSecret(*variable)) environment.emplace_back(*variable);
  }
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const pid_t parent = getpid();
  pid_ = fork();
  RP_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    BecomeProgram(options, parent, const_cast<char**>(argument_pointers.data()),
                  const_cast<char**>(environment_pointers.data()));
  }
}

Process::~Process() {
  if (status_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Process::Running() { return !Wait(0ms).has_value(); }

void Process::Signal(int signal) {
  if (!status_) kill(pid_, signal);
}

void Process::Freeze() {
  Signal(SIGSTOP);
  siginfo_t info{};
  if (!status_) waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT);
}

std::optional<int> Process::Wait(Duration limit) {
  const TimePoint deadline = Now() + limit;
  while (!status_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
    } else if (Now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(2ms);
    }
  }
  return status_;
}

UniqueFd ListenOnSecondLoopback(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = LoopbackAddress(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd.get(), 1024) != 0) {
    return UniqueFd();
  }
  return fd;
}

UniqueFd ListenOnLoopback(int* port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = LoopbackAddress(0);
  socklen_t length = sizeof(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(fd.get(), 1024) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return UniqueFd();
  }
  *port = ntohs(address.sin_port);
  return fd;
}

UniqueFd ConnectToLoopback(int port, int receive_buffer) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  const sockaddr_in address = LoopbackAddress(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return UniqueFd();
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

int ProbablyFreePort() {
  static std::mt19937 random{std::random_device{}()};
  for (;;) {
    const int port = std::uniform_int_distribution<int>(10000, 30000)(random);
    const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = LoopbackAddress(port);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return port;
    }
  }
}

std::string ReadFile(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

std::string PatternBytes(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  unsigned state = seed * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

size_t CountOccurrences(std::string_view text, std::string_view needle) {
  size_t count = 0;
  for (size_t at = text.find(needle); at != std::string_view::npos;
       at = text.find(needle, at + needle.size())) {
    ++count;
  }
  return count;
}

}  // namespace rp::integration
