#include "integration/harness/proxy_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/check.h"

namespace rp::integration {

class OutputReader {
 public:
  OutputReader() {
    int ends[2];
    RP_CHECK(pipe2(ends, O_CLOEXEC) == 0);
    read_end_.Reset(ends[0]);
    write_end_.Reset(ends[1]);
    thread_ = std::thread([this] { ReadToTheEnd(); });
  }
  // REQUIRES: the process that writes has ended, or else this waits for its end.
  ~OutputReader() { Finish(); }

  [[nodiscard]] int write_fd() const { return write_end_.get(); }
  // To be called once the child has its copy, so that the child's end is the end of the pipe.
  void CloseWriteEnd() { write_end_.Reset(); }

  [[nodiscard]] std::string Text() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return text_;
  }
  // Everything written; to be called when the process has ended.
  std::string Finish() {
    CloseWriteEnd();
    if (thread_.joinable()) thread_.join();
    return Text();
  }

 private:
  void ReadToTheEnd() {
    char buffer[4096];
    ssize_t size = 0;
    while ((size = read(read_end_.get(), buffer, sizeof(buffer))) > 0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      text_.append(buffer, static_cast<size_t>(size));
    }
  }

  UniqueFd read_end_;
  UniqueFd write_end_;
  mutable std::mutex mutex_;
  std::string text_;
  std::thread thread_;
};

namespace {

constexpr std::string_view kServing = "serving HTTP on ";

// The port in the line that says where HTTP is served, or 0 while that line is not complete. The
// address is the word behind kServing, perhaps with punctuation after it.
int ServingPort(const std::string& log) {
  const size_t start = log.find(kServing);
  const size_t end = log.find('\n', start == std::string::npos ? log.size() : start);
  if (end == std::string::npos) return 0;
  const std::string word =
      log.substr(start + kServing.size(),
                 log.find_first_of(" \n", start + kServing.size()) - (start + kServing.size()));
  const size_t last_digit = word.find_last_of("0123456789");
  const size_t colon = word.rfind(':', last_digit);
  return colon == std::string::npos ? 0 : std::atoi(word.c_str() + colon + 1);
}

void AddDefault(const std::string& flag, const std::string& value,
                const std::vector<std::string>& given, std::vector<std::string>* arguments) {
  if (std::find(given.begin(), given.end(), flag) != given.end()) return;
  arguments->insert(arguments->end(), {flag, value});
}

int ExitStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// The number behind "Name:" in a /proc/.../status file.
long StatusNumber(const std::string& path, const std::string& name) {
  const std::string text = ReadFile(path);
  const size_t at = text.find("\n" + name + ":");
  return at == std::string::npos ? 0 : std::atol(text.c_str() + at + name.size() + 2);
}

}  // namespace

const std::string& ProxyBinary() {
  static const std::string path = [] {
    const char* given = std::getenv("REDIS_PROXY_BINARY");
    if (given != nullptr && *given != '\0') return std::string(given);
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "redis-proxy").string();
  }();
  return path;
}

Proxy::Proxy(const std::vector<std::string>& flags, const ProxyOptions& options)
    : log_(std::make_unique<OutputReader>()) {
  SpawnOptions spawn;
  spawn.arguments = {ProxyBinary()};
  const bool log_tells_port = options.log_fd < 0;
  if (!log_tells_port) port_ = ProbablyFreePort();
  AddDefault("-http", "127.0.0.1:" + std::to_string(port_), flags, &spawn.arguments);
  AddDefault("-timeout", "20s", flags, &spawn.arguments);
  if (const char* inlined = std::getenv("REDIS_PROXY_INLINE"); inlined != nullptr && *inlined != 0)
    spawn.arguments.push_back("-inline=" + std::string(inlined));
  spawn.arguments.insert(spawn.arguments.end(), flags.begin(), flags.end());
  spawn.environment = options.environment;
  spawn.max_open_files = options.max_open_files;
  spawn.max_address_space = options.max_address_space;
  spawn.stderr_fd = log_tells_port ? log_->write_fd() : options.log_fd;
  process_ = std::make_unique<Process>(spawn);
  log_->CloseWriteEnd();
  const auto serves = [&] {
    if (!log_tells_port) return static_cast<bool>(ConnectToLoopback(port_));
    port_ = ServingPort(Log());
    return port_ != 0;
  };
  bool serving = false;
  static_cast<void>(Eventually([&] {
    serving = serves();
    return serving || !process_->Running();
  }));
  EXPECT_TRUE(serving) << "redis-proxy does not serve";
}

