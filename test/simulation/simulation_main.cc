// Runs the simulation with one seed after another, and exits with 1 at the first that breaks a
// promise; then it prints the last events of that run.
//
//   simulation [-runs 10000] [-seconds N] [-seed N] [-first N]
//
// The seeds are 1, 2, ...; with -seconds they begin at a random one, and end after that time.
// -first is the first seed. -seed runs that seed alone and prints its last events in any case.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include "base/log.h"
#include "base/parse.h"
#include "test/simulation/simulation.h"

namespace {

using rp::simulation::Outcome;
using rp::simulation::Simulate;

constexpr int kExitUsage = 2;

struct Options {
  int64_t runs = 0;     // 0: as many as the time allows
  int64_t seconds = 0;  // 0: as many as the runs need
  int64_t seed = 0;     // 0: runs
  int64_t first = 0;    // 0: see above
};

bool Set(std::string_view flag, const char* text, Options* options) {
  const auto number = rp::ParseInteger(text, 1, INT64_MAX);
  if (!number) return false;
  if (flag == "-runs") {
    options->runs = *number;
  } else if (flag == "-seconds") {
    options->seconds = *number;
  } else if (flag == "-seed") {
    options->seed = *number;
  } else if (flag == "-first") {
    options->first = *number;
  } else {
    return false;
  }
  return true;
}

volatile int64_t running_seed = 0;

// A failed RP_CHECK ends the program.
void NameSeed(int) {
  char line[64];
  const int size = std::snprintf(line, sizeof(line), "seed %lld: BROKEN: aborted\n",
                                 static_cast<long long>(running_seed));
  static_cast<void>(!write(STDOUT_FILENO, line, static_cast<size_t>(size)));
}

int Replay(int64_t seed) {
  running_seed = seed;
  const Outcome outcome = Simulate(static_cast<uint64_t>(seed), /*is_traced=*/true);
  std::fputs(outcome.trace.c_str(), stdout);
  if (outcome.finding.empty()) {
    std::printf("seed %lld: kept\n", static_cast<long long>(seed));
    return EXIT_SUCCESS;
  }
  std::printf("seed %lld: BROKEN: %s\nreplay: make simulation SEED=%lld\n",
              static_cast<long long>(seed), outcome.finding.c_str(), static_cast<long long>(seed));
  return EXIT_FAILURE;
}

int RunAll(Options options) {
  const bool is_timed = options.seconds != 0;
  if (options.first == 0) options.first = is_timed ? std::random_device()() + int64_t{1} : 1;
  if (options.runs == 0) options.runs = is_timed ? INT64_MAX : 10000;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  uint64_t answers = 0;
  uint64_t hits = 0;
  int64_t done = 0;
  for (; done < options.runs; ++done) {
    if (is_timed && elapsed() >= static_cast<double>(options.seconds)) break;
    const int64_t seed = options.first + done;
    running_seed = seed;
    const Outcome outcome = Simulate(static_cast<uint64_t>(seed), /*is_traced=*/false);
    answers += outcome.answers;
    hits += outcome.hits;
    if (outcome.finding.empty()) continue;
    std::printf("after %lld runs and %.1f s\n", static_cast<long long>(done + 1), elapsed());
    return Replay(seed);
  }
  std::printf(
      "simulation: %lld runs from seed %lld, %.1f s, %llu answers, %llu of them hits: kept\n",
      static_cast<long long>(done), static_cast<long long>(options.first), elapsed(),
      static_cast<unsigned long long>(answers), static_cast<unsigned long long>(hits));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 < argc && Set(argv[i], argv[i + 1], &options)) continue;
    std::fprintf(stderr,
                 "simulation: wrong at %s; it takes [-runs N] [-seconds N] [-seed N] [-first N]\n",
                 argv[i]);
    return kExitUsage;
  }
  // What the real classes log is not for this terminal; nothing that a run does is an error of it.
  rp::SetLogLevel(static_cast<rp::LogLevel>(static_cast<int>(rp::LogLevel::kError) + 1));
  std::signal(SIGABRT, NameSeed);
  return options.seed != 0 ? Replay(options.seed) : RunAll(options);
}
