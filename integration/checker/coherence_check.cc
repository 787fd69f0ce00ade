// Looks for stale reads while everything between the proxy and its Redis breaks; see
// stale_checker.h. Exits with 1 if -max-stale was not kept or a key stays stale.
//
//   coherence-check [-seconds 60] [-max-stale 300ms] [-keys 40] [-seed N] [-binary PATH]
//
// It needs redis-server in PATH and the binary of redis-proxy beside it.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "base/parse.h"
#include "integration/checker/stale_checker.h"

namespace {

using rp::integration::StaleCheckOptions;

constexpr int kExitUsage = 2;

// Sets one option. False where the flag or its value is wrong.
bool Set(std::string_view flag, const char* value, StaleCheckOptions* options) {
  if (flag == "-binary") return setenv("REDIS_PROXY_BINARY", value, 1) == 0;
  if (flag == "-max-stale") {
    const auto duration = rp::ParseDuration(value);
    if (duration) options->max_stale = *duration;
    return duration && *duration > rp::Duration::zero();
  }
  const auto number = rp::ParseInteger(value, 1, 1000000);
  if (!number) return false;
  if (flag == "-seconds") {
    options->run = std::chrono::seconds(*number);
  } else if (flag == "-keys") {
    options->keys = static_cast<int>(*number);
  } else if (flag == "-seed") {
    options->seed = static_cast<unsigned>(*number);
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  StaleCheckOptions options;
  options.seed = std::random_device()() % 1000000 + 1;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 < argc && Set(argv[i], argv[i + 1], &options)) continue;
    std::fprintf(stderr,
                 "coherence-check: wrong at %s; it takes [-seconds N] [-max-stale DURATION] "
                 "[-keys N] [-seed N] [-binary PATH]\n",
                 argv[i]);
    return kExitUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::printf("coherence-check    %lld s, -max-stale %s, %d keys, seed %u\n",
              static_cast<long long>(options.run / std::chrono::seconds(1)),
              rp::FormatDuration(options.max_stale).c_str(), options.keys, options.seed);
  std::fflush(stdout);
  const auto report = rp::integration::CheckForStaleReads(options);
  std::fputs(report.Text().c_str(), stdout);
  std::puts(report.Kept() ? "kept: no read was staler than -max-stale allows" : "BROKEN");
  return report.Kept() ? EXIT_SUCCESS : EXIT_FAILURE;
}
