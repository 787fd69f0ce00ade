// The program: settings, signals, the server; the rest is in server/server.h.

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/log.h"
#include "base/log_thread.h"
#include "server/health.h"
#include "server/options.h"
#include "server/server.h"
#include "server/version.h"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

// A block of this size or more is the kernel's again as soon as it is freed. Left alone, glibc
// raises the limit with every large block that it sees, up to 32 MB, and keeps what large values
// took.
constexpr int kMmapThresholdBytes = 256 * 1024;

// No fast bins. glibc keeps small freed blocks there until the next request of a kilobyte or more
// has to merge them all: 0.8 s after the expiry of five million entries, under malloc's lock.
constexpr int kMaxFastBytes = 0;

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

}  // namespace

int main(int argc, char** argv) {
  OpenStandardStreams();
  mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes);
  mallopt(M_MXFAST, kMaxFastBytes);
  rp::AbortOnTerminate();
  const rp::LogThread log_thread(STDERR_FILENO);
  rp::server::Options options;
  const auto action = rp::server::ParseOptions(argc, argv, &options);
  if (!action) {
    rp::LogPlain("redis-proxy: %s", action.error().message.c_str());
    return kExitUsage;
  }
  switch (*action) {
    case rp::server::ParsedAction::kHelp:
      std::fputs(rp::server::HelpText().c_str(), stdout);
      return EXIT_SUCCESS;
    case rp::server::ParsedAction::kVersion:
      std::printf("redis-proxy %s\n", rp::server::Version());
      return EXIT_SUCCESS;
    case rp::server::ParsedAction::kHealth: {
      const auto health = rp::server::CheckHealth();
      if (health) {
        std::puts(health->c_str());
        return EXIT_SUCCESS;
      }
      rp::LogPlain("redis-proxy: %s", health.error().message.c_str());
      return kExitFailure;
    }
    case rp::server::ParsedAction::kRun:
      break;
  }
  const auto secrets = rp::server::LoadSecrets(
      &options, [](const char* name) -> const char* { return std::getenv(name); });
  if (!secrets) {
    rp::LogPlain("redis-proxy: %s", secrets.error().message.c_str());
    return kExitUsage;
  }
  rp::SetLogLevel(options.log_level);
  SetUpSignals();
  auto server = rp::server::Server::Create(options);
  if (!server) {
    rp::LogPlain("redis-proxy: %s", server.error().message.c_str());
    return kExitFailure;
  }
  (*server)->Run();
  return EXIT_SUCCESS;
}
