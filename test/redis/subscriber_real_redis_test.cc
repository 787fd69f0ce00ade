// The subscriber against a redis-server of its own, where one is installed.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <string>

#include "redis/subscriber.h"
#include "test/support/invalidation_recorder.h"
#include "test/support/real_redis.h"

namespace rp::redis {
namespace {

using Kind = InvalidationRecorder::Kind;
using FirstOutcome = Subscriber::FirstOutcome;

class SubscriberRealRedisTest : public RealRedis {
 protected:
  FirstOutcome StartSubscriber() {
    options_.target.endpoint.path = address();
    subscriber_ = Subscriber::Start(options_, &server_, &recorder_);
    return subscriber_->AwaitFirst(Now() + seconds(10));
  }

  // Stops it while the recorder lives.
  void TearDown() override {
    subscriber_.reset();
    RealRedis::TearDown();
  }

  // Whether `key` is reported once more than it was before `write`.
  bool IsReported(const std::string& key, std::initializer_list<std::string_view> write) {
    const auto before = CountOf(key);
    Do(write);
    return Await([&] { return CountOf(key) > before; });
  }

  std::ptrdiff_t CountOf(const std::string& key) {
    const auto keys = recorder_.Keys();
    return std::count(keys.begin(), keys.end(), key);
  }

  CurrentServer server_{"redis"};
  InvalidationRecorder recorder_;
  SubscriberOptions options_;
  std::unique_ptr<Subscriber> subscriber_;
};

TEST_F(SubscriberRealRedisTest, HearsOfEveryKindOfWrite) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  const std::string nul("a\0b", 3);
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"}));
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"})) << "again, though nothing has read it";
  EXPECT_TRUE(IsReported("k", {"EXPIRE", "k", "1000"}));
  EXPECT_TRUE(IsReported("k", {"DEL", "k"}));
  EXPECT_TRUE(IsReported("list", {"LPUSH", "list", "element"}));
  EXPECT_TRUE(IsReported(nul, {"SET", nul, "v"}));
  EXPECT_TRUE(IsReported("m2", {"MSET", "m1", "v", "m2", "v"}));
  EXPECT_EQ(CountOf("m1"), 1);
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

TEST_F(SubscriberRealRedisTest, HearsOfExpiry) {
  Do({"SET", "k", "v"});
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  EXPECT_TRUE(IsReported("k", {"PEXPIRE", "k", "50"}));
  EXPECT_TRUE(Await([this] { return CountOf("k") == 2; })) << "once it has expired";
}

TEST_F(SubscriberRealRedisTest, HearsOfFlushes) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  Do({"FLUSHALL"});
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kFlush, 1));
  Do({"FLUSHDB"});
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kFlush, 2));
}

TEST_F(SubscriberRealRedisTest, HearsOfWritesToAnyDatabase) {
  Do({"SELECT", "3"});
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"}));
}

TEST_F(SubscriberRealRedisTest, HearsOnlyOfItsPrefixes) {
  options_.prefixes = {"user:", "page:"};
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  Do({"SET", "other", "v"});
  EXPECT_TRUE(IsReported("user:1", {"SET", "user:1", "v"}));
  EXPECT_TRUE(IsReported("page:1", {"SET", "page:1", "v"}));
  EXPECT_EQ(CountOf("other"), 0);
}

TEST_F(SubscriberRealRedisTest, SaysThatPrefixesOverlap) {
  options_.prefixes = {"user:", "user:1"};
  EXPECT_EQ(StartSubscriber(), FirstOutcome::kUnsupported);
  EXPECT_NE(recorder_.events()[0].text.find("no prefix may begin with another one"),
            std::string::npos)
      << recorder_.events()[0].text;
}

TEST_F(SubscriberRealRedisTest, HearsOfManyKeysAtOnceWithoutLosingTheLease) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  Do({"EVAL", "for i = 1, 20000 do redis.call('SET', 'key:' .. i, 'v') end", "0"});
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kKey, 20000));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, 2));
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

