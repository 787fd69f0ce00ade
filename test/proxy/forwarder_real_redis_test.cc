// The forwarder and the read-through over one pool of connections, against a redis-server of the
// test's own, where one is installed.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "proxy/forwarder.h"
#include "proxy/read_through.h"
#include "redis/fetchers.h"
#include "test/support/cache_flight.h"
#include "test/support/owned_command.h"
#include "test/support/proxy_home.h"
#include "test/support/read_through_support.h"
#include "test/support/real_redis.h"

namespace rp::proxy {
namespace {

using redis::Await;
using redis::Encode;
using std::chrono::seconds;
using Words = std::vector<std::string>;

class NoSink final : public redis::FetchSink {
 public:
  void OnFetched(redis::Fetch*, const redis::FetchResult&, TimePoint) override {
    ADD_FAILURE() << "each fetch names its own sink";
  }
};

// What the server puts together, over `connections` connections to `address`.
class Proxy {
 public:
  explicit Proxy(const std::string& address, int connections = 1)
      : cache_({.capacity = 100, .expire = Duration::zero()}),
        read_through_(
            {}, cache::TestHasher(), &cache_, nullptr, SubmitEach([this](redis::Fetch* fetch) {
              fetch->sink = &read_through_;
              return fetchers_->Submit(fetch);
            }),
            [](TimePoint) {}, [] {}),
        forwarder_(
            cache::TestHasher(), &cache_,
            [this](redis::Fetch* fetch) { return fetchers_->Submit(fetch); },
            [this] { ++flushes_; }) {
    redis::Options options = redis::OptionsFor(address);
    options.connections = connections;
    fetchers_ = redis::Fetchers::Start(options, &no_sink_);
  }

  ~Proxy() { fetchers_->Stop(); }

  Request* Start(const Words& words, uint8_t version = 2, Duration timeout = seconds(10)) {
    Request* const request = MakeRequest(timeout);
    SetCommand(request, words);
    request->question.resp_version = version;
    if (forwarder_.Start(request, Now())) home_.Deliver(request, request);
    return request;
  }

  Request* StartGet(const std::string& key) {
    Request* const request = MakeRequest(seconds(10));
    request->question.key = key;
    if (StartOne(&read_through_, request, Now())) home_.Deliver(request, request);
    return request;
  }

  bool AwaitHome(const Request* request) {
    return Await([&] { return home_.CountOf(request) > 0; });
  }

  std::string Reply(const Words& words, uint8_t version = 2) {
    const Request* const request = Start(words, version);
    EXPECT_TRUE(AwaitHome(request));
    EXPECT_EQ(request->answer.outcome, Outcome::kReply) << request->answer.error_text;
    return request->answer.reply;
  }

  std::string Get(const std::string& key) {
    const Request* const request = StartGet(key);
    EXPECT_TRUE(AwaitHome(request));
    return request->answer.outcome == Outcome::kValue ? std::string(request->answer.value->value())
                                                      : "none";
  }

  [[nodiscard]] int flushes() const { return flushes_; }
  Forwarder& forwarder() { return forwarder_; }

 private:
  Request* MakeRequest(Duration timeout) {
    Request& request = requests_.emplace_back();
    request.home = &home_;
    request.deadline = Now() + timeout;
    return &request;
  }

  TestHome home_;
  std::deque<Request> requests_;
  NoSink no_sink_;
  std::atomic<int> flushes_ = 0;
  cache::Cache cache_;
  ReadThrough read_through_;
  Forwarder forwarder_;
  std::unique_ptr<redis::Fetchers> fetchers_;
};

class ForwarderRealRedisTest : public redis::RealRedis {
 protected:
  void SetUp() override {
    redis::RealRedis::SetUp();
    if (connected_) proxy_ = std::make_unique<Proxy>(address());
  }
  void TearDown() override {
    proxy_.reset();
    redis::RealRedis::TearDown();
  }

