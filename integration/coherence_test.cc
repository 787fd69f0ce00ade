// -coherent while all is well: every write in Redis is seen, and what is not written stays cached.
// What happens when the connection is lost is in coherence_loss_test.cc.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

// How soon a write must show: some milliseconds on a quiet machine, and less than the lease.
constexpr Duration kSoon = 500ms;

class CoherenceTest : public ::testing::Test {
 protected:
  // Whether the key is answered with `status`, and with `body` if that is 200, soon from now.
  [[nodiscard]] bool Shows(const std::string& key, int status, const std::string& body = "") {
    return Eventually(
        [&] {
          const HttpResponse response = client_.Get(key);
          return response.status == status && (status != 200 || response.body == body);
        },
        kSoon);
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-coherent", "-expire", "0"}};
  HttpClient client_{proxy_.port()};
};

TEST_F(CoherenceTest, EveryValueOfManyIsSeenSoonAndThenCached) {
  for (int i = 0; i < 100; ++i) {
    const std::string value = std::to_string(i);
    redis_.Set("k", value);
    ASSERT_TRUE(Shows("k", 200, value));
    ASSERT_TRUE(BecomesHit(&client_, "k", value));
  }
}

TEST_F(CoherenceTest, WhatIsNotWrittenStaysCached) {
  redis_.Set("k", "value");
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  const int64_t before = redis_.GetCount();
  for (int i = 0; i < 100; ++i) {
    redis_.Set("other", std::to_string(i));
    ASSERT_TRUE(client_.Get("k").IsHit());
  }
  EXPECT_EQ(redis_.GetCount(), before);
}

TEST_F(CoherenceTest, EveryKindOfWriteIsSeen) {
  struct Case {
    std::vector<std::string> write;
    int status;
    std::string body;
  };
  // To a key "k" that holds "1".
  const std::vector<Case> cases = {
      {{"SET", "k", "2"}, 200, "2"},
      {{"SETEX", "k", "100", "2"}, 200, "2"},
      {{"GETSET", "k", "2"}, 200, "2"},
      {{"MSET", "j", "0", "k", "2"}, 200, "2"},
      {{"INCR", "k"}, 200, "2"},
      {{"APPEND", "k", "2"}, 200, "12"},
      {{"SETRANGE", "k", "0", "2"}, 200, "2"},
      {{"SETBIT", "k", "6", "1"}, 200, "3"},
      {{"RENAME", "two", "k"}, 200, "2"},
      {{"COPY", "two", "k", "REPLACE"}, 200, "2"},
      {{"EVAL", "return redis.call('SET', KEYS[1], '2')", "1", "k"}, 200, "2"},
      {{"EVAL", "return redis.call('SET', 'k', '2')", "0"}, 200, "2"},
      {{"LMOVE", "list", "k", "LEFT", "LEFT"}, 200, "1"},
      {{"SDIFFSTORE", "k", "set", "none"}, 409, ""},
      {{"DEL", "k"}, 404, ""},
      {{"UNLINK", "k"}, 404, ""},
      {{"GETDEL", "k"}, 404, ""},
      {{"RENAME", "k", "elsewhere"}, 404, ""},
      {{"MOVE", "k", "1"}, 404, ""},
      {{"EXPIRE", "k", "-1"}, 404, ""},
      {{"PEXPIREAT", "k", "1"}, 404, ""},
      {{"FLUSHDB"}, 404, ""},
      {{"FLUSHALL"}, 404, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.write[0] + " " + (c.write.size() > 1 ? c.write[1] : ""));
    ASSERT_EQ(redis_.Command({"FLUSHALL"}), "OK");
    redis_.Set("k", "1");
    redis_.Set("two", "2");
    ASSERT_EQ(redis_.Command({"RPUSH", "list", "1"}), "1");
    ASSERT_EQ(redis_.Command({"SADD", "set", "1"}), "1");
    ASSERT_TRUE(BecomesHit(&client_, "k", "1"));
    redis_.Command(c.write);
    EXPECT_TRUE(Shows("k", c.status, c.body));
    EXPECT_TRUE(BecomesHit(&client_, "k", c.status, c.body));
  }
}

TEST_F(CoherenceTest, AMissingKeyIsCachedUntilItIsCreated) {
  ASSERT_TRUE(BecomesHit(&client_, "k", 404));
  const int64_t before = redis_.GetCount();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client_.Get("k").IsHit());
  EXPECT_EQ(redis_.GetCount(), before);
  redis_.Set("k", "value");
  EXPECT_TRUE(Shows("k", 200, "value"));
  EXPECT_TRUE(BecomesHit(&client_, "k", "value"));
}

TEST_F(CoherenceTest, AWrongTypeIsCachedUntilItIsAString) {
  ASSERT_EQ(redis_.Command({"RPUSH", "k", "x"}), "1");
  ASSERT_TRUE(BecomesHit(&client_, "k", 409));
  const int64_t before = redis_.GetCount();
  const HttpResponse again = client_.Get("k");
  EXPECT_TRUE(again.IsHit());
  EXPECT_NE(again.body.find("WRONGTYPE"), std::string::npos) << again.body;
  EXPECT_EQ(redis_.GetCount(), before);
  ASSERT_EQ(redis_.Command({"DEL", "k"}), "1");
  redis_.Set("k", "value");
  EXPECT_TRUE(Shows("k", 200, "value"));
  EXPECT_TRUE(BecomesHit(&client_, "k", "value"));
}

