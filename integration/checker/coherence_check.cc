// Looks for stale reads while everything between the proxy and its Redis breaks; see
// stale_checker.h. Exits with 1 if -max-stale was not kept, a read went backwards or a key stays
// stale.
//
//   coherence-check [-seconds 60] [-max-stale 300ms] [-keys 40] [-seed N] [-binary PATH]
//                   [-event NAME]... [-history FILE] [-stop end|first]
//
// -event    only this happens, or these; without it, all that events.cc has
// -history  writes every write and read to FILE, in the lines of JSON that history.h describes
// -stop     with `first`, ends soon after the first violation
//
// It needs redis-server in PATH and the binary of redis-proxy beside it. With libnss-wrapper it
// also re-points the name of Redis.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "base/parse.h"
#include "integration/checker/events.h"
#include "integration/checker/history.h"
#include "integration/checker/stale_checker.h"

namespace {

using rp::integration::StaleCheckOptions;

constexpr int kExitUsage = 2;

bool SetNumber(std::string_view flag, int64_t number, StaleCheckOptions* options) {
  if (flag == "-seconds") {
    options->run = std::chrono::seconds(number);
  } else if (flag == "-keys") {
    options->keys = static_cast<int>(number);
  } else if (flag == "-seed") {
    options->seed = static_cast<unsigned>(number);
  } else {
    return false;
  }
  return true;
}

// Sets one option. False where the flag or its value is wrong.
bool Set(std::string_view flag, const std::string& value, StaleCheckOptions* options) {
  if (flag == "-binary") return setenv("REDIS_PROXY_BINARY", value.c_str(), 1) == 0;
  if (flag == "-max-stale") {
    const auto duration = rp::ParseDuration(value);
    if (duration) options->max_stale = *duration;
    return duration && *duration > rp::Duration::zero();
  }
  if (flag == "-event") {
    options->events.push_back(value);
    const auto names = rp::integration::Events::Names();
    return std::find(names.begin(), names.end(), value) != names.end();
  }
  if (flag == "-history") {
    options->history = value;
    return rp::integration::History(value).ok();
  }
  if (flag == "-stop") {
    options->stops_at_first_violation = value == "first";
    return value == "first" || value == "end";
  }
  const auto number = rp::ParseInteger(value, 1, 1000000);
  return number && SetNumber(flag, *number, options);
}

int Usage(const char* wrong) {
  std::fprintf(stderr,
               "coherence-check: wrong at %s; it takes [-seconds N] [-max-stale DURATION] "
               "[-keys N] [-seed N] [-binary PATH] [-event NAME]... [-history FILE] "
               "[-stop end|first]\nevents:\n",
               wrong);
  for (const std::string& name : rp::integration::Events::Names()) {
    std::fprintf(stderr, "  %s\n", name.c_str());
  }
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  StaleCheckOptions options;
  options.seed = std::random_device()() % 1000000 + 1;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc || !Set(argv[i], argv[i + 1], &options)) return Usage(argv[i]);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::printf("coherence-check    %lld s, -max-stale %s, %d keys, seed %u\n",
              static_cast<long long>(options.run / std::chrono::seconds(1)),
              rp::FormatDuration(options.max_stale).c_str(), options.keys, options.seed);
  std::fflush(stdout);
  const auto report = rp::integration::CheckForStaleReads(options);
  std::fputs(report.Text().c_str(), stdout);
  std::puts(report.Kept() ? "kept: no read was staler than -max-stale allows, none went backwards"
                          : "BROKEN");
  return report.Kept() ? EXIT_SUCCESS : EXIT_FAILURE;
}
