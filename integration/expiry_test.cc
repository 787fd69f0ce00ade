// When an entry ends: after a time without use, after its greatest age, and with its key in Redis.
// A test measures the time that really passed and judges by that, so that a slow machine makes it
// longer and not wrong.
#include <gtest/gtest.h>

#include <thread>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

// One request and the span in which the server must have looked at its clock for it.
struct TimedGet {
  TimePoint before;
  HttpResponse response;
  TimePoint after;
};

TimedGet Timed(HttpClient* client, const std::string& key) {
  TimedGet get;
  get.before = Now();
  get.response = client->Get(key);
  get.after = Now();
  return get;
}

// The proxy's clock may be read a little later or earlier than it compares, and its deadlines may
// be rounded to a millisecond.
constexpr Duration kRounding = 2ms;

TEST(ExpiryTest, AnEntryExpiresExactlyWhenItWasNotUsedForSoLong) {
  constexpr Duration kExpire = 300ms;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "300ms"});
  redis.Set("k", "v");
  HttpClient client(proxy.port());
  TimedGet last = Timed(&client, "k");
  ASSERT_TRUE(last.response.IsMiss());
  int hits = 0;
  int misses = 0;
  for (const Duration pause : {10ms, 200ms, 270ms, 330ms, 280ms, 310ms, 250ms, 600ms, 290ms}) {
    std::this_thread::sleep_until(last.after + pause);
    const TimedGet get = Timed(&client, "k");
    ASSERT_EQ(get.response.body, "v");
    if (get.before - last.after > kExpire + kRounding) {
      EXPECT_TRUE(get.response.IsMiss()) << "served too late, after " << pause.count();
      ++misses;
    } else if (get.after - last.before < kExpire - kRounding) {
      EXPECT_TRUE(get.response.IsHit()) << "expired too early, after " << pause.count();
      ++hits;
    }
    last = get;
  }
  EXPECT_GE(misses, 3);
  // On a machine too busy to keep a pause this short nothing was learned about hits.
  if (hits == 0) GTEST_SKIP() << "every pause lasted too long";
}

TEST(ExpiryTest, UseKeepsAnEntryAlive) {
  constexpr Duration kExpire = 400ms;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "400ms"});
  redis.Set("k", "old");
  HttpClient client(proxy.port());
  TimedGet last = Timed(&client, "k");
  const TimePoint start = last.before;
  redis.Set("k", "new");
  while (Now() - start < 3 * kExpire) {
    std::this_thread::sleep_for(50ms);
    const TimedGet get = Timed(&client, "k");
    if (get.after - last.before >= kExpire - kRounding) GTEST_SKIP() << "the machine paused";
    ASSERT_EQ(get.response.body, "old");
    last = get;
  }
}

TEST(ExpiryTest, AnEntryReachesItsMaxAgeHoweverMuchItIsUsed) {
  constexpr Duration kMaxAge = 500ms;
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0", "-max-age", "500ms"});
  redis.Set("k", "v");
  HttpClient client(proxy.port());
  TimedGet fetch = Timed(&client, "k");
  int refetches = 0;
  while (refetches < 3) {
    std::this_thread::sleep_for(5ms);
    const TimedGet get = Timed(&client, "k");
    ASSERT_EQ(get.response.body, "v");
    if (get.response.IsMiss()) {
      EXPECT_GE(get.after - fetch.before, kMaxAge - kRounding) << "fetched again too early";
      fetch = get;
      ++refetches;
    } else {
      ASSERT_LE(get.before - fetch.after, kMaxAge + kRounding) << "served too late";
    }
  }
}

