// What every integration test needs: patience that fits the build, temporary folders, child
// processes and loopback sockets. It hides fork, exec and waitpid, and makes sure that no child
// outlives the test run. Each object is owned by the test that declares it.
//
// Thread safety: free functions may be called from any thread; an object belongs to one thread, and
// a Process must be started by the main thread (its child dies with the thread that started it).
// Cost: a Process is one fork; waiting polls every two milliseconds.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"

namespace rp::integration {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Returns whether the program under test is built with a sanitizer. These tests themselves are not.
[[nodiscard]] bool Sanitized();

// `limit` stretched for the slowness of the program and the machine: by 5 under a sanitizer, else
// by 1; the environment's REDIS_PROXY_TEST_SLOWNESS (a whole number) multiplies it further. Only
// for limits that are not reached when all is well.
Duration Patience(Duration limit);

// Calls `condition` every few milliseconds until it holds. Returns false if it still does not after
// Patience(limit).
[[nodiscard]] bool Eventually(const std::function<bool()>& condition, Duration limit = 10s);

// Milliseconds since `start`, for messages.
long MillisecondsSince(TimePoint start);

// A folder under $TMPDIR or /tmp, removed with everything in it by the destructor.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct SpawnOptions {
  std::vector<std::string> arguments;    // the first is the program, looked up in PATH
  std::vector<std::string> environment;  // "NAME=value", on top of this process's own
  int stdout_fd = -1;                    // borrowed; -1 stands for /dev/null
  int stderr_fd = -1;
  rlim_t max_open_files = 0;     // RLIMIT_NOFILE, soft and hard; 0 leaves it alone
  rlim_t max_address_space = 0;  // RLIMIT_AS, in bytes, the same way
};

// A child process. The environment's REDIS_USERNAME and REDIS_PASSWORD are not passed on.
class Process {
 public:
  explicit Process(const SpawnOptions& options);
  // Kills the child if it still runs, and reaps it.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool Running();
  void Signal(int signal);
  // SIGSTOP, and waits until every thread stands still: without that one of them may go on for a
  // moment and see some of what the test does next, but not all. SIGCONT.
  void Freeze();
  void Thaw() { Signal(SIGCONT); }
  // The status as waitpid gives it, or nothing if the child still runs after `limit`.
  [[nodiscard]] std::optional<int> Wait(Duration limit);

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// A socket that listens on 127.0.0.1, on a port the kernel chooses. Invalid on failure.
UniqueFd ListenOnLoopback(int* port);
// The same on 127.0.0.2, this machine's as well, and on the port that is given.
UniqueFd ListenOnSecondLoopback(int port);
// A socket connected to 127.0.0.1:port, or an invalid one. A `receive_buffer` of 0 keeps the
// kernel's own size.
UniqueFd ConnectToLoopback(int port, int receive_buffer = 0);
// A port that was free a moment ago, outside the range from which outgoing connections take theirs.
int ProbablyFreePort();

// The whole of a small file, such as those in /proc; empty if it cannot be read.
std::string ReadFile(const std::string& path);

// `size` bytes that depend on `seed`, with NUL, CR and LF among them.
std::string PatternBytes(size_t size, unsigned seed = 1);

// How often `needle` occurs in `text`.
size_t CountOccurrences(std::string_view text, std::string_view needle);

}  // namespace rp::integration
