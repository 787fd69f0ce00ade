// The program: reads the settings, blocks the signals and runs the server (server/server.h).

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>

#include "base/check.h"
#include "base/log.h"
#include "base/log_thread.h"
#include "base/memory.h"
#include "config/help.h"
#include "config/options.h"
#include "config/secrets.h"
#include "config/version.h"
#include "server/health.h"
#include "server/server.h"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

// A closed standard stream would give its number to a socket, and a log line would go to a client.
void OpenStandardStreams() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = dup(fd);
  if (fd >= 0) close(fd);
}

void SetUpSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a log that may not grow further
  const sigset_t mask = rp::net::Signals::Mask();
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
}

// The standard library throws where it cannot have threads or memory. That is this program's end
// only at its start. Returns what `start` does, which is a Result.
template <typename Start>
std::invoke_result_t<Start> TryToStart(const Start& start) {
  try {
    return start();
  } catch (const std::exception& error) {
    return rp::Error{rp::ErrorCode::kNoMemory, std::string("cannot start: ") + error.what()};
  }
}

}  // namespace

int main(int argc, char** argv) {
  OpenStandardStreams();
  rp::SetUpMalloc();
  rp::AbortOnTerminate();
  const auto log_thread = TryToStart([]() -> rp::Result<std::unique_ptr<rp::LogThread>> {
    return std::make_unique<rp::LogThread>(STDERR_FILENO);
  });
  if (!log_thread) {
    rp::LogPlain("redis-proxy: %s", log_thread.error().message.c_str());
    return kExitFailure;
  }
  rp::config::Options options;
  const auto action = rp::config::ParseOptions(argc, argv, &options);
  if (!action) {
    rp::LogPlain("redis-proxy: %s", action.error().message.c_str());
    return kExitUsage;
  }
  switch (*action) {
    case rp::config::ParsedAction::kHelp:
      std::fputs(rp::config::HelpText().c_str(), stdout);
      return EXIT_SUCCESS;
    case rp::config::ParsedAction::kVersion:
      std::printf("redis-proxy %s\n", rp::config::Version());
      return EXIT_SUCCESS;
    case rp::config::ParsedAction::kHealth: {
      const auto health = rp::server::CheckHealth();
      if (health) {
        std::puts(health->c_str());
        return EXIT_SUCCESS;
      }
      rp::LogPlain("redis-proxy: %s", health.error().message.c_str());
      return kExitFailure;
    }
    case rp::config::ParsedAction::kRun:
      break;
  }
  const auto secrets = rp::config::LoadSecrets(
      &options, [](const char* name) -> const char* { return std::getenv(name); });
  if (!secrets) {
    rp::LogPlain("redis-proxy: %s", secrets.error().message.c_str());
    return kExitUsage;
  }
  rp::SetLogLevel(options.log_level);
  SetUpSignals();
  auto server = TryToStart([&] { return rp::server::Server::Create(options); });
  if (!server) {
    rp::LogPlain("redis-proxy: %s", server.error().message.c_str());
    return kExitFailure;
  }
  (*server)->Run();
  return EXIT_SUCCESS;
}
