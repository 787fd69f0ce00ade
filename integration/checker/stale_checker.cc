#include "integration/checker/stale_checker.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include "base/parse.h"
#include "integration/checker/stale_oracle.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"

namespace rp::integration {
namespace {

constexpr int kWriters = 2;
constexpr int kReaders = 3;
// Writes of one key in a row, so that it is fetched while it is written.
constexpr int kBurst = 3;
constexpr Duration kMaxBetweenWrites = 6ms;
constexpr Duration kMaxRelayDelay = 12ms;
constexpr Duration kSlack = 50ms;
// How long a reader waits before it asks for another key on another connection; one of them waits
// for ever, since an answer that comes late must not be an old one.
constexpr Duration kImpatience = 50ms;

constexpr std::array<Duration, 4> kAges = {1ms, 10ms, 100ms, 1000ms};

using Random = std::mt19937;

// Uniform from `from` to `to` times `unit`.
Duration Draw(Random* random, double from, double to, Duration unit) {
  const double factor = std::uniform_real_distribution<double>(from, to)(*random);
  return std::chrono::duration_cast<Duration>(factor * unit);
}

std::string KeyName(int key) { return "key" + std::to_string(key); }
std::string ValueOf(int key, uint64_t stamp) { return KeyName(key) + ":" + std::to_string(stamp); }

// The stamp in a value of `key`; 0, which no value has, where it is not one.
uint64_t StampOf(int key, const std::string& value) {
  const std::string start = KeyName(key) + ":";
  if (!value.starts_with(start)) return 0;
  uint64_t stamp = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data() + start.size(), end, stamp);
  return parsed.ec == std::errc() && parsed.ptr == end ? stamp : 0;
}

class Checker {
 public:
  explicit Checker(const StaleCheckOptions& options)
      : options_(options),
        random_(options.seed),
        oracle_(options.keys),
        relay_(redis_.port(), kMaxRelayDelay, options.seed),
        proxy_({"-redis", relay_.address(), "-coherent", "-max-stale",
                FormatDuration(options.max_stale), "-expire", "0", "-timeout",
                FormatDuration(options.max_stale * 3 / 2)}) {
    report_.bound = options.max_stale + Patience(kSlack);
  }

  StaleCheckReport Run();

 private:
  void Write(int writer);
  void WriteOnce(RedisClient* client, int key, StaleOracle::Write write);
  void Read(int reader);
  void Judge(int key, const HttpResponse& response, TimePoint asked, TimePoint answered,
             StaleCheckReport* report);
  void BreakThings(TimePoint until);
  void Restart();
  void LookAtEveryKey();
  void Add(const StaleCheckReport& part);

