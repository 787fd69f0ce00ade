// -coherent when something breaks: the invalidation connection is killed or half-open, Redis is
// stopped or restarted, a fetch is overtaken by a write. Everything at once is in
// stale_checker_test.cc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"

namespace rp::integration {
namespace {

constexpr Duration kMaxStale = 300ms;
const char kMaxStaleFlag[] = "300ms";

// A proxy that reaches its Redis through a relay.
class CoherenceLossTest : public ::testing::Test {
 protected:
  RedisServer redis_;
  Relay relay_{redis_.port()};
  Proxy proxy_{{"-redis", relay_.address(), "-coherent", "-max-stale", kMaxStaleFlag, "-expire",
                "0", "-timeout", "5s"}};
  HttpClient client_{proxy_.port()};
};

TEST_F(CoherenceLossTest, AKilledSubscriberMeansAnswersFromRedisAndIsReplacedByItself) {
  redis_.Set("k", "value");
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  HttpResponse response;
  // It is back within milliseconds, so the moment without it may pass unseen.
  ASSERT_TRUE(Eventually([&] {
    redis_.client().KillSubscriber();
    const TimePoint killed = Now();
    do {
      response = client_.Get("k");
    } while (response.IsHit() && Now() < killed + 20ms);
    return response.Header("cache-status") == kNoLease;
  }));
  EXPECT_EQ(response.body, "value");
  EXPECT_TRUE(BecomesHit(&client_, "k", "value"));
  redis_.Set("k", "new");
  EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
}

TEST_F(CoherenceLossTest, WithoutASubscriberEveryRequestIsAnsweredFromRedis) {
  redis_.Set("k", "value");
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  relay_.FreezeSubscribers();
  relay_.DropAll();
  ASSERT_TRUE(Eventually([&] { return client_.Get("k").Header("cache-status") == kNoLease; }));
  const int64_t before = redis_.GetCount();
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    redis_.Set("k", value);
    const HttpResponse response = client_.Get("k");
    EXPECT_EQ(response.body, value);
    EXPECT_EQ(response.Header("cache-status"), kNoLease);
  }
  EXPECT_EQ(redis_.GetCount(), before + 50);
  EXPECT_EQ(client_.Get("missing").Header("cache-status"), kNoLease);
  relay_.Thaw();
  EXPECT_TRUE(BecomesHit(&client_, "k", "49"));
  redis_.Set("k", "new");
  EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
}

TEST_F(CoherenceLossTest, WithoutASubscriberManyRequestsForAKeyAreOneGet) {
  redis_.Set("k", "value");
  ASSERT_TRUE(BecomesHit(&client_, "k", "value"));
  relay_.FreezeSubscribers();
  relay_.DropAll();
  ASSERT_TRUE(Eventually([&] { return client_.Get("k").Header("cache-status") == kNoLease; }));
  const int64_t before = redis_.GetCount();
  std::vector<HttpClient> clients;
  relay_.Freeze();
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(proxy_.port());
    ASSERT_TRUE(clients.back().Send(GetRequest("k")));
  }
  for (HttpClient& client : clients) ASSERT_FALSE(client.Stirs(0ms));
  relay_.FreezeSubscribers();
  for (HttpClient& client : clients) EXPECT_EQ(client.Read().body, "value");
  EXPECT_LE(redis_.GetCount(), before + 5);
}

TEST_F(CoherenceLossTest, AHalfOpenSubscriberCostsNoMoreThanTheLease) {
  redis_.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client_, "k", "old"));
  relay_.FreezeSubscribers();
  redis_.Set("k", "new");
  const TimePoint overwritten = Now();
  Duration oldest{0};
  while (Now() < overwritten + 3 * kMaxStale) {
    const TimePoint asked = Now();
    if (client_.Get("k").body != "new") oldest = asked - overwritten;
  }
  EXPECT_LE(oldest, kMaxStale + Patience(20ms));
  EXPECT_EQ(client_.Get("k").Header("cache-status"), kNoLease);
  relay_.Thaw();
  EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
}

TEST_F(CoherenceLossTest, KilledDataConnectionsDoNotEndTheReports) {
  for (int i = 0; i < 5; ++i) {
    const std::string value = std::to_string(i);
    redis_.Set("k", value);
    ASSERT_TRUE(BecomesHit(&client_, "k", value));
    redis_.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    ASSERT_EQ(client_.Get("k").body, value);
  }
}

// Begins a fetch of "k", which holds "old", and holds its reply back; `write` changes the key. When
// the report of the write has been processed, the reply goes on.
void OvertakeFetch(RedisServer* redis, Relay* relay, int port,
                   const std::vector<std::string>& write) {
  HttpClient marker(port);
  redis->Set("k", "old");
  redis->Set("marker", "1");
  ASSERT_TRUE(BecomesHit(&marker, "marker", "1"));
  relay->HoldReplies();
  const int64_t before = redis->GetCount();
  HttpClient waiting(port);
  ASSERT_TRUE(waiting.Send(GetRequest("k")));
  ASSERT_TRUE(Eventually([&] { return redis->GetCount() == before + 1; }));
  ASSERT_FALSE(redis->Command(write).starts_with("-"));
  // Reports come in order: once the marker is not cached, that of `write` has been dealt with.
  redis->Set("marker", "2");
  ASSERT_TRUE(Eventually([&] {
    HttpClient client(port);
    client.set_limit(20ms);
    return client.Get("marker").status == 0;
  }));
  relay->Thaw();
  EXPECT_NE(waiting.Read().status, 0);
}