TEST_F(SubscriberRealRedisTest, IsLiveAgainAfterItsConnectionIsKilled) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  for (size_t i = 1; i <= 3; ++i) {
    Do({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, i));
    ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, i + 1));
  }
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"}));
}

TEST_F(SubscriberRealRedisTest, IsLostWhileRedisIsStoppedAndLiveAgainAfterwards) {
  options_.max_stale = milliseconds(200);
  options_.timeout = milliseconds(200);
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLease, 2));
  FreezeServer();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  const TimePoint lease = recorder_.Of(Kind::kLease).back().lease;
  EXPECT_LE(lease, Now());
  const size_t lives = recorder_.Count(Kind::kLive);
  ThawServer();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, lives + 1));
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"}));
}

TEST_F(SubscriberRealRedisTest, IsLiveAgainAfterARestart) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  StopServer();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  StartServer();
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
}

TEST_F(SubscriberRealRedisTest, KeepsTheLeaseOfARedisThatCannotWriteToItsDisk) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  RefuseWrites();
  const size_t leases = recorder_.Count(Kind::kLease);
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, leases + 3));
  EXPECT_EQ(recorder_.Count(Kind::kLost), 0u);
}

TEST_F(SubscriberRealRedisTest, IsLiveOnceItsUserIsGrantedWhatTheMessageSays) {
  Do({"ACL", "SETUSER", "proxy", "on", ">word", "%R~*", "resetchannels", "+get", "+pttl", "+info"});
  options_.target.username = "proxy";
  options_.target.password = "word";
  options_.unsupported_retry = milliseconds(10);
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kUnsupported);
  const std::string message = recorder_.events()[0].text;
  EXPECT_NE(message.find("NOPERM"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  const size_t at = message.find("run ACL SETUSER ");
  ASSERT_NE(at, std::string::npos) << message;
  std::vector<std::string> words;
  for (size_t i = at + 4; i < message.size();) {
    const size_t end = std::min(message.find(' ', i), message.size());
    words.push_back(message.substr(i, end - i));
    i = end + 1;
  }
  connection_->Append(std::vector<std::string_view>(words.begin(), words.end()));
  ASSERT_TRUE(connection_->Flush(Now() + seconds(10)).ok());
  ASSERT_EQ((*connection_->ReadReply(Now() + seconds(10)))->type, REDIS_REPLY_STATUS);
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 1));
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"}));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLease, 2));
}

TEST_F(SubscriberRealRedisTest, IsLostWhenItsUserMayNotPingAnyMore) {
  Do({"ACL", "SETUSER", "proxy", "on", ">word", "~*", "&*", "+@all"});
  options_.target.username = "proxy";
  options_.target.password = "word";
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  Do({"ACL", "SETUSER", "proxy", "-ping"});
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kLost, 1));
  EXPECT_TRUE(recorder_.AwaitCount(Kind::kUnsupported, 1));
}

TEST_F(SubscriberRealRedisTest, IsLostWhenRedisBecomesAReplicaAndLiveWhenItIsAMasterAgain) {
  ASSERT_EQ(StartSubscriber(), FirstOutcome::kLive);
  Do({"REPLICAOF", "127.0.0.1", "1"});
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kUnsupported, 1));
  EXPECT_EQ(recorder_.Of(Kind::kLost).front().code, ErrorCode::kReadOnly);
  EXPECT_EQ(recorder_.Of(Kind::kUnsupported).front().code, ErrorCode::kReadOnly);
  Do({"REPLICAOF", "NO", "ONE"});
  const TimePoint promoted_at = Now();
  ASSERT_TRUE(recorder_.AwaitCount(Kind::kLive, 2));
  EXPECT_LE(recorder_.Of(Kind::kLive).back().at - promoted_at, seconds(1));
  EXPECT_TRUE(IsReported("k", {"SET", "k", "v"}));
}

}  // namespace
}  // namespace rp::redis
