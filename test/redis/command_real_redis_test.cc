// Commands against a redis-server of the test's own, where one is installed.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redis/fetchers.h"
#include "test/support/fetch_client.h"
#include "test/support/real_redis.h"

namespace rp::redis {
namespace {

class CommandRealRedisTest : public RealRedis {
 protected:
  void SetUp() override {
    RealRedis::SetUp();
    if (!connected_) return;
    Options options = OptionsFor(address());
    options.connections = 1;
    client_ = std::make_unique<FetchClient>(options);
  }

  void TearDown() override {
    client_.reset();
    RealRedis::TearDown();
  }

  std::string Reply(const std::vector<std::string>& arguments, uint8_t version) {
    const Outcome outcome = client_->Call(arguments, version);
    EXPECT_EQ(outcome.kind, FetchResult::Kind::kReply) << outcome;
    return outcome.value;
  }

  std::unique_ptr<FetchClient> client_;
};

TEST_F(CommandRealRedisTest, SpellsRepliesInTheClientsVersion) {
  Do({"HSET", "hash", "f", "v"});
  Do({"SADD", "set", "m"});
  Do({"ZADD", "zset", "1.5", "m"});
  const struct {
    std::vector<std::string> command;
    std::string resp2, resp3;
  } rows[] = {
      {{"HGETALL", "hash"}, "*2\r\n$1\r\nf\r\n$1\r\nv\r\n", "%1\r\n$1\r\nf\r\n$1\r\nv\r\n"},
      {{"SMEMBERS", "set"}, "*1\r\n$1\r\nm\r\n", "~1\r\n$1\r\nm\r\n"},
      {{"ZSCORE", "zset", "m"}, "$3\r\n1.5\r\n", ",1.5\r\n"},
      {{"HGET", "hash", "absent"}, "$-1\r\n", "_\r\n"},
      {{"EVAL", "return {1,{2,'a'}}", "0"},
       "*2\r\n:1\r\n*2\r\n:2\r\n$1\r\na\r\n",
       "*2\r\n:1\r\n*2\r\n:2\r\n$1\r\na\r\n"},
      {{"EVAL", "redis.setresp(3); return {big_number='-12345678901234567890'}", "0"},
       "$21\r\n-12345678901234567890\r\n",
       "(-12345678901234567890\r\n"},
      {{"EVAL", "redis.setresp(3); return true", "0"}, ":1\r\n", "#t\r\n"},
      {{"EVAL", "return {verbatim_string={format='txt',string='a b'}}", "0"},
       "$3\r\na b\r\n",
       "=7\r\ntxt:a b\r\n"},
      {{"SET", "hash", "v", "NX"}, "$-1\r\n", "_\r\n"},
      {{"LPUSH", "hash", "v"},
       "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
       "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Reply(row.command, 2), row.resp2) << row.command[0];
    EXPECT_EQ(Reply(row.command, 3), row.resp3) << row.command[0];
    EXPECT_EQ(Reply(row.command, 2), row.resp2) << row.command[0] << " after RESP3";
  }
}

TEST_F(CommandRealRedisTest, PassesOnWhateverAScriptAnswers) {
  std::string nested;
  for (int i = 0; i < 50; ++i) nested += "*1\r\n";
  const struct {
    std::string script, resp2, resp3;
  } rows[] = {
      {"local t={1} for i=2,50 do t={t} end return t", nested + ":1\r\n", nested + ":1\r\n"},
      {"redis.setresp(3); return {big_number='abc'}", "$3\r\nabc\r\n", "(abc\r\n"},
      {"return redis.error_reply('NOAUTH no')", "-NOAUTH no\r\n", "-NOAUTH no\r\n"},
  };
  const std::string id = Reply({"CLIENT", "ID"}, 2);
  for (const auto& row : rows) {
    EXPECT_EQ(Reply({"EVAL", row.script, "0"}, 2), row.resp2);
    EXPECT_EQ(Reply({"EVAL", row.script, "0"}, 3), row.resp3);
  }
  EXPECT_EQ(Reply({"CLIENT", "ID"}, 2), id) << "the connection lives on";
}

TEST_F(CommandRealRedisTest, ACommandThatIsTooLargeForRedisFailsAlone) {
  Do({"CONFIG", "SET", "proto-max-bulk-len", std::to_string(kLargeCommandBytes)});
  const std::string large = Encode({"SET", "k", std::string(kLargeCommandBytes + 1, 'v')});
  int counted = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<Request*> counts;
    for (int i = 0; i < 10; ++i) counts.push_back(client_->SubmitCommand(Encode({"INCR", "n"})));
    Request* const set = client_->SubmitCommand(large);
    for (int i = 0; i < 10; ++i) counts.push_back(client_->SubmitCommand(Encode({"INCR", "n"})));
    for (Request* count : counts) {
      const Outcome outcome = client_->Wait(count);
      EXPECT_TRUE(outcome.IsReply(":" + std::to_string(++counted) + "\r\n")) << outcome;
    }
    const Outcome outcome = client_->Wait(set);
    EXPECT_TRUE(outcome.kind == FetchResult::Kind::kError || outcome.value.starts_with("-ERR Pro"))
        << outcome;
  }
}

TEST_F(CommandRealRedisTest, GetsBetweenCommandsOfBothVersionsKeepTheirValues) {
  std::vector<Request*> gets;
  std::vector<Request*> commands;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    Do({"SET", "k" + n, "v" + n});
    gets.push_back(client_->Submit("k" + n));
    commands.push_back(client_->SubmitCommand(Encode({"HGET", "absent" + n, "f"}),
                                              static_cast<uint8_t>(2 + i % 2)));
  }
  for (size_t i = 0; i < gets.size(); ++i) {
    EXPECT_TRUE(client_->Wait(gets[i]).IsValue("v" + std::to_string(i)));
    EXPECT_TRUE(client_->Wait(commands[i]).IsReply(i % 2 == 0 ? "$-1\r\n" : "_\r\n"));
  }
}

}  // namespace
}  // namespace rp::redis