TEST_F(CoherenceLossTest, AFetchThatAWriteOvertookIsNotCached) {
  for (int i = 0; i < 3; ++i) {
    OvertakeFetch(&redis_, &relay_, proxy_.port(), {"SET", "k", "new"});
    EXPECT_EQ(client_.Get("k").body, "new");
    EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
    redis_.Command({"DEL", "k"});
    ASSERT_TRUE(BecomesHit(&client_, "k", 404));
  }
}

TEST_F(CoherenceLossTest, AFetchThatAFlushOvertookIsNotCached) {
  OvertakeFetch(&redis_, &relay_, proxy_.port(), {"FLUSHALL"});
  EXPECT_EQ(client_.Get("k").status, 404);
  EXPECT_TRUE(BecomesHit(&client_, "k", 404));
}

TEST(CoherenceOutageTest, AFrozenRedisEndsTheLeaseAndAThawedOneBringsItBack) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-coherent", "-max-stale", kMaxStaleFlag, "-expire", "0",
               "-timeout", "500ms"});
  HttpClient client(proxy.port());
  redis.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  redis.Freeze();
  const TimePoint frozen = Now();
  TimePoint asked = frozen;
  TimePoint last_hit = frozen;
  HttpResponse response = client.Get("k");
  for (; response.status == 200; response = client.Get("k")) {
    last_hit = asked;
    asked = Now();
  }
  EXPECT_LE(last_hit - frozen, kMaxStale + Patience(20ms));
  EXPECT_EQ(response.status, 504);
  // The breaker may open meanwhile.
  const int later = client.Get("k").status;
  EXPECT_TRUE(later == 504 || later == 503) << later;
  redis.Thaw();
  redis.Set("k", "new");
  ASSERT_TRUE(Eventually([&] {
    response = client.Get("k");
    return response.status == 200;
  }));
  EXPECT_EQ(response.body, "new");
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
}

TEST(CoherenceOutageTest, ARestartedRedisWithOtherDataNeverYieldsTheOld) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-coherent", "-expire", "0", "-timeout", "500ms"});
  HttpClient client(proxy.port());
  redis.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  redis.Kill();
  ASSERT_TRUE(Eventually([&] { return client.Get("k").status != 200; }));
  redis.Restart();
  redis.Set("k", "new");
  ASSERT_TRUE(Eventually([&] {
    const HttpResponse response = client.Get("k");
    EXPECT_NE(response.body, "old");
    return response.IsHit();
  }));
  EXPECT_EQ(client.Get("k").body, "new");
}

// The name stays and the server behind it changes: connections from before still lead to the old
// one, which answers.
TEST(CoherenceOutageTest, AfterAFailoverNothingIsReadFromTheOldServer) {
  RedisServer old_server({.unix_socket = true});
  RedisServer new_server({.unix_socket = true});
  old_server.Set("k", "old");
  new_server.Set("k", "new");
  const TempDir directory;
  const std::string name = directory.path() + "/redis.sock";
  ASSERT_EQ(symlink(old_server.address().c_str(), name.c_str()), 0);
  Proxy proxy({"-redis", name, "-coherent", "-expire", "0"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_EQ(unlink(name.c_str()), 0);
  ASSERT_EQ(symlink(new_server.address().c_str(), name.c_str()), 0);
  old_server.client().KillSubscriber();
  ASSERT_TRUE(Eventually([&] { return CountOccurrences(proxy.Log(), "following writes") == 2; }));
  EXPECT_EQ(client.Get("k").body, "new");
  new_server.Set("k", "newer");
  EXPECT_TRUE(BecomesHit(&client, "k", "newer"));
}

TEST(CoherenceOutageTest, ARedisThatIsAwayAtTheStartIsFollowedOnceItIsThere) {
  RedisServer redis;
  redis.Kill();
  Proxy proxy({"-redis", redis.address(), "-coherent", "-expire", "0", "-timeout", "500ms"});
  HttpClient client(proxy.port());
  const int status = client.Get("k").status;
  EXPECT_TRUE(status == 502 || status == 503) << status;
  redis.Restart();
  redis.Set("k", "old");
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  redis.Set("k", "new");
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
}

TEST(CoherenceOutageTest, ARedisThatIsFrozenAtTheStartIsFollowedOnceItGoesOn) {
  RedisServer redis;
  redis.Set("k", "value");
  redis.Freeze();
  Proxy proxy({"-redis", redis.address(), "-coherent", "-timeout", "500ms"});
  HttpClient client(proxy.port());
  const int status = client.Get("k").status;
  EXPECT_TRUE(status == 504 || status == 503) << status;
  redis.Thaw();
  EXPECT_TRUE(BecomesHit(&client, "k", "value"));
}

TEST(CoherenceOutageTest, LosingAndFollowingIsALineEachAndNotALinePerAttempt) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-coherent", "-timeout", "500ms"});
  ASSERT_TRUE(proxy.WaitForLog("following writes"));
  redis.Kill();
  ASSERT_TRUE(proxy.WaitForLog("lost track of writes"));
  redis.Restart();
  EXPECT_TRUE(Eventually([&] { return CountOccurrences(proxy.Log(), "following writes") == 2; }));
  EXPECT_EQ(CountOccurrences(proxy.Log(), "lost track of writes"), 1U);
}

}  // namespace
}  // namespace rp::integration