TEST_F(CoherenceTest, AFlushOfAnyDatabaseEmptiesTheCache) {
  for (const std::string command : {"FLUSHALL", "FLUSHDB"}) {
    for (int i = 0; i < 50; ++i) {
      const std::string key = "k" + std::to_string(i);
      redis_.Set(key, "value");
      ASSERT_TRUE(BecomesHit(&client_, key, "value"));
    }
    ASSERT_EQ(redis_.Command({command}), "OK");
    ASSERT_TRUE(Shows("k0", 404));
    for (int i = 1; i < 50; ++i) EXPECT_EQ(client_.Get("k" + std::to_string(i)).status, 404);
  }
}

// Asks until `gone` and some time beyond: the value must be there until just before `there` and
// must not be there from `gone` on.
void ExpectLife(HttpClient* client, const std::string& key, TimePoint there, TimePoint gone) {
  while (Now() < gone + 100ms) {
    const TimePoint asked = Now();
    const int status = client->Get(key).status;
    if (asked >= gone) {
      ASSERT_EQ(status, 404) << MillisecondsSince(gone) << " ms too late";
    } else if (Now() < there) {
      ASSERT_EQ(status, 200) << -MillisecondsSince(there) << " ms too early";
    }
  }
}

TEST_F(CoherenceTest, AKeyEndsToTheMillisecondWithItsTimeToLive) {
  const TimePoint sent = Now();
  ASSERT_EQ(redis_.Command({"SET", "k", "value", "PX", "700"}), "OK");
  const TimePoint done = Now();
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  // Redis counts in whole milliseconds of its own clock, read once in a turn.
  ExpectLife(&client_, "k", sent + 690ms, done + 701ms);
}

TEST_F(CoherenceTest, ATimeToLiveThatIsShortenedLaterIsHonoured) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"PEXPIRE", "k", "400"}, {"EXPIRE", "k", "1"}, {"GETEX", "k", "PX", "400"}}) {
    SCOPED_TRACE(command[0]);
    redis_.Set("k", "value");
    ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
    const Duration life = command[0] == "EXPIRE" ? 1000ms : 400ms;
    const TimePoint sent = Now();
    ASSERT_FALSE(redis_.Command(command).starts_with("-"));
    const TimePoint done = Now();
    ExpectLife(&client_, "k", sent + life - 10ms, done + life + 1ms);
  }
}

TEST_F(CoherenceTest, ATimeToLiveThatIsTakenAwayIsForgotten) {
  ASSERT_EQ(redis_.Command({"SET", "k", "value", "PX", "500"}), "OK");
  const TimePoint end = Now() + 500ms;
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  ASSERT_EQ(redis_.Command({"PERSIST", "k"}), "1");
  ASSERT_TRUE(Eventually([&] { return Now() > end + 50ms; }));
  EXPECT_TRUE(BecomesHit(&client_, "k", "value"));
}

TEST_F(CoherenceTest, KeysOfAnyBytesAreFollowed) {
  const std::string key("\0 \r\n\"%/\xff", 8);
  redis_.Set(key, "1");
  ASSERT_TRUE(BecomesHit(&client_, key, "1"));
  redis_.Set(key, "2");
  EXPECT_TRUE(Shows(key, 200, "2"));
}

TEST_F(CoherenceTest, OneConnectionInResp3BringsTheReports) {
  const std::vector<std::string> followers = redis_.client().ClientsNamed("redis-proxy-tracking");
  ASSERT_EQ(followers.size(), 1U);
  EXPECT_NE(followers[0].find(" flags=tB "), std::string::npos) << followers[0];
  EXPECT_NE(followers[0].find(" resp=3"), std::string::npos) << followers[0];
}

TEST_F(CoherenceTest, TheLeaseIsRenewedWhileNothingHappens) {
  redis_.Set("k", "value");
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  // The report of the write may come a little later still, and make one miss.
  TimePoint last_miss = Now();
  EXPECT_TRUE(Eventually([&] {
    if (!client_.Get("k").IsHit()) last_miss = Now();
    return Now() - last_miss >= 2500ms;
  }));
}

TEST(TimeBasedTest, WithoutCoherentAWriteIsNotSeenAndAMissingKeyNotCached) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-expire", "0"});
  HttpClient client(proxy.port());
  redis.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_TRUE(client.Get("missing").IsMiss());
  redis.Set("k", "new");
  const TimePoint end = Now() + 300ms;
  while (Now() < end) ASSERT_EQ(client.Get("k").body, "old");
  EXPECT_TRUE(client.Get("missing").IsMiss());
  EXPECT_TRUE(redis.client().ClientsNamed("redis-proxy-tracking").empty());
  EXPECT_NE(redis.Command({"INFO", "clients"}).find("tracking_clients:0"), std::string::npos);
}

}  // namespace
}  // namespace rp::integration
