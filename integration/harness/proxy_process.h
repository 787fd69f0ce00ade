// The binary under test, as its user sees it: flags in, a port, a log and an exit status out. It
// hides where the binary is, how one waits for it to serve, and who reads its output.
//
// Thread safety: none; an object belongs to the main thread. A thread of its own reads the log.
// Cost: a start takes about 20 ms.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "integration/harness/support.h"

namespace rp::integration {

// REDIS_PROXY_BINARY, or redis-proxy beside this program.
const std::string& ProxyBinary();

// Reads a pipe to its end on a thread of its own and keeps what came.
class OutputReader;

struct ProxyOptions {
  std::vector<std::string> environment{};  // "NAME=value"
  rlim_t max_open_files = 0;               // 0: as this process has it
  rlim_t max_address_space = 0;            // in bytes; 0: the same
  // Where the log goes, borrowed; -1: Proxy::Log has it. A log that goes elsewhere does not tell
  // the port: then it is one that was free, and serving means that somebody accepts there.
  int log_fd = -1;
};

class Proxy {
 public:
  // Starts the binary with `flags` and waits until it serves. If it does not, the test fails and
  // port() is 0. Unless `flags` say otherwise it serves on a free port of 127.0.0.1, with a
  // -timeout so long that a busy machine does not decide about the test, and with the -inline that
  // REDIS_PROXY_INLINE names.
  explicit Proxy(const std::vector<std::string>& flags, const ProxyOptions& options = {});
  // Stops the binary. Unless the test has waited for its end itself, SIGTERM must end it with
  // status 0. A report of a sanitizer or a failed check in the log fails the test, and the log of a
  // failed test is printed.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] std::string Log() const;
  [[nodiscard]] bool WaitForLog(const std::string& text, Duration limit = 10s) const;

  void Signal(int signal) { process_->Signal(signal); }
  void Freeze() { process_->Freeze(); }
  void Thaw() { process_->Thaw(); }
  // The exit status; 128 + N if signal N ended the process; nothing if it still runs after
  // Patience(limit). Once this was called the destructor no longer judges how the process ended.
  [[nodiscard]] std::optional<int> Wait(Duration limit = 10s);
  [[nodiscard]] bool Running() { return process_->Running(); }

  // User and system time of all threads so far.
  [[nodiscard]] Duration CpuTime() const;
  [[nodiscard]] size_t ResidentBytes() const;
  // How often any of its threads has gone to sleep so far; only those of that name, if one is
  // given.
  [[nodiscard]] long VoluntarySwitches(const std::string& name = "") const;

 private:
  std::unique_ptr<OutputReader> log_;
  std::unique_ptr<Process> process_;
  int port_ = 0;
  bool judged_ = false;
};

struct RunResult {
  std::optional<int> status;  // as of Proxy::Wait
  std::string standard_output;
  std::string standard_error;
};

// Runs the binary with exactly these flags until it ends by itself, for at most Patience(limit).
// With options.log_fd, standard error goes there.
RunResult RunProxy(const std::vector<std::string>& flags, Duration limit = 10s,
                   const ProxyOptions& options = {});

}  // namespace rp::integration
