// -coherent believes only a master: in front of a replica, of a master that becomes one, and of a
// node of a cluster that is down.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

constexpr Duration kMaxStale = 300ms;
const char kMaxStaleFlag[] = "300ms";
// Hits come back within a second; the rest is for a machine that is busy.
constexpr Duration kBackSoon = 3s;

const std::vector<std::string> kPromote = {"REPLICAOF", "NO", "ONE"};

// Whether it becomes a replica of what listens on the port. Nothing does on port 1.
bool Demote(RedisServer* redis, int master_port = 1) {
  return redis->Command({"REPLICAOF", "127.0.0.1", std::to_string(master_port)}) == "OK";
}

// A master that begins to send its data to a replica at once.
RedisOptions QuickMaster() { return {.arguments = {"--repl-diskless-sync-delay", "0"}}; }

bool IsLinked(RedisServer* replica) {
  return replica->Command({"INFO", "replication"}).find("master_link_status:up") !=
         std::string::npos;
}

// Whether no entry of the cache answers for a while, but Redis itself, because it is a replica.
void ExpectBypassed(RedisServer* redis, int port, const std::string& value) {
  HttpClient client(port);
  const int64_t before = redis->GetCount();
  constexpr int kRequests = 20;
  for (int i = 0; i < kRequests; ++i) {
    const HttpResponse response = client.Get("k");
    ASSERT_EQ(response.Header("cache-status"), kNotPrimary);
    ASSERT_EQ(response.body, value);
  }
  EXPECT_EQ(redis->GetCount(), before + kRequests);
}

class ReplicaAtStartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    master_.Set("k", "old");
    ASSERT_TRUE(Demote(&replica_, master_.port()));
    ASSERT_TRUE(Eventually([&] { return IsLinked(&replica_); }));
  }

  RedisServer master_{QuickMaster()};
  RedisServer replica_;
};

TEST_F(ReplicaAtStartTest, CoherentIsRefusedInOneLineThatSaysWhatToDo) {
  for (const bool is_linked : {true, false}) {
    if (!is_linked) {
      ASSERT_TRUE(Demote(&replica_));
    }
    const RunResult result =
        RunProxy({"-http", "127.0.0.1:0", "-redis", replica_.address(), "-coherent"});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.standard_output, "");
    EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U) << result.standard_error;
    for (const std::string& words :
         {std::string("-coherent: "), replica_.address() + " is a replica",
          std::string("give -redis the address of its master"), std::string("-coherent=auto")}) {
      EXPECT_NE(result.standard_error.find(words), std::string::npos) << result.standard_error;
    }
  }
}

