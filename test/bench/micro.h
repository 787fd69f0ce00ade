// The harness of the micro-benchmarks: contests between a part of this program and the plain way to
// do the same, held in rounds in turn, so that both meet the same noise of the machine.
//
// CPU time is what goals are measured by: on a machine that others use, too, it is what stays the
// same. Wall time gives the operations per second, which is where threads that wait for each other
// show. Of all rounds the median counts; of the ratios, the median of each round's own.
//
// Owned by main. Thread safety: none, but RunThreads starts threads of its own. Cost: one call of a
// std::function per round.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace rp::bench {

// Makes the compiler believe that `value` is used and that any memory may have changed.
template <typename T>
void Keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

struct Contest {
  std::string name;
  std::string rival;
  uint64_t operations = 0;     // of one round of either
  std::function<void()> ours;  // one round
  std::function<void()> theirs;
  std::function<void()> prepare = [] {};  // before each round, outside the measurement
  int rounds = 7;
  double goal_ns = 0;  // the most CPU time of an operation; 0 is no goal
  uint64_t bytes = 0;  // of one operation, where a rate of bytes means something
};

// Holds the contest and prints its row.
void Hold(const Contest& contest);

// Prints one figure that is no time per operation. `theirs` below 0: there is none.
void Report(const std::string& name, double ours, double theirs, std::string_view unit,
            double goal = 0);

void PrintHeading(std::string_view title);
// How many goals were met and missed so far.
void PrintVerdict();

// Binds the calling thread to the core that comes `index` places behind the first it may use.
void BindToCore(size_t index);

// Runs body(0) to body(threads - 1) at the same time, spread over the cores: left to itself, the
// kernel may run two short-lived threads one after the other, and they never meet.
template <typename Body>
void RunThreads(size_t threads, const Body& body) {
  if (threads == 1) return body(size_t{0});
  std::latch start(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      BindToCore(i);
      start.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : running) thread.join();
}

// CPU time of the calling thread, and of the process.
[[nodiscard]] uint64_t ThreadCpuNs();
[[nodiscard]] uint64_t ProcessCpuNs();
[[nodiscard]] uint64_t WallNs();

// Memory of this process that is in RAM, after what was freed has gone back to the system.
[[nodiscard]] uint64_t ResidentBytes();
// What other programs leave, as the kernel estimates it.
[[nodiscard]] uint64_t AvailableBytes();

// The groups of benchmarks.
void BenchQueue();
void BenchHttp();
void BenchResp();
void BenchCache(uint64_t keys, size_t value_bytes);

}  // namespace rp::bench
