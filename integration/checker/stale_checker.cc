#include "integration/checker/stale_checker.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "integration/checker/events.h"
#include "integration/checker/monotonic_judge.h"
#include "integration/checker/reader.h"
#include "integration/checker/world.h"
#include "integration/harness/http_client.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr int kWriters = 2;
// The first two speak HTTP, the others RESP.
constexpr int kReaders = 4;
constexpr int kHttpReaders = 2;
// The keys of an MGET.
constexpr int kSeveral = 3;
// Writes of one key in a row, so that it is fetched while it is written.
constexpr int kBurst = 3;
constexpr Duration kMaxBetweenWrites = 6ms;
// How long a reader over HTTP waits before it asks for another key on another connection; one of
// them waits for ever, since an answer that comes late must not be an old one.
constexpr Duration kImpatience = 50ms;

constexpr std::array<Duration, 4> kAges = {1ms, 10ms, 100ms, 1000ms};

using Random = std::mt19937;

// Uniform from `from` to `to` times `unit`.
Duration Draw(Random* random, double from, double to, Duration unit) {
  const double factor = std::uniform_real_distribution<double>(from, to)(*random);
  return std::chrono::duration_cast<Duration>(factor * unit);
}

class Checker {
 public:
  explicit Checker(const StaleCheckOptions& options)
      : options_(options),
        world_(options),
        resp_port_(RespPort(world_.proxy)),
        monotonic_(&world_.oracle, options.keys),
        events_(&world_, options) {}

  StaleCheckReport Run();

 private:
  // One connection for each server, as the master changes.
  struct Writer {
    std::string name;
    std::array<RedisClient, 2> clients;
  };

  void Write(int writer);
  void WriteOnce(Writer* writer, int key, StaleOracle::Write write);
  void Read(int reader);
  [[nodiscard]] std::unique_ptr<Reader> Connect(int reader) const;
  [[nodiscard]] std::vector<int> ChooseKeys(int reader, Random* random) const;
  void Judge(const std::string& reader, const Answer& answer, StaleCheckReport* report);
  // The name of the outcome.
  const char* JudgeRead(const Answer& answer, StaleCheckReport* report);
  [[nodiscard]] bool MayBeOfReplica(const Answer& answer) const;
  void LookAtEveryKey();
  void Add(const StaleCheckReport& part);

  const StaleCheckOptions options_;
  World world_;
  const int resp_port_;
  MonotonicJudge monotonic_;
  Events events_;
  std::array<std::atomic<int>, kWriters> hot_ = {};  // the key that each writer is at
  std::atomic<bool> stop_writing_ = false;
  std::atomic<bool> stop_reading_ = false;
  std::atomic<bool> found_ = false;  // a violation
  std::mutex report_mutex_;
  StaleCheckReport report_;
};

StaleCheckReport Checker::Run() {
  std::vector<std::thread> writers;
  std::vector<std::thread> readers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back([this, i] { Write(i); });
  for (int i = 0; i < kReaders; ++i) readers.emplace_back([this, i] { Read(i); });
  events_.Run(Now() + options_.run, [this] {
    return options_.stops_at_first_violation &&
           (found_ || events_.hung() > 0 || events_.backwards() > 0);
  });
  stop_writing_ = true;
  for (std::thread& writer : writers) writer.join();
  std::this_thread::sleep_for(2 * options_.max_stale);
  stop_reading_ = true;
  for (std::thread& reader : readers) reader.join();
  report_.bound = world_.bound;
  report_.events = events_.counts();
  report_.left_out = events_.left_out();
  report_.hung = events_.hung();
  report_.backwards += events_.backwards();
  LookAtEveryKey();
  return report_;
}

// Goes round its own share of the keys, and so slowly that each is left alone for longer than the
// bound: what is old in the cache then shows.
void Checker::Write(int writer) {
  Writer own{"writer-" + std::to_string(writer),
             {RedisClient(world_.servers.address(0)), RedisClient(world_.servers.address(1))}};
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
        WriteOnce(&own, key, deletes ? StaleOracle::Write::kDelete : StaleOracle::Write::kSet);
        ++mine.writes;
        std::this_thread::sleep_for(Draw(&random, 0, 1, kMaxBetweenWrites));
      }
      std::this_thread::sleep_for(Draw(&random, 0.5, 1.5, pause));
    }
  }
  Add(mine);
}

void Checker::WriteOnce(Writer* writer, int key, StaleOracle::Write write) {
  const ServerPair::Gate gate = world_.servers.WriteGate();
  RedisClient* const client = &writer->clients[gate.master];
  const bool deletes = write == StaleOracle::Write::kDelete;
  const TimePoint sent = Now();
  const uint64_t stamp = world_.oracle.BeginWrite(key, write, sent);
  const std::string reply = deletes ? client->Command({"DEL", KeyName(key)})
                                    : client->Command({"SET", KeyName(key), ValueOf(key, stamp)});
  const TimePoint done = Now();
  world_.oracle.EndWrite(key, !reply.starts_with('-'), done);
  if (!world_.history.is_open()) return;
  world_.history.Add({.op = deletes ? "delete" : "set",
                      .key = KeyName(key),
                      .stamp = stamp,
                      .start = sent,
                      .end = done,
                      .client = writer->name,
                      .protocol = "redis",
                      .outcome = reply.starts_with('-') ? "unknown" : "ok"});
}

