// Micro-benchmarks of the parts that every request goes through, each in a contest with the plain
// way to do the same: the queue against a mutex and a std::deque, the parsers against ones that cut
// std::strings, the cache against std::unordered_map, std::list and one mutex.
//
// A ratio of CPU time below 1 and one of operations per second above 1 say that this program's part
// wins. Goals are the figures that the design promises.
//
// Usage: micro [PATTERN]; runs the groups whose name contains PATTERN, by default all of them,
// which takes about three minutes. The group with ten million keys takes about 4.5 GB; it is left
// out where less is free, or where MICRO_MEMORY_MB in the environment allows less.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "test/bench/micro.h"

namespace {

using namespace rp::bench;  // NOLINT: this is the harness's main

constexpr uint64_t kMega = uint64_t{1} << 20;

struct Group {
  const char* name;
  uint64_t needed_mega;
  void (*run)();
};

constexpr Group kGroups[] = {
    {"queue", 0, BenchQueue},
    {"http", 0, BenchHttp},
    {"resp", 0, BenchResp},
    {"cache-1k", 0, [] { BenchCache(1'000, 100); }},
    {"cache-1m", 1024, [] { BenchCache(1'000'000, 100); }},
    {"cache-10m", 5120, [] { BenchCache(10'000'000, 20); }},
};

// A thread that does nothing. While a process has only one, glibc locks mutexes and counts
// references without atomic instructions, which no server gets to enjoy.
class IdleThread {
 public:
  ~IdleThread() {
    ended_ = true;
    ended_.notify_one();
    thread_.join();
  }

 private:
  std::atomic<bool> ended_ = false;
  std::thread thread_{[this] { ended_.wait(false); }};
};

uint64_t MegaToUse() {
  const char* most = std::getenv("MICRO_MEMORY_MB");
  const uint64_t available = AvailableBytes() / kMega;
  return most == nullptr ? available
                         : std::min<uint64_t>(available, std::strtoull(most, nullptr, 10));
}

}  // namespace

int main(int argc, char** argv) {
  const char* pattern = argc > 1 ? argv[1] : "";
  const IdleThread idle_thread;
  bool found = false;
  for (const Group& group : kGroups) {
    if (std::strstr(group.name, pattern) == nullptr) continue;
    found = true;
    if (MegaToUse() < group.needed_mega) {
      std::printf("\n%s: left out, for it wants %llu MB of memory to be free\n", group.name,
                  static_cast<unsigned long long>(group.needed_mega));
      continue;
    }
    group.run();
  }
  if (!found) {
    std::fprintf(stderr, "micro: no group's name contains '%s'; there are:", pattern);
    for (const Group& group : kGroups) std::fprintf(stderr, " %s", group.name);
    std::fputc('\n', stderr);
    return 2;
  }
  PrintVerdict();
}
