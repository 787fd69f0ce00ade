#include <cstdio>
#include <optional>

#include "test/bench/micro.h"
#include "test/bench/micro_caches.h"

namespace rp::bench {
namespace {

// The goals of the design, in CPU time of one operation with its clock and its hash, and in memory.
struct Goals {
  double hit_ns;
  double miss_ns;
};
constexpr Goals GoalsFor(uint64_t keys) {
  if (keys <= 1'000) return {80, 500};
  if (keys <= 1'000'000) return {400, 1500};
  return {700, 0};
}
constexpr double kMaxOverheadBytes = 120;
constexpr double kMaxOperationUs = 1000;

constexpr uint64_t kBlock = 1 << 16;  // keys that are made at once while something is filled

// Calls `body` with each of the keys numbered from `first` on, in order.
template <typename Body>
void ForKeys(uint64_t first, uint64_t count, const Body& body) {
  for (uint64_t done = 0; done < count; done += kBlock) {
    for (const Key& key : KeysInOrder(first + done, std::min(kBlock, count - done))) body(key);
  }
}

// What each store of a fill took, with the reading of the clock: about 200 ns too much.
struct FillTimes {
  // Written to at once, or its pages would count as memory of the cache.
  explicit FillTimes(uint64_t keys) : cpu_ns(keys, 1) {}

  std::vector<uint32_t> cpu_ns;
  uint64_t longest_wall_ns = 0;
};

template <typename AnyCache>
void TimedFill(AnyCache* cache, uint64_t keys, std::string_view value, FillTimes* times) {
  uint32_t* cpu_ns = times->cpu_ns.data();
  for (uint64_t done = 0; done < keys; done += kBlock) {
    const std::vector<Key> block = KeysInOrder(done, std::min(kBlock, keys - done));
    uint64_t cpu = ThreadCpuNs();
    uint64_t wall = WallNs();
    for (const Key& key : block) {
      cache->Miss(key, value);
      const uint64_t wall_end = WallNs();
      const uint64_t cpu_end = ThreadCpuNs();
      *cpu_ns++ = static_cast<uint32_t>(std::min<uint64_t>(cpu_end - cpu, UINT32_MAX));
      times->longest_wall_ns = std::max(times->longest_wall_ns, wall_end - wall);
      cpu = cpu_end;
      wall = wall_end;
    }
  }
}

// The nth longest, from 0, in microseconds.
double LongestUs(std::vector<uint32_t> times, size_t nth) {
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(nth), times.end(),
                   std::greater<>());
  return times[nth] / 1e3;
}

// Both caches, full of the same keys, and the contests between them.
class CacheBench {
 public:
  CacheBench(uint64_t keys, size_t value_bytes)
      : keys_(keys),
        value_(value_bytes, 'v'),
        name_(keys >= 1'000'000 ? std::to_string(keys / 1'000'000) + "M keys"
                                : std::to_string(keys / 1'000) + "k keys") {}

  void Run() {
    PrintHeading("cache, " + name_ + ", values of " + std::to_string(value_.size()) + " bytes");
    const uint64_t count = std::clamp<uint64_t>(keys_ * 64, 1, 400'000);
    if (keys_ > 1'000'000) {
      FillTwice();
    } else {
      Refill();
    }
    const Goals goals = GoalsFor(keys_);
    HoldHits("hit, uniform", UniformKeys, count, 1, goals.hit_ns);
    HoldHits("hit, Zipf", ZipfKeys, count, 1, goals.hit_ns);
    for (size_t threads = 2; threads <= most_threads_; threads *= 2) {
      HoldHits("hit, Zipf, " + std::to_string(threads) + " threads", ZipfKeys, count, threads, 0);
    }
    HoldMisses("miss + evict", count, 1, goals.miss_ns);
    HoldSweeps();
    // Last, since threads leave the two with different keys.
    if (keys_ > 1'000'000) return;
    Refill(false);
    for (size_t threads = 2; threads <= most_threads_; threads *= 2) {
      HoldMisses("miss + evict, " + std::to_string(threads) + " threads", count, threads, 0);
    }
  }

 private:
  using MakeKeys = std::vector<Key>(uint64_t, size_t, std::mt19937_64*);

  // Both new, with every key in its place, and what that took of memory.
  void Refill(bool is_reported = true) {
    ours_.reset();
    theirs_.reset();
    const uint64_t before = is_reported ? ResidentBytes() : 0;
    ours_.emplace(keys_);
    ForKeys(0, keys_, [&](const Key& key) { ours_->Miss(key, value_); });
    const uint64_t between = is_reported ? ResidentBytes() : 0;
    theirs_.emplace(keys_);
    ForKeys(0, keys_, [&](const Key& key) { theirs_->Miss(key, value_); });
    next_key_ = keys_;
    // With fewer keys the memory is less than what any program takes besides.
    if (is_reported && keys_ >= 1'000'000) {
      ReportMemory(between - before, ResidentBytes() - between);
    }
  }

  // The same, with every single store timed, ours in two fills. Table and heap grow in the same
  // stores of both, while what the machine does in between seldom hits the same store twice: so the
  // lesser of a store's two times is what the store itself took.
  void FillTwice() {
    FillTimes first(keys_), second(keys_), rival(keys_);
    ours_.emplace(keys_);
    TimedFill(&*ours_, keys_, value_, &first);
    ours_.reset();
    const uint64_t before = ResidentBytes();
    ours_.emplace(keys_);
    TimedFill(&*ours_, keys_, value_, &second);
    const uint64_t between = ResidentBytes();
    theirs_.emplace(keys_);
    TimedFill(&*theirs_, keys_, value_, &rival);
    next_key_ = keys_;
    ReportMemory(between - before, ResidentBytes() - between);
    const size_t nth = keys_ / 1'000'000;
    Report("longest store of a fill, wall", static_cast<double>(first.longest_wall_ns) / 1e3,
           static_cast<double>(rival.longest_wall_ns) / 1e3, "us");
    Report("longest store of a fill, CPU", LongestUs(first.cpu_ns, 0), LongestUs(rival.cpu_ns, 0),
           "us");
    Report("  p99.9999", LongestUs(first.cpu_ns, nth), LongestUs(rival.cpu_ns, nth), "us");
    for (size_t i = 0; i < keys_; ++i) {
      first.cpu_ns[i] = std::min(first.cpu_ns[i], second.cpu_ns[i]);
    }
    Report("  longest, the lesser of two fills", LongestUs(first.cpu_ns, 0), -1, "us",
           kMaxOperationUs);
    Report("  p99.9999, the lesser of two fills", LongestUs(first.cpu_ns, nth), -1, "us");
  }

  void ReportMemory(uint64_t our_bytes, uint64_t their_bytes) {
    uint64_t payload = keys_ * value_.size();
    ForKeys(0, keys_, [&](const Key& key) { payload += key.size; });
    const auto overhead = [&](uint64_t bytes) {
      return (static_cast<double>(bytes) - static_cast<double>(payload)) /
             static_cast<double>(keys_);
    };
    Report("bytes over key and value", overhead(our_bytes), overhead(their_bytes), "bytes",
           kMaxOverheadBytes);
  }

  void HoldHits(const std::string& name, MakeKeys* make, uint64_t count, size_t threads,
                double goal_ns) {
    // Small caches are asked for every key several times, so that a round takes long enough.
    const size_t passes = count < 100'000 ? 16 : 1;
    std::vector<Key> order;
    const auto ask = [&](auto* cache) {
      RunThreads(threads, [&](size_t thread) {
        size_t sum = 0;
        const size_t share = order.size() / threads;
        for (size_t pass = 0; pass < passes; ++pass) {
          for (size_t i = thread * share; i < (thread + 1) * share; ++i) {
            const size_t bytes = cache->Get(order[i]);
            RP_CHECK(bytes != 0);
            sum += bytes;
          }
        }
        Keep(sum);
      });
    };
    // New keys in every round: the same ones again would lie in the list as they are asked for.
    Hold({.name = name,
          .rival = "map, list and mutex",
          .operations = count / threads * threads * passes,
          .ours = [&] { ask(&*ours_); },
          .theirs = [&] { ask(&*theirs_); },
          .prepare = [&] { order = make(keys_, count, &random_); },
          .goal_ns = goal_ns});
  }

  // Keys that were never seen, each of which takes the place of the least recently used one.
  void HoldMisses(const std::string& name, uint64_t count, size_t threads, double goal_ns) {
    std::vector<Key> order;
    const auto miss = [&](auto* cache) {
      RunThreads(threads, [&](size_t thread) {
        for (size_t i = thread; i < order.size(); i += threads) cache->Miss(order[i], value_);
      });
    };
    Hold({.name = name,
          .rival = "map, list and mutex",
          .operations = count,
          .ours = [&] { miss(&*ours_); },
          .theirs = [&] { miss(&*theirs_); },
          .prepare =
              [&] {
                order = KeysInOrder(next_key_, count);
                next_key_ += count;
              },
          .goal_ns = goal_ns});
    RP_CHECK(ours_->entries() == keys_ && theirs_->entries() == keys_);
  }

  // All keys are used once more, twenty minutes later and in another order than they are in the
  // heap.
  void UseAll() {
    const TimePoint start = Now() + std::chrono::minutes(20);
    uint64_t used = 0;
    ForKeys(0, next_key_, [&](const Key& key) {
      ++used;
      ours_->GetAt(key, start + Duration(used));
      theirs_->GetAt(key, start + Duration(used));
    });
  }

  // An hour after it was filled half of the keys have ended, for they had a time to live of their
  // own, and the other half have been used since. Two hours later these have ended, too.
  void HoldSweeps() {
    const int rounds = keys_ <= 1'000 ? 31 : 1;
    const auto sweep = [&](std::chrono::minutes after) {
      return [after](auto* cache) { cache->Sweep(Now() + after); };
    };
    const auto first = sweep(std::chrono::minutes(61));
    const auto second = sweep(std::chrono::minutes(180));
    uint64_t left = 0;
    const auto make = [&] {
      if (rounds > 1) Refill(false);
      UseAll();
    };
    Hold({.name = "sweep, half of it ended, half used",
          .rival = "map, list and mutex",
          .operations = keys_,
          .ours = [&] { first(&*ours_); },
          .theirs = [&] { first(&*theirs_); },
          .prepare = make,
          .rounds = rounds});
    left = ours_->entries();
    RP_CHECK(left > 0 && left == theirs_->entries());
    Hold({.name = "sweep, all of it ended",
          .rival = "map, list and mutex",
          .operations = left,
          .ours = [&] { second(&*ours_); },
          .theirs = [&] { second(&*theirs_); },
          .prepare =
              [&] {
                if (rounds == 1) return;
                make();
                first(&*ours_);
                first(&*theirs_);
              },
          .rounds = rounds});
    RP_CHECK(ours_->entries() == 0 && theirs_->entries() == 0);
  }

  const uint64_t keys_;
  const size_t most_threads_ = keys_ > 1'000'000 ? 2 : 8;
  const std::string value_;
  const std::string name_;
  std::optional<OurCache> ours_;
  std::optional<NaiveCache> theirs_;
  uint64_t next_key_ = 0;  // was never in the caches
  std::mt19937_64 random_{1};
};

}  // namespace

void BenchCache(uint64_t keys, size_t value_bytes) {
  const auto bench = std::make_unique<CacheBench>(keys, value_bytes);
  bench->Run();
}

}  // namespace rp::bench