  const StaleCheckOptions options_;
  Random random_;
  StaleOracle oracle_;
  RedisServer redis_;
  Relay relay_;
  Proxy proxy_;
  std::array<std::atomic<int>, kWriters> hot_ = {};  // the key that each writer is at
  std::atomic<bool> stop_writing_ = false;
  std::atomic<bool> stop_reading_ = false;
  std::mutex report_mutex_;
  StaleCheckReport report_;
};

StaleCheckReport Checker::Run() {
  std::vector<std::thread> writers;
  std::vector<std::thread> readers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back([this, i] { Write(i); });
  for (int i = 0; i < kReaders; ++i) readers.emplace_back([this, i] { Read(i); });
  BreakThings(Now() + options_.run);
  stop_writing_ = true;
  for (std::thread& writer : writers) writer.join();
  std::this_thread::sleep_for(2 * options_.max_stale);
  stop_reading_ = true;
  for (std::thread& reader : readers) reader.join();
  LookAtEveryKey();
  return report_;
}

// Goes round its own share of the keys, and so slowly that each is left alone for longer than the
// bound: what is old in the cache then shows.
void Checker::Write(int writer) {
  RedisClient client(redis_.address());
  Random random(options_.seed * 100 + static_cast<unsigned>(writer));
  std::vector<int> keys;
  for (int key = writer; key < options_.keys; key += kWriters) keys.push_back(key);
  const Duration pause = 3 * options_.max_stale / 2 / std::max<size_t>(keys.size(), 1);
  StaleCheckReport mine;
  while (!stop_writing_) {
    std::shuffle(keys.begin(), keys.end(), random);
    for (const int key : keys) {
      if (stop_writing_) break;
      hot_[static_cast<size_t>(writer)] = key;
      for (int i = 0; i < kBurst; ++i) {
        const bool deletes = random() % 8 == 0;
        WriteOnce(&client, key, deletes ? StaleOracle::Write::kDelete : StaleOracle::Write::kSet);
        ++mine.writes;
        std::this_thread::sleep_for(Draw(&random, 0, 1, kMaxBetweenWrites));
      }
      std::this_thread::sleep_for(Draw(&random, 0.5, 1.5, pause));
    }
  }
  Add(mine);
}

void Checker::WriteOnce(RedisClient* client, int key, StaleOracle::Write write) {
  const uint64_t stamp = oracle_.BeginWrite(key, write, Now());
  const std::string reply = write == StaleOracle::Write::kDelete
                                ? client->Command({"DEL", KeyName(key)})
                                : client->Command({"SET", KeyName(key), ValueOf(key, stamp)});
  oracle_.EndWrite(key, !reply.starts_with('-'), Now());
}

void Checker::Read(int reader) {
  Random random(options_.seed * 100 + 50 + static_cast<unsigned>(reader));
  StaleCheckReport mine;
  while (!stop_reading_) {
    HttpClient client(proxy_.port());
    if (reader > 0) client.set_limit(kImpatience);
    bool usable = client.connected();
    while (usable && !stop_reading_) {
      const int key = random() % 2 == 0
                          ? hot_[random() % kWriters].load()
                          : static_cast<int>(random() % static_cast<unsigned>(options_.keys));
      const TimePoint asked = Now();
      const HttpResponse response = client.Get(KeyName(key));
      Judge(key, response, asked, Now(), &mine);
      usable = response.status != 0;
    }
    if (!usable) std::this_thread::sleep_for(1ms);
  }
  Add(mine);
}

void Checker::Judge(int key, const HttpResponse& response, TimePoint asked, TimePoint answered,
                    StaleCheckReport* report) {
  std::optional<TimePoint> ended;
  if (response.status == 200) {
    ended = oracle_.ValueEnded(key, StampOf(key, response.body));
  } else if (response.status == 404) {
    ended = oracle_.AbsenceEnded(key, answered);
  } else {
    ++report->failures;
    return;
  }
  ++report->reads;
  if (response.IsHit()) ++report->hits;
  if (!ended) ++report->alien;
  if (!ended || *ended >= asked) return;
  const Duration age = asked - *ended;
  ++report->stale;
  ++report->by_age[static_cast<size_t>(std::upper_bound(kAges.begin(), kAges.end(), age) -
                                       kAges.begin())];
  report->oldest = std::max(report->oldest, age);
  // The bound is set before the threads start and not changed.
  if (age > report_.bound) ++report->over_bound;
}

void Checker::BreakThings(TimePoint until) {
  const auto wait = [&](double from, double to) {
    std::this_thread::sleep_for(Draw(&random_, from, to, options_.max_stale));
  };
  // Shorter than the lease and longer.
  const auto hold = [&] { wait(0.5, 3); };
  // And so much longer that what is cached without a lease grows too old.
  const auto hold_long = [&] { wait(2, 6); };
  const std::vector<std::pair<std::string, std::function<void()>>> events = {
      {"subscriber killed",
       [&] {
         redis_.Command({"CLIENT", "KILL", "TYPE", "pubsub"});
       }},
      {"data connections killed",
       [&] {
         redis_.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
       }},
      {"all connections cut", [&] { relay_.DropAll(); }},
      {"all connections half-open",
       [&] {
         relay_.Freeze();
         hold();
         relay_.Thaw();
       }},
      {"subscriber half-open",
       [&] {
         relay_.FreezeSubscribers();
         hold_long();
         relay_.Thaw();
       }},
      {"Redis stopped",
       [&] {
         redis_.Freeze();
         hold();
         redis_.Thaw();
       }},
      {"Redis restarted", [&] { Restart(); }},
      {"Redis restarted unseen",
       [&] {
         relay_.Freeze();
         wait(0, 0.5);
         Restart();
         hold();
         relay_.Thaw();
       }},
      {"flushed",
       [&] {
         oracle_.BeginWipe(Now());
         const bool flushed = redis_.Command({"FLUSHALL"}) == "OK";
         oracle_.EndWipe(flushed, Now());
       }},
  };
  std::vector<size_t> order(events.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  while (Now() < until) {
    std::shuffle(order.begin(), order.end(), random_);
    for (const size_t i : order) {
      if (Now() >= until) break;
      // Mostly one thing upon the other; but what is cached in error shows only if it may grow old,
      // and whatever breaks empties the cache.
      random_() % 3 == 0 ? wait(2, 5) : wait(0, 1);
      events[i].second();
      ++report_.events[events[i].first];
    }
  }
}

void Checker::Restart() {
  oracle_.BeginWipe(Now());
  redis_.Kill();
  oracle_.EndWipe(true, Now());
  redis_.Restart();
}

void Checker::LookAtEveryKey() {
  HttpClient client(proxy_.port());
  for (int key = 0; key < options_.keys; ++key) {
    const std::string name = KeyName(key);
    const std::string truth = redis_.Command({"GET", name});
    HttpResponse response;
    const bool answered = Eventually([&] {
      response = client.Get(name);
      return response.status == 200 || response.status == 404;
    });
    const std::string answer = response.status == 404 ? "(nil)" : response.body;
    if (!answered || answer != truth) ++report_.stale_after_quiet;
    if (!Eventually([&] { return client.Get(name).IsHit(); })) ++report_.uncached_after_quiet;
  }
}

void Checker::Add(const StaleCheckReport& part) {
  const std::lock_guard<std::mutex> lock(report_mutex_);
  report_.reads += part.reads;
  report_.hits += part.hits;
  report_.failures += part.failures;
  report_.writes += part.writes;
  report_.stale += part.stale;
  for (size_t i = 0; i < part.by_age.size(); ++i) report_.by_age[i] += part.by_age[i];
  report_.oldest = std::max(report_.oldest, part.oldest);
  report_.over_bound += part.over_bound;
  report_.alien += part.alien;
}

std::string Line(const char* format, auto... values) {
  char line[256];
  std::snprintf(line, sizeof(line), format, values...);
  return line;
}

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

bool StaleCheckReport::Kept() const {
  return hits > 0 && over_bound == 0 && alien == 0 && stale_after_quiet == 0 &&
         uncached_after_quiet == 0;
}

std::string StaleCheckReport::Text() const {
  std::string text =
      Line("reads              %ju, of these %ju hits; %ju more failed\n", reads, hits, failures) +
      Line("writes             %ju\n", writes) +
      Line("stale reads        %ju, %s%.0f ms; the oldest by %.1f ms\n", stale,
           over_bound == 0 ? "all within the bound of " : "some beyond the bound of ",
           Milliseconds(bound), Milliseconds(oldest)) +
      Line("  below 1 ms       %ju\n", by_age[0]) + Line("  1 to 10 ms       %ju\n", by_age[1]) +
      Line("  10 to 100 ms     %ju\n", by_age[2]) + Line("  100 to 1000 ms   %ju\n", by_age[3]) +
      Line("  above            %ju\n", by_age[4]) + Line("beyond the bound   %ju\n", over_bound) +
      Line("never written      %ju\n", alien) +
      Line("stale after quiet  %d keys\n", stale_after_quiet) +
      Line("not cached then    %d keys\n", uncached_after_quiet) + "what happened      ";
  const char* separator = "";
  for (const auto& [name, count] : events) {
    text += Line("%s%s %d", separator, name.c_str(), count);
    separator = ", ";
  }
  return text + "\n";
}

StaleCheckReport CheckForStaleReads(const StaleCheckOptions& options) {
  return Checker(options).Run();
}

}  // namespace rp::integration