void Checker::Read(int reader) {
  const std::string name = "reader-" + std::to_string(reader);
  Random random(options_.seed * 100 + 50 + static_cast<unsigned>(reader));
  StaleCheckReport mine;
  std::vector<Answer> answers;
  while (!stop_reading_) {
    const std::unique_ptr<Reader> client = Connect(reader);
    bool usable = client != nullptr;
    while (usable && !stop_reading_) {
      answers.clear();
      usable = client->Read(ChooseKeys(reader, &random), &answers);
      for (const Answer& answer : answers) Judge(name, answer, &mine);
    }
    if (!usable) std::this_thread::sleep_for(1ms);
  }
  Add(mine);
}

std::unique_ptr<Reader> Checker::Connect(int reader) const {
  if (reader >= kHttpReaders) return NewRespReader(resp_port_);
  return NewHttpReader(world_.proxy.port(), reader == 0 ? Duration(20s) : kImpatience);
}

std::vector<int> Checker::ChooseKeys(int reader, Random* random) const {
  const bool several = reader >= kHttpReaders && (*random)() % 2 == 0;
  std::vector<int> keys(several ? kSeveral : 1);
  for (int& key : keys) {
    key = (*random)() % 2 == 0
              ? hot_[(*random)() % kWriters].load()
              : static_cast<int>((*random)() % static_cast<unsigned>(options_.keys));
  }
  return keys;
}

// What a bypass brings is marked if the proxy knows that it is of no master; while it does not know
// yet, it is marked as of no lease.
bool Checker::MayBeOfReplica(const Answer& answer) const {
  if (answer.cache.find("detail=not-primary") != std::string::npos) return true;
  const bool untold = answer.cache.empty() || answer.cache.starts_with("fwd=bypass");
  return untold && world_.takeovers.LedToReplica(answer.asked, answer.answered);
}

void Checker::Judge(const std::string& reader, const Answer& answer, StaleCheckReport* report) {
  const char* const outcome = JudgeRead(answer, report);
  if (report->Violations() > 0) found_ = true;
  if (!world_.history.is_open()) return;
  world_.history.Add({.op = "read",
                      .key = KeyName(answer.key),
                      .stamp = answer.stamp,
                      .start = answer.asked,
                      .end = answer.answered,
                      .client = reader,
                      .protocol = answer.protocol,
                      .outcome = outcome,
                      .cache = answer.cache});
}

const char* Checker::JudgeRead(const Answer& answer, StaleCheckReport* report) {
  if (answer.outcome == Answer::Outcome::kFailed) {
    ++report->failures;
    return "failed";
  }
  const bool is_value = answer.outcome == Answer::Outcome::kValue;
  const char* const outcome = is_value ? "value" : "absent";
  const std::optional<TimePoint> ended =
      is_value ? world_.oracle.ValueEnded(answer.key, answer.stamp)
               : world_.oracle.AbsenceEnded(answer.key, answer.answered);
  if (!ended) {
    ++report->reads;
    ++report->alien;
    return "alien";
  }
  if (MayBeOfReplica(answer)) {
    ++report->unjudged;
    return outcome;
  }
  ++report->reads;
  if (answer.IsHit()) ++report->hits;
  if (monotonic_.IsBackwards(answer.key, answer.stamp, answer.asked, answer.answered)) {
    ++report->backwards;
  }
  if (*ended >= answer.asked) return outcome;
  if (world_.takeovers.MoveExcuses(*ended, answer.asked)) {
    ++report->after_move;
    return outcome;
  }
  const Duration age = answer.asked - *ended;
  ++report->stale;
  ++report->by_age[static_cast<size_t>(std::upper_bound(kAges.begin(), kAges.end(), age) -
                                       kAges.begin())];
  report->oldest = std::max(report->oldest, age);
  if (age > world_.bound) ++report->over_bound;
  return outcome;
}

void Checker::LookAtEveryKey() {
  HttpClient client(world_.proxy.port());
  Duration patience = 10s;  // for all keys: none after the first that is wrong
  for (int key = 0; key < options_.keys; ++key) {
    const std::string name = KeyName(key);
    const std::string truth = world_.servers.master().Command({"GET", name});
    HttpResponse response;
    const bool answered = Eventually(
        [&] {
          response = client.Get(name);
          return response.status == 200 || response.status == 404;
        },
        patience);
    const std::string answer = response.status == 404 ? "(nil)" : response.body;
    const bool is_right = answered && answer == truth;
    const bool is_cached = Eventually([&] { return client.Get(name).IsHit(); }, patience);
    if (!is_right) ++report_.stale_after_quiet;
    if (!is_cached) ++report_.uncached_after_quiet;
    if (!is_right || !is_cached) patience = 0ms;
  }
}

void Checker::Add(const StaleCheckReport& part) {
  const std::lock_guard<std::mutex> lock(report_mutex_);
  report_.Add(part);
}

}  // namespace

StaleCheckReport CheckForStaleReads(const StaleCheckOptions& options) {
  return Checker(options).Run();
}

}  // namespace rp::integration
