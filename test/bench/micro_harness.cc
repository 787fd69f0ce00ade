#include <malloc.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <limits>

#include "test/bench/micro.h"

namespace rp::bench {
namespace {

int goals_met = 0;
int goals_missed = 0;

struct Cost {
  double cpu_ns;  // of one operation
  double wall_ns;
};

uint64_t ReadClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

Cost Measure(const std::function<void()>& round, uint64_t operations) {
  const uint64_t cpu = ProcessCpuNs();
  const uint64_t wall = WallNs();
  round();
  const auto per_operation = [operations](uint64_t from, uint64_t to) {
    return static_cast<double>(to - from) / static_cast<double>(operations);
  };
  const uint64_t wall_end = WallNs();
  return {per_operation(cpu, ProcessCpuNs()), per_operation(wall, wall_end)};
}

double Median(std::vector<double> values) {
  const size_t middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle),
                   values.end());
  return values[middle];
}

// The word that stands behind a figure with a goal.
std::string Judge(double figure, double goal, std::string_view unit) {
  if (goal == 0) return {};
  const bool is_met = figure <= goal;
  ++(is_met ? goals_met : goals_missed);
  char text[64];
  std::snprintf(text, sizeof(text), "  goal %g %.*s: %s", goal, static_cast<int>(unit.size()),
                unit.data(), is_met ? "met" : "MISSED");
  return text;
}

}  // namespace

void Hold(const Contest& contest) {
  std::vector<double> our_cpu, their_cpu, cpu_ratio, our_rate, their_rate, rate_ratio;
  for (int round = 0; round < contest.rounds; ++round) {
    contest.prepare();
    Cost ours{}, theirs{};
    // Who comes first changes, so that neither always finds the caches as the other left them.
    if (round % 2 == 0) ours = Measure(contest.ours, contest.operations);
    theirs = Measure(contest.theirs, contest.operations);
    if (round % 2 == 1) ours = Measure(contest.ours, contest.operations);
    our_cpu.push_back(ours.cpu_ns);
    their_cpu.push_back(theirs.cpu_ns);
    cpu_ratio.push_back(ours.cpu_ns / theirs.cpu_ns);
    our_rate.push_back(1e3 / ours.wall_ns);
    their_rate.push_back(1e3 / theirs.wall_ns);
    rate_ratio.push_back(theirs.wall_ns / ours.wall_ns);
  }
  const double cpu_ns = Median(our_cpu);
  std::printf("%-40s %8.1f %8.1f %6.2f  %8.2f %8.2f %6.2f  %s", contest.name.c_str(), cpu_ns,
              Median(their_cpu), Median(cpu_ratio), Median(our_rate), Median(their_rate),
              Median(rate_ratio), contest.rival.c_str());
  if (contest.bytes != 0) {
    const auto bytes = static_cast<double>(contest.bytes);
    std::printf("; %.2f against %.2f GB/s", bytes / cpu_ns, bytes / Median(their_cpu));
  }
  std::printf("%s\n", Judge(cpu_ns, contest.goal_ns, "ns").c_str());
  std::fflush(stdout);
}

void Report(const std::string& name, double ours, double theirs, std::string_view unit,
            double goal) {
  std::printf("%-40s %8.1f ", name.c_str(), ours);
  if (theirs >= 0) {
    std::printf("%8.1f %6.2f", theirs, ours / theirs);
  } else {
    std::printf("%8s %6s", "", "");
  }
  std::printf("  %.*s%s\n", static_cast<int>(unit.size()), unit.data(),
              Judge(ours, goal, unit).c_str());
  std::fflush(stdout);
}

void PrintHeading(std::string_view title) {
  std::printf("\n%-40.*s %8s %8s %6s  %8s %8s %6s\n", static_cast<int>(title.size()), title.data(),
              "CPU ns", "theirs", "ratio", "M/s", "theirs", "ratio");
}

void PrintVerdict() { std::printf("\ngoals: %d met, %d missed\n", goals_met, goals_missed); }

void BindToCore(size_t index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  size_t left = index % static_cast<size_t>(CPU_COUNT(&allowed));
  size_t core = 0;
  while (!CPU_ISSET(core, &allowed) || left-- > 0) ++core;
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  CPU_SET(core, &chosen);
  // Where it is refused, the kernel chooses.
  static_cast<void>(sched_setaffinity(0, sizeof(chosen), &chosen));
}

uint64_t ThreadCpuNs() { return ReadClock(CLOCK_THREAD_CPUTIME_ID); }
uint64_t ProcessCpuNs() { return ReadClock(CLOCK_PROCESS_CPUTIME_ID); }
uint64_t WallNs() { return ReadClock(CLOCK_MONOTONIC); }

uint64_t ResidentBytes() {
  malloc_trim(0);
  uint64_t all_pages = 0;
  uint64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t AvailableBytes() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name; meminfo >> name;) {
    uint64_t kib = 0;
    if (name == "MemAvailable:" && meminfo >> kib) return kib * 1024;
    meminfo.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

}  // namespace rp::bench
