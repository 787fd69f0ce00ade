// Values change while clients of both protocols read them: every answer is a whole value of its own
// key, and with -coherent never older than one that somebody had before it was asked for.
//
// Why the latter holds: for each key at most one fetch is under way whose answer may be stored, and
// a report of a write takes both that fetch and what is stored out of use. So an old value can be
// served only as long as nobody has been given a newer one. It would not hold while reports are not
// heard and requests are answered around the cache, hence the long -max-stale. Requests that are
// under way at the same time may be answered either way round.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr int kKeys = 40;
constexpr int kBatch = 12;  // keys of a pipeline or an MGET, all different
constexpr int kReadersOfEachKind = 2;
constexpr Duration kRunTime = 1s;

std::string KeyName(int key) { return "key:" + std::to_string(key); }

// Names its key and its version, and is of many sizes; a piece of another would show.
std::string ValueOf(int key, int version) {
  const std::string name = KeyName(key) + "@" + std::to_string(version) + ";";
  const auto size = static_cast<size_t>((version * 7919 + key * 104729) % 5000);
  std::string value = name;
  while (value.size() < size) value += name;
  return value;
}

// The version in a value of `key`; -1 if it is no value of that key.
int VersionIn(int key, std::string_view value) {
  const std::string name = KeyName(key) + "@";
  if (!value.starts_with(name)) return -1;
  const int version = std::atoi(std::string(value.substr(name.size(), 10)).c_str());
  return value == ValueOf(key, version) ? version : -1;
}

// What all threads know of the versions.
class Versions {
 public:
  explicit Versions(bool ordered) : ordered_(ordered) {}

  // Before a write of this version is sent.
  void OnWrite(int key, int version) { At(written_, key) = version; }
  [[nodiscard]] int written(int key) const { return written_[static_cast<size_t>(key)]; }
  // The least version that a request which begins now may be answered with.
  [[nodiscard]] int Least(int key) const {
    return ordered_ ? seen_[static_cast<size_t>(key)].load() : 0;
  }
  void OnAnswer(int key, int least, std::string_view value) {
    const int version = VersionIn(key, value);
    if (version < least || version > written(key)) {
      failed_ = true;
      ADD_FAILURE() << KeyName(key) << ": expected version " << least << " to " << written(key)
                    << ", got " << version << ": " << value.substr(0, 100);
    }
    std::atomic<int>& seen = At(seen_, key);
    int before = seen;
    while (before < version && !seen.compare_exchange_weak(before, version)) {
    }
    ++answers_;
  }
  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  using PerKey = std::array<std::atomic<int>, kKeys>;
  static std::atomic<int>& At(PerKey& values, int key) { return values[static_cast<size_t>(key)]; }

  const bool ordered_;
  PerKey written_{};
  PerKey seen_{};
  std::atomic<int> answers_{0};
  std::atomic<bool> failed_{false};
};

// Distinct keys, with the least versions at this moment.
struct Batch {
  Batch(const Versions& versions, std::mt19937* random) {
    int key = static_cast<int>((*random)() % kKeys);
    for (int i = 0; i < kBatch; ++i) {
      keys.push_back(key);
      least.push_back(versions.Least(key));
      key = (key + 7) % kKeys;  // 7 and kKeys have no common factor
    }
  }
  std::vector<int> keys;
  std::vector<int> least;
};

// The next bulk string; "" if something else comes.
std::string ReadBulk(RespClient* client) {
  const std::string header = client->ReadThrough("\r\n");
  if (!header.starts_with('$')) return "";
  const auto size = static_cast<size_t>(std::atoi(header.c_str() + 1));
  const std::string value = client->Read(size + 2);
  return value.substr(0, size);
}

void CheckOverResp(RespClient* client, const Batch& batch, Versions* versions) {
  for (size_t i = 0; i < batch.keys.size(); ++i) {
    versions->OnAnswer(batch.keys[i], batch.least[i], ReadBulk(client));
  }
}

// One round of a reader: one batch, asked for in this reader's way.
using Round = void (*)(RespClient* resp, HttpClient* http, const Batch& batch, Versions* versions);