TEST(ExpiryTest, NoEntryOutlivesItsKeyInRedis) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0"});
  ASSERT_EQ(redis.Command({"SET", "k", "v", "PX", "500"}), "OK");
  HttpClient client(proxy.port());
  int hits = 0;
  for (;;) {
    const bool gone = redis.Command({"EXISTS", "k"}) == "0";
    const HttpResponse response = client.Get("k");
    if (gone) {
      EXPECT_EQ(response.status, 404);
      break;
    }
    hits += response.IsHit() ? 1 : 0;
  }
  // In its last moments a key may be fetched a few times, since deadlines are rounded down.
  EXPECT_GT(hits, 5 * redis.GetCount()) << "a key with a time to live is cached until then";
}

TEST(ExpiryTest, ALongerTimeToLiveDoesNotKeepAnEntryFromExpiring) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "50ms"});
  ASSERT_EQ(redis.Command({"SET", "k", "old", "EX", "1000"}), "OK");
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("k").body, "old");
  ASSERT_EQ(redis.Command({"SET", "k", "new", "EX", "1000"}), "OK");
  std::this_thread::sleep_for(60ms);
  EXPECT_EQ(client.Get("k").body, "new");
}

TEST(ExpiryTest, WithExpireZeroAnEntryStays) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0"});
  redis.Set("k", "old");
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("k").body, "old");
  redis.Set("k", "new");
  std::this_thread::sleep_for(1s);
  EXPECT_EQ(client.Get("k").body, "old");
}

TEST(ExpiryTest, ADeletedOrChangedValueShowsWhenTheEntryExpired) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "50ms"});
  redis.Set("changed", "old");
  redis.Set("deleted", "old");
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("changed").body, "old");
  ASSERT_EQ(client.Get("deleted").body, "old");
  redis.Set("changed", "new");
  ASSERT_EQ(redis.Command({"DEL", "deleted"}), "1");
  std::this_thread::sleep_for(60ms);
  EXPECT_EQ(client.Get("changed").body, "new");
  EXPECT_EQ(client.Get("deleted").status, 404);
}

TEST(ExpiryTest, TheSweepReturnsTheMemoryOfExpiredEntriesWithoutARequest) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer keeps freed memory";
  constexpr size_t kSize = 900'000;
  constexpr size_t kKeys = 80;
  RedisServer redis;
  // The allocator hands large blocks back to the kernel when they are freed, but only while it has
  // not learned to keep them. Told not to learn, it shows what the program itself has freed.
  Proxy proxy({"-redis", redis.address(), "-expire", "1s", "-max-value", "1mb"},
              {.environment = {"MALLOC_MMAP_THRESHOLD_=131072"}});
  const std::string value(kSize, 'v');
  HttpClient client(proxy.port());
  ASSERT_EQ(client.Get("missing").status, 404);
  const size_t before = proxy.ResidentBytes();
  size_t most = before;
  for (size_t i = 0; i < kKeys; ++i) {
    const std::string key = "k" + std::to_string(i);
    redis.Set(key, value);
    ASSERT_EQ(client.Get(key).status, 200);
    most = std::max(most, proxy.ResidentBytes());
  }
  ASSERT_GT(most, before + kKeys * kSize / 2);
  EXPECT_TRUE(Eventually([&] { return proxy.ResidentBytes() < before + kKeys * kSize / 4; }))
      << "before " << before << ", at most " << most << ", now " << proxy.ResidentBytes();
}

TEST(ExpiryTest, AnIdleServerWithNothingToExpireDoesNotWake) {
  if (Sanitized()) GTEST_SKIP() << "a sanitizer has threads of its own";
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "100ms"});
  redis.Set("k", "v");
  ASSERT_EQ(Fetch(proxy.port(), "k").status, 200);
  // What the request and the sweep behind it set going may take a moment to settle.
  long quiet = 1'000'000;
  const bool settled = Eventually([&] {
    const long before = proxy.VoluntarySwitches();
    std::this_thread::sleep_for(1s);
    quiet = proxy.VoluntarySwitches() - before;
    return quiet <= 5;
  });
  EXPECT_TRUE(settled) << quiet << " wake-ups in a second";
}

}  // namespace
}  // namespace rp::integration