Proxy::~Proxy() {
  if (!judged_) {
    process_->Signal(SIGTERM);
    const std::optional<int> status = process_->Wait(Patience(10s));
    EXPECT_EQ(status ? ExitStatus(*status) : -1, 0)
        << "redis-proxy does not end well after SIGTERM (-1: not at all)";
  }
  process_.reset();
  const std::string log = log_->Finish();
  for (const char* sign : {"Sanitizer", "runtime error:", "check failed:"}) {
    EXPECT_EQ(log.find(sign), std::string::npos) << "the log speaks of a bug";
  }
  if (::testing::Test::HasFailure()) {
    std::fprintf(stderr, "--- log of redis-proxy\n%s---\n", log.c_str());
  }
}

std::string Proxy::Log() const { return log_->Text(); }

bool Proxy::WaitForLog(const std::string& text, Duration limit) const {
  return Eventually([&] { return Log().find(text) != std::string::npos; }, limit);
}

std::optional<int> Proxy::Wait(Duration limit) {
  judged_ = true;
  const std::optional<int> status = process_->Wait(Patience(limit));
  if (!status) return std::nullopt;
  return ExitStatus(*status);
}

Duration Proxy::CpuTime() const {
  // proc(5): the name in parentheses may hold anything; utime and stime are the 12th and 13th
  // fields behind it.
  const std::string stat = ReadFile("/proc/" + std::to_string(pid()) + "/stat");
  size_t at = stat.rfind(')');
  for (int field = 0; field < 12 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return 0ms;
  char* next = nullptr;
  const long user = std::strtol(stat.c_str() + at, &next, 10);
  const long ticks = user + std::strtol(next, nullptr, 10);
  return std::chrono::milliseconds(ticks * 1000 / sysconf(_SC_CLK_TCK));
}

size_t Proxy::ResidentBytes() const {
  const std::string path = "/proc/" + std::to_string(pid()) + "/status";
  return static_cast<size_t>(StatusNumber(path, "VmRSS")) * 1024;
}

long Proxy::VoluntarySwitches(const std::string& name) const {
  long sum = 0;
  std::error_code error;
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid()) + "/task",
                                                  error);
  for (const auto& task : tasks) {
    if (!name.empty() && ReadFile(task.path().string() + "/comm") != name + "\n") continue;
    sum += StatusNumber(task.path().string() + "/status", "voluntary_ctxt_switches");
  }
  return sum;
}

RunResult RunProxy(const std::vector<std::string>& flags, Duration limit,
                   const ProxyOptions& options) {
  OutputReader standard_output;
  OutputReader standard_error;
  SpawnOptions spawn;
  spawn.arguments = {ProxyBinary()};
  spawn.arguments.insert(spawn.arguments.end(), flags.begin(), flags.end());
  spawn.environment = options.environment;
  spawn.max_open_files = options.max_open_files;
  spawn.max_address_space = options.max_address_space;
  spawn.stdout_fd = standard_output.write_fd();
  spawn.stderr_fd = options.log_fd < 0 ? standard_error.write_fd() : options.log_fd;
  RunResult result;
  {
    Process process(spawn);
    standard_output.CloseWriteEnd();
    standard_error.CloseWriteEnd();
    const std::optional<int> status = process.Wait(Patience(limit));
    if (status) result.status = ExitStatus(*status);
  }
  result.standard_output = standard_output.Finish();
  result.standard_error = standard_error.Finish();
  return result;
}

}  // namespace rp::integration