void ReadOneByOne(RespClient* resp, HttpClient* http, const Batch& batch, Versions* versions) {
  for (size_t i = 0; i < batch.keys.size(); ++i) {
    const int key = batch.keys[i];
    const int least = versions->Least(key);
    if (i % 2 == 0) {
      versions->OnAnswer(key, least, http->Get(KeyName(key)).body);
    } else {
      resp->Send(RespCommand({"GET", KeyName(key)}));
      versions->OnAnswer(key, least, ReadBulk(resp));
    }
  }
}

void ReadPipelined(RespClient* resp, HttpClient* http, const Batch& batch, Versions* versions) {
  std::string commands;
  for (const int key : batch.keys) commands += RespCommand({"GET", KeyName(key)});
  resp->Send(commands);
  CheckOverResp(resp, batch, versions);

  std::string requests;
  for (const int key : batch.keys) requests += GetRequest(KeyName(key));
  http->Send(requests);
  for (size_t i = 0; i < batch.keys.size(); ++i) {
    versions->OnAnswer(batch.keys[i], batch.least[i], http->Read().body);
  }
}

void ReadTogether(RespClient* resp, HttpClient*, const Batch& batch, Versions* versions) {
  std::vector<std::string> command = {"MGET"};
  for (const int key : batch.keys) command.push_back(KeyName(key));
  resp->Send(RespCommand(command));
  ASSERT_EQ(resp->ReadThrough("\r\n"), "*" + std::to_string(kBatch) + "\r\n");
  CheckOverResp(resp, batch, versions);
}

void ReadUntil(const std::atomic<bool>& stop, const Proxy& proxy, Round round, unsigned seed,
               Versions* versions) {
  RespClient resp(RespPort(proxy));
  HttpClient http(proxy.port());
  std::mt19937 random(seed);
  while (!stop && !versions->failed()) {
    round(&resp, &http, Batch(*versions, &random), versions);
  }
}

// Writes for a while from this thread while others read. `written` counts a key's versions on.
void WriteWhileOthersRead(const Proxy& proxy, RedisServer* redis, Versions* versions) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReadersOfEachKind; ++i) {
    for (const Round round : {ReadOneByOne, ReadPipelined, ReadTogether}) {
      const auto seed = static_cast<unsigned>(readers.size());
      readers.emplace_back([&, round, seed] { ReadUntil(stop, proxy, round, seed, versions); });
    }
  }
  std::mt19937 random(1000);
  const TimePoint end = Now() + kRunTime;
  while (Now() < end && !versions->failed()) {
    const int key = static_cast<int>(random() % kKeys);
    const int version = versions->written(key) + 1;
    versions->OnWrite(key, version);
    redis->Set(KeyName(key), ValueOf(key, version));
    if (version % 16 == 0) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

void WriteFirstVersions(RedisServer* redis, Versions* versions) {
  for (int key = 0; key < kKeys; ++key) {
    versions->OnWrite(key, 0);
    redis->Set(KeyName(key), ValueOf(key, 0));
  }
}

TEST(RespMixedTest, WithCoherentNoAnswerIsOlderThanOneBeforeIt) {
  RedisServer redis;
  Versions versions(true);
  WriteFirstVersions(&redis, &versions);
  const Proxy proxy(
      {"-redis", redis.address(), "-resp", "127.0.0.1:0", "-coherent", "-max-stale", "60s"});
  HttpClient http(proxy.port());
  ASSERT_TRUE(BecomesHit(&http, KeyName(0), ValueOf(0, 0)));
  WriteWhileOthersRead(proxy, &redis, &versions);
  EXPECT_GT(versions.answers(), 100);
  RespClient resp(RespPort(proxy));
  for (int key = 0; key < kKeys; ++key) {
    const std::string last = ValueOf(key, versions.written(key));
    EXPECT_TRUE(BecomesHit(&http, KeyName(key), last)) << KeyName(key);
    resp.Send(RespCommand({"GET", KeyName(key)}));
    EXPECT_EQ(ReadBulk(&resp), last);
  }
}

// The cache is too small and its entries are soon too old, so that fetches go on.
TEST(RespMixedTest, WithoutCoherentEveryAnswerIsOfItsOwnKey) {
  RedisServer redis;
  Versions versions(false);
  WriteFirstVersions(&redis, &versions);
  const Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-max-age", "20ms",
                     "-capacity", std::to_string(kKeys * 3 / 4)});
  WriteWhileOthersRead(proxy, &redis, &versions);
  EXPECT_GT(versions.answers(), 100);
}

}  // namespace
}  // namespace rp::integration
