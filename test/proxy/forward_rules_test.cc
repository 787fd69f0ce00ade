#include "proxy/forward_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/command_reply.h"

namespace rp::proxy {
namespace {

using Words = std::vector<std::string>;

CommandFacts Facts(std::string name) {
  CommandFacts facts;
  facts.name = std::move(name);
  facts.arity = -1;
  return facts;
}

bool Refuses(const std::string& name, const Words& words) {
  return IsRefused(Facts(name), *ParsedCommand(words));
}

Words Keys(KeyRange keys, const Words& words) {
  Words found;
  ForEachKey(keys, *ParsedCommand(words), [&](std::string_view key) { found.emplace_back(key); });
  return found;
}

TEST(ForwardRulesTest, RefusesWhatWouldTieUpOrChangeAConnection) {
  for (const std::string name :
       {"multi",      "exec",        "discard",     "watch",        "unwatch",      "subscribe",
        "psubscribe", "ssubscribe",  "unsubscribe", "punsubscribe", "sunsubscribe", "monitor",
        "sync",       "psync",       "replconf",    "wait",         "waitaof",      "client",
        "auth",       "hello",       "select",      "reset",        "quit",         "readonly",
        "readwrite",  "asking",      "shutdown",    "debug",        "replicaof",    "slaveof",
        "failover",   "client|kill", "script|debug"}) {
    EXPECT_TRUE(Refuses(name, {name})) << name;
  }
}

TEST(ForwardRulesTest, LetsTheOthersThrough) {
  for (const std::string name :
       {"set", "del", "eval", "fcall", "publish", "pubsub|channels", "script|load", "flushall",
        "swapdb", "migrate", "json.set", "object|encoding", "config|get"}) {
    EXPECT_FALSE(Refuses(name, {name})) << name;
  }
}

TEST(ForwardRulesTest, RefusesWhatBlocks) {
  CommandFacts facts = Facts("module.wait");
  const ParsedCommand command({"module.wait"});
  EXPECT_FALSE(IsRefused(facts, *command));
  facts.blocking = true;
  EXPECT_TRUE(IsRefused(facts, *command));
}

TEST(ForwardRulesTest, RefusesToReadAStreamOnlyWhereThatWaits) {
  CommandFacts facts = Facts("xread");
  facts.blocking = true;
  const auto refused = [&](const std::string& name, const Words& words) {
    facts.name = name;
    return IsRefused(facts, *ParsedCommand(words));
  };
  EXPECT_FALSE(refused("xread", {"XREAD", "STREAMS", "s", "0"}));
  EXPECT_FALSE(refused("xread", {"XREAD", "COUNT", "1", "streams", "block", "0"}));
  EXPECT_TRUE(refused("xread", {"XREAD", "BLOCK", "0", "STREAMS", "s", "0"}));
  EXPECT_TRUE(refused("xread", {"XREAD", "count", "1", "block", "0", "STREAMS", "s", "0"}));
  EXPECT_FALSE(
      refused("xreadgroup", {"XREADGROUP", "GROUP", "block", "block", "STREAMS", "s", ">"}));
  EXPECT_TRUE(
      refused("xreadgroup", {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"}));
  EXPECT_TRUE(refused("xreadgroup", {"XREADGROUP", "GROUP", "streams", "streams", "NOACK", "BLOCK",
                                     "0", "STREAMS", "s", ">"}));
}

TEST(ForwardRulesTest, RefusesScriptDebugWhereSubcommandsAreNotTold) {
  EXPECT_TRUE(Refuses("script", {"SCRIPT", "DEBUG", "YES"}));
  EXPECT_FALSE(Refuses("script", {"SCRIPT", "LOAD", "debug"}));
  EXPECT_FALSE(Refuses("script", {"SCRIPT"}));
}

TEST(ForwardRulesTest, FindsKeys) {
  const Words words = {"C", "1", "2", "3", "4", "5"};
  EXPECT_EQ(Keys({1, 1, 1}, words), (Words{"1"}));
  EXPECT_EQ(Keys({1, 2, 1}, words), (Words{"1", "2"}));
  EXPECT_EQ(Keys({1, -1, 1}, words), (Words{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(Keys({1, -2, 1}, words), (Words{"1", "2", "3", "4"}));
  EXPECT_EQ(Keys({1, -1, 2}, words), (Words{"1", "3", "5"}));
  EXPECT_EQ(Keys({2, -1, 2}, words), (Words{"2", "4"}));
  EXPECT_EQ(Keys({5, 5, 1}, words), (Words{"5"}));
}

TEST(ForwardRulesTest, FindsNoKeysOutsideOfTheArguments) {
  const Words words = {"C", "1"};
  EXPECT_EQ(Keys({0, 0, 0}, words), Words{});
  EXPECT_EQ(Keys({0, -1, 1}, words), Words{});
  EXPECT_EQ(Keys({2, 2, 1}, words), Words{});
  EXPECT_EQ(Keys({1, 9, 1}, words), (Words{"1"}));
  EXPECT_EQ(Keys({1, -9, 1}, words), Words{});
  EXPECT_EQ(Keys({-1, 1, 1}, words), Words{});
  EXPECT_EQ(Keys({1, INT64_MIN, 1}, words), Words{});
  EXPECT_EQ(Keys({1, INT64_MAX, INT64_MAX}, words), (Words{"1"}));
  EXPECT_EQ(Keys({1, 1, 0}, words), (Words{"1"}));
  EXPECT_EQ(Keys({1, 1, -1}, words), (Words{"1"}));
}

TEST(ForwardRulesTest, DropsWhatACommandMayHaveWritten) {
  const auto drop = [](CommandFacts facts) { return DropOf(facts, *ParsedCommand({"C", "k"})); };
  CommandFacts facts = Facts("c");
  EXPECT_EQ(drop(facts), Drop::kNothing) << "PUBLISH";
  facts.write = true;
  EXPECT_EQ(drop(facts), Drop::kAll) << "FLUSHALL";
  facts.keys.first = 1;
  EXPECT_EQ(drop(facts), Drop::kKeys) << "SET";
  facts.write = false;
  EXPECT_EQ(drop(facts), Drop::kKeys) << "a command of a module without flags";
  facts.movablekeys = true;
  EXPECT_EQ(drop(facts), Drop::kGetKeys) << "MIGRATE";
  facts.write = true;
  EXPECT_EQ(drop(facts), Drop::kGetKeys) << "SORT";
  facts.write = false;
  facts.readonly = true;
  EXPECT_EQ(drop(facts), Drop::kNothing) << "EVAL_RO";
}

TEST(ForwardRulesTest, PfcountWritesAlthoughRedisCallsItReadonly) {
  CommandFacts facts = Facts("pfcount");
  facts.readonly = true;
  facts.keys = {1, -1, 1};
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"PFCOUNT", "k"})), Drop::kKeys);
}

TEST(ForwardRulesTest, ScriptsCountTheirKeysThemselves) {
  for (const std::string name : {"eval", "evalsha", "fcall"}) {
    CommandFacts facts = Facts(name);
    facts.arity = -3;
    facts.movablekeys = true;
    const auto keys_of = [&](const Words& words) {
      EXPECT_EQ(DropOf(facts, *ParsedCommand(words)), Drop::kKeys);
      return Keys(KeysOf(facts, *ParsedCommand(words)), words);
    };
    EXPECT_EQ(keys_of({"C", "script", "0"}), Words{});
    EXPECT_EQ(keys_of({"C", "script", "0", "argument"}), Words{});
    EXPECT_EQ(keys_of({"C", "script", "1", "a", "argument"}), Words{"a"});
    EXPECT_EQ(keys_of({"C", "script", "2", "a", "b"}), (Words{"a", "b"}));
    EXPECT_EQ(keys_of({"C", "script", "3", "a", "b"}), Words{}) << "an error";
    EXPECT_EQ(keys_of({"C", "script", "9223372036854775807", "a"}), Words{});
    for (const std::string count : {"-1", "+1", "01", "x", ""}) {
      EXPECT_EQ(DropOf(facts, *ParsedCommand({"C", "script", count, "a"})), Drop::kGetKeys)
          << count;
    }
    EXPECT_EQ(DropOf(facts, *ParsedCommand({"C", "script"})), Drop::kNothing) << "arity";
  }
}

TEST(ForwardRulesTest, OtherCommandsHaveTheKeysOfTheTable) {
  CommandFacts facts = Facts("mset");
  facts.keys = {1, -1, 2};
  const Words words = {"MSET", "a", "1", "b", "2"};
  EXPECT_EQ(Keys(KeysOf(facts, *ParsedCommand(words)), words), (Words{"a", "b"}));
}

TEST(ForwardRulesTest, DropsNothingForFunctions) {
  CommandFacts facts = Facts("function|load");
  facts.write = true;
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"FUNCTION", "LOAD", "x"})), Drop::kNothing);
}

TEST(ForwardRulesTest, DropsNothingForTheWrongNumberOfArguments) {
  CommandFacts facts = Facts("flushall");
  facts.write = true;
  facts.arity = 2;
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"C"})), Drop::kNothing);
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"C", "1"})), Drop::kAll);
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"C", "1", "2"})), Drop::kNothing);
  facts.arity = -2;
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"C"})), Drop::kNothing);
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"C", "1"})), Drop::kAll);
  EXPECT_EQ(DropOf(facts, *ParsedCommand({"C", "1", "2"})), Drop::kAll);
}

}  // namespace
}  // namespace rp::proxy