  std::unique_ptr<Proxy> proxy_;
};

TEST_F(ForwarderRealRedisTest, AClientReadsItsOwnWrites) {
  for (int i = 0; i < 100; ++i) {
    const std::string value = std::to_string(i);
    EXPECT_EQ(proxy_->Reply({"SET", "k", value}), "+OK\r\n");
    EXPECT_EQ(proxy_->Get("k"), value);
    EXPECT_EQ(proxy_->Get("k"), value);
  }
  EXPECT_EQ(proxy_->flushes(), 0);
}

TEST_F(ForwarderRealRedisTest, WritesOfEveryShapeAreReadBack) {
  const struct {
    Words command;
    std::string a, b;
  } rows[] = {
      {{"MSET", "a", "1", "b", "2"}, "1", "2"},
      {{"RENAME", "a", "b"}, "none", "1"},
      {{"COPY", "b", "a"}, "1", "1"},
      {{"APPEND", "a", "x"}, "1x", "1"},
      {{"EVAL", "redis.call('set', KEYS[1], ARGV[1])", "1", "a", "3"}, "3", "1"},
      {{"EVAL", "redis.call('set', KEYS[1], 4); return redis.error_reply('no')", "1", "b"},
       "3",
       "4"},
      {{"BITOP", "NOT", "b", "absent"}, "3", "none"},
      {{"SET", "a", "5", "GET"}, "5", "none"},
      {{"GETDEL", "a"}, "none", "none"},
      {{"RESTORE", "b", "0", "not a dump"}, "none", "none"},
      {{"MSETNX", "b", "6", "a", "7"}, "7", "6"},
      {{"UNLINK", "a", "b", "c"}, "none", "none"},
  };
  for (const auto& row : rows) {
    proxy_->Reply(row.command);
    EXPECT_EQ(proxy_->Get("a"), row.a) << row.command[0];
    EXPECT_EQ(proxy_->Get("b"), row.b) << row.command[0];
  }
  EXPECT_EQ(proxy_->flushes(), 0);
}

TEST_F(ForwarderRealRedisTest, KeysThatOnlyRedisCanTellAreFound) {
  Do({"ZADD", "zset", "1", "m"});
  Do({"RPUSH", "list", "2", "1"});
  proxy_->Reply({"SET", "into", "old"});
  EXPECT_EQ(proxy_->Get("into"), "old");
  EXPECT_EQ(proxy_->Reply({"SORT", "list", "STORE", "into"}), ":2\r\n");
  EXPECT_EQ(proxy_->Get("into"), "none") << "it is a list now";
  proxy_->Reply({"SET", "into", "old"});
  EXPECT_EQ(proxy_->Get("into"), "old");
  EXPECT_EQ(proxy_->Reply({"ZUNIONSTORE", "into", "1", "zset"}), ":1\r\n");
  EXPECT_EQ(proxy_->Get("into"), "none");
  EXPECT_EQ(proxy_->flushes(), 0);
}

TEST_F(ForwarderRealRedisTest, FlushesAndSwapsAreReadBack) {
  proxy_->Reply({"SET", "k", "v"});
  EXPECT_EQ(proxy_->Get("k"), "v");
  EXPECT_EQ(proxy_->Reply({"SWAPDB", "0", "1"}), "+OK\r\n");
  EXPECT_EQ(proxy_->Get("k"), "none");
  EXPECT_EQ(proxy_->Reply({"SWAPDB", "0", "1"}), "+OK\r\n");
  EXPECT_EQ(proxy_->Get("k"), "v");
  EXPECT_EQ(proxy_->Reply({"FLUSHALL"}), "+OK\r\n");
  EXPECT_EQ(proxy_->Get("k"), "none");
  EXPECT_EQ(proxy_->flushes(), 3);
}

TEST_F(ForwarderRealRedisTest, SpellsScriptsInTheClientsVersion) {
  Do({"HSET", "hash", "f", "v"});
  const Words script = {"EVAL", "redis.setresp(3); return redis.call('hgetall', KEYS[1])", "1",
                        "hash"};
  EXPECT_EQ(proxy_->Reply(script, 3), "%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
  EXPECT_EQ(proxy_->Reply(script, 2), "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
  EXPECT_EQ(proxy_->flushes(), 0);
}

// A script may answer with any error, also with one that elsewhere means that nothing was done.
TEST_F(ForwarderRealRedisTest, AScriptThatWritesAndAnswersWithAServersErrorDropsItsKeys) {
  for (const std::string error : {"MOVED 1 a:1", "ASK 1 a:1", "NOAUTH Authentication required."}) {
    EXPECT_EQ(proxy_->Reply({"SET", "k", "old"}), "+OK\r\n");
    EXPECT_EQ(proxy_->Get("k"), "old");
    const Request* const request = proxy_->Start(
        {"EVAL", "redis.call('set', KEYS[1], 'new') return redis.error_reply('" + error + "')", "1",
         "k"});
    EXPECT_TRUE(proxy_->AwaitHome(request));
    EXPECT_EQ(request->answer.outcome, Outcome::kError);
    EXPECT_EQ(proxy_->Get("k"), "new") << error;
  }
}

TEST_F(ForwarderRealRedisTest, RefusesEveryCommandThatBlocksOrSubscribes) {
  for (const Words& words : {Words{"BLPOP", "k", "0"},
                             Words{"BRPOPLPUSH", "a", "b", "0"},
                             Words{"BLMOVE", "a", "b", "LEFT", "LEFT", "0"},
                             Words{"BZPOPMIN", "k", "0"},
                             Words{"BLMPOP", "0", "1", "k", "LEFT"},
                             Words{"MULTI"},
                             Words{"EXEC"},
                             Words{"WATCH", "k"},
                             Words{"SUBSCRIBE", "c"},
                             Words{"SSUBSCRIBE", "c"},
                             Words{"MONITOR"},
                             Words{"PSYNC", "?", "-1"},
                             Words{"WAIT", "1", "0"},
                             Words{"XREAD", "BLOCK", "0", "STREAMS", "s", "$"},
                             Words{"CLIENT", "REPLY", "OFF"},
                             Words{"SCRIPT", "DEBUG", "YES"},
                             Words{"HELLO", "3"},
                             Words{"SELECT", "1"},
                             Words{"SHUTDOWN"},
                             Words{"DEBUG", "SLEEP", "9"},
                             Words{"RESET"}}) {
    const std::string reply = proxy_->Reply(words);
    EXPECT_TRUE(reply.starts_with("-ERR '")) << reply;
    EXPECT_NE(reply.find("' is not available: "), std::string::npos) << reply;
  }
  EXPECT_EQ(proxy_->Reply({"XREAD", "STREAMS", "s", "0"}), "*-1\r\n");
  EXPECT_EQ(proxy_->Reply({"WAITED"}).find("-ERR unknown command 'WAITED'"), 0u);
  EXPECT_EQ(proxy_->Reply({"SET", "k"}), "-ERR wrong number of arguments for 'set' command\r\n");
}

TEST_F(ForwarderRealRedisTest, GetsAndCommandsOnOneConnectionAreNotMixedUp) {
  std::vector<const Request*> gets;
  std::vector<const Request*> lengths;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "k" + std::to_string(i);
    Do({"SET", key, std::string(static_cast<size_t>(i), 'v')});
    gets.push_back(proxy_->StartGet(key));
    lengths.push_back(proxy_->Start({"STRLEN", key}, static_cast<uint8_t>(2 + i % 2)));
  }
  for (size_t i = 0; i < gets.size(); ++i) {
    ASSERT_TRUE(proxy_->AwaitHome(gets[i]) && proxy_->AwaitHome(lengths[i]));
    EXPECT_EQ(gets[i]->answer.value->value().size(), i);
    EXPECT_EQ(lengths[i]->answer.reply, ":" + std::to_string(i) + "\r\n");
  }
}

TEST_F(ForwarderRealRedisTest, LoadsTheTableOnceRedisIsThere) {
  StopServer();
  Proxy proxy(address());
  proxy.forwarder().LoadTable(Now() + seconds(1));
  const Request* const early = proxy.Start({"SET", "k", "v"});
  ASSERT_TRUE(proxy.AwaitHome(early));
  EXPECT_EQ(early->answer.outcome, Outcome::kError);
  StartServer();
  EXPECT_TRUE(Await([&] {
    const Request* const request = proxy.Start({"SET", "k", "v"});
    return proxy.AwaitHome(request) && request->answer.outcome == Outcome::kReply;
  }));
  EXPECT_EQ(proxy.Get("k"), "v");
}

}  // namespace
}  // namespace rp::proxy