TEST_F(ReplicaAtStartTest, AutoCachesByTimeAndSaysSoOnce) {
  Proxy proxy({"-redis", replica_.address(), "-coherent=auto", "-expire", "0"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  master_.Set("k", "new");
  ASSERT_TRUE(Eventually([&] { return replica_.Command({"GET", "k"}) == "new"; }));
  for (const TimePoint end = Now() + 1500ms; Now() < end;) {
    const HttpResponse response = client.Get("k");
    ASSERT_TRUE(response.IsHit());
    ASSERT_EQ(response.body, "old") << "it is kept by time";
  }
  const std::string log = proxy.Log();
  EXPECT_EQ(CountOccurrences(log, "-coherent=auto: "), 1U) << log;
  EXPECT_NE(log.find("is a replica"), std::string::npos) << log;
  EXPECT_NE(log.find("meanwhile entries expire by time alone"), std::string::npos) << log;
}

TEST_F(ReplicaAtStartTest, AutoFollowsItOnceItIsAMaster) {
  Proxy proxy({"-redis", replica_.address(), "-coherent=auto", "-expire", "0"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_EQ(replica_.Command(kPromote), "OK");
  ASSERT_TRUE(proxy.WaitForLog("following writes", kBackSoon));
  replica_.Set("k", "new");
  EXPECT_TRUE(BecomesHit(&client, "k", "new"));
  replica_.Set("k", "newer");
  EXPECT_TRUE(BecomesHit(&client, "k", "newer"));

  // From now on it is as if it had been one from the start.
  ASSERT_TRUE(Demote(&replica_));
  ASSERT_TRUE(Eventually([&] { return client.Get("k").Header("cache-status") == kNotPrimary; }));
}

TEST(DemotedTest, AutoBypassesAMasterThatBecomesAReplicaAndDoesNotCacheByTime) {
  RedisServer redis;
  redis.Set("k", "old");
  Proxy proxy({"-redis", redis.address(), "-coherent=auto", "-expire", "0"});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  ASSERT_TRUE(Demote(&redis));
  ASSERT_TRUE(Eventually([&] { return client.Get("k").Header("cache-status") == kNotPrimary; }));
  // Several attempts to follow it fail meanwhile.
  for (const TimePoint end = Now() + 1s; Now() < end;) {
    ASSERT_EQ(client.Get("k").Header("cache-status"), kNotPrimary);
  }
  EXPECT_EQ(proxy.Log().find("by time alone"), std::string::npos) << proxy.Log();
  ASSERT_EQ(redis.Command(kPromote), "OK");
  EXPECT_TRUE(Eventually([&] { return client.Get("k").IsHit(); }, kBackSoon));
}

// A proxy that follows a master.
class MasterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    redis_.Set("k", "old");
    ASSERT_TRUE(BecomesHit(&client_, "k", "old"));
  }

  void AwaitBypass() {
    ASSERT_TRUE(Eventually([&] { return client_.Get("k").Header("cache-status") == kNotPrimary; }));
  }

  // Each attempt to follow a replica is a HELLO, whose answer ends it.
  void AwaitAttemptsToFollow(int64_t count) {
    const auto hellos = [&] {
      const std::string info = redis_.Command({"INFO", "commandstats"});
      const std::string field = "cmdstat_hello:calls=";
      const size_t at = info.find(field);
      return at == std::string::npos ? 0 : std::atoll(info.c_str() + at + field.size());
    };
    const int64_t before = hellos();
    ASSERT_TRUE(Eventually([&] { return hellos() >= before + count; }));
  }

  // It is promoted, its hits come back soon, and a new value is seen.
  void ExpectHitsAgain() {
    ASSERT_EQ(redis_.Command(kPromote), "OK");
    EXPECT_TRUE(Eventually([&] { return client_.Get("k").IsHit(); }, kBackSoon));
    redis_.Set("k", "new");
    EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
    EXPECT_EQ(resp_.Exchange("GET k\r\n"), "$3\r\nnew\r\n");
  }

  RedisServer redis_;
  Proxy proxy_{{"-redis", redis_.address(), "-resp", "127.0.0.1:0", "-coherent", "-max-stale",
                kMaxStaleFlag, "-expire", "0"}};
  HttpClient client_{proxy_.port()};
  RespClient resp_{RespPort(proxy_)};
};

TEST_F(MasterTest, OneThatIsDemotedIsBypassedWithinMaxStaleAndComesBack) {
  ASSERT_TRUE(Demote(&redis_));
  const TimePoint demoted = Now();
  TimePoint last_hit = demoted;
  for (TimePoint asked = Now(); client_.Get("k").IsHit(); asked = Now()) {
    last_hit = asked;
    ASSERT_LT(asked, demoted + Patience(10s));
  }
  EXPECT_LE(last_hit - demoted, kMaxStale + Patience(20ms));
  ExpectBypassed(&redis_, proxy_.port(), "old");
  EXPECT_EQ(client_.Get("missing").status, 404);
  EXPECT_EQ(client_.Get("missing").Header("cache-status"), kNotPrimary);
  const int64_t before = redis_.GetCount();
  EXPECT_EQ(resp_.Exchange("GET k\r\nGET k\r\nGET missing\r\n"),
            "$3\r\nold\r\n$3\r\nold\r\n$-1\r\n");
  EXPECT_EQ(redis_.GetCount(), before + 2) << "two at the same time are one";
  ExpectHitsAgain();
}

TEST_F(MasterTest, EachDemotionIsALineAndNotALinePerAttempt) {
  for (const size_t demotions : {size_t{1}, size_t{2}}) {
    ASSERT_TRUE(Demote(&redis_));
    AwaitBypass();
    AwaitAttemptsToFollow(5);
    const std::string log = proxy_.Log();
    EXPECT_EQ(CountOccurrences(log, " warn "), 0U) << log;
    EXPECT_EQ(CountOccurrences(log, " error "), demotions) << log;
    ExpectHitsAgain();
  }
}

TEST_F(MasterTest, AReplicaWhoseLinkIsCutIsBypassedLikeOneThatHasIt) {
  RedisServer master(QuickMaster());
  master.Set("k", "of the master");
  Relay link(master.port());
  const std::string address = link.address();
  ASSERT_TRUE(Demote(&redis_, std::stoi(address.substr(address.find(':') + 1))));
  ASSERT_TRUE(Eventually([&] { return client_.Get("k").body == "of the master"; }));
  AwaitBypass();
  ASSERT_TRUE(Eventually([&] { return IsLinked(&redis_); }));
  ExpectBypassed(&redis_, proxy_.port(), "of the master");
  link.Freeze();
  link.DropAll();
  ASSERT_TRUE(Eventually([&] { return !IsLinked(&redis_); }));
  master.Set("k", "unseen");
  ExpectBypassed(&redis_, proxy_.port(), "of the master");
  link.Thaw();
  ASSERT_TRUE(Eventually([&] { return client_.Get("k").body == "unseen"; }));
  ExpectBypassed(&redis_, proxy_.port(), "unseen");
  ExpectHitsAgain();
}

TEST_F(MasterTest, AReplicaThatServesNothingWithoutItsMasterIsAnsweredByItsError) {
  ASSERT_EQ(redis_.Command({"CONFIG", "SET", "replica-serve-stale-data", "no"}), "OK");
  ASSERT_TRUE(Demote(&redis_));
  HttpResponse response;
  ASSERT_TRUE(Eventually([&] {
    response = client_.Get("k");
    return !response.IsHit();
  }));
  for (const TimePoint end = Now() + 1s; Now() < end;) {
    response = client_.Get("k");
    ASSERT_TRUE(response.status == 502 || response.status == 503) << response.status;
    ASSERT_NE(response.body, "old");
    const std::string reply = resp_.Exchange("GET k\r\n");
    ASSERT_TRUE(reply.starts_with("-")) << reply;
  }
  EXPECT_NE(proxy_.Log().find("MASTERDOWN"), std::string::npos);
  ExpectHitsAgain();
}

class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(redis_.Command({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"}), "OK");
    ASSERT_TRUE(Eventually([&] { return IsUp(); }));
    ASSERT_EQ(redis_.Command({"ACL", "SETUSER", "alice", "on", ">secret", "~*", "+client|tracking",
                              "+ping", "+get", "+pttl", "+info"}),
              "OK");
    redis_.Set("k", "old");
  }

  bool IsUp() {
    return redis_.Command({"CLUSTER", "INFO"}).find("cluster_state:ok") != std::string::npos;
  }

  static const std::vector<std::string>& Credentials() {
    static const std::vector<std::string> pair = {"REDIS_USERNAME=alice", "REDIS_PASSWORD=secret"};
    return pair;
  }

  // A cluster of one node. It answers reads while it is down, as some are set up.
  RedisServer redis_{{.arguments = {"--cluster-enabled", "yes", "--cluster-port",
                                    std::to_string(ProbablyFreePort()),
                                    "--cluster-allow-reads-when-down", "yes"}}};
};

TEST_F(ClusterTest, ANodeIsFollowedWhileTheClusterIsUp) {
  ASSERT_EQ(redis_.Command({"ACL", "SETUSER", "alice", "+cluster|info"}), "OK");
  Proxy proxy(
      {"-redis", redis_.address(), "-coherent", "-max-stale", kMaxStaleFlag, "-expire", "0"},
      {.environment = Credentials()});
  HttpClient client(proxy.port());
  ASSERT_TRUE(BecomesHit(&client, "k", "old"));
  redis_.Set("k", "new");
  ASSERT_TRUE(BecomesHit(&client, "k", "new"));

  // Of a slot that k is not in.
  ASSERT_EQ(redis_.Command({"CLUSTER", "DELSLOTS", "0"}), "OK");
  ASSERT_TRUE(Eventually([&] { return client.Get("k").Header("cache-status") == kNoLease; }));
  ASSERT_FALSE(IsUp());
  for (const TimePoint end = Now() + 1s; Now() < end;) {
    const HttpResponse response = client.Get("k");
    ASSERT_EQ(response.Header("cache-status"), kNoLease);
    ASSERT_EQ(response.body, "new");
  }
  ASSERT_EQ(redis_.Command({"CLUSTER", "ADDSLOTS", "0"}), "OK");
  ASSERT_TRUE(Eventually([&] { return IsUp(); }));
  EXPECT_TRUE(Eventually([&] { return client.Get("k").IsHit(); }, kBackSoon));
  redis_.Set("k", "newer");
  EXPECT_TRUE(BecomesHit(&client, "k", "newer"));
}

TEST_F(ClusterTest, WithoutTheRightToAskForItsStateCoherentIsRefusedAndNamesTheRight) {
  const RunResult result =
      RunProxy({"-http", "127.0.0.1:0", "-redis", redis_.address(), "-coherent"}, 10s,
               {.environment = Credentials()});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U) << result.standard_error;
  EXPECT_NE(result.standard_error.find("ACL SETUSER alice"), std::string::npos);
  EXPECT_NE(result.standard_error.find("+cluster|info"), std::string::npos)
      << result.standard_error;
}

}  // namespace
}  // namespace rp::integration
