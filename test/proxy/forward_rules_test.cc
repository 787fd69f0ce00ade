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

Refused Refusal(const std::string& name, const Words& words) {
  return RefusedFor(Facts(name), *ParsedCommand(words));
}

// The text of a refusal; empty if it is none.
std::string Text(const CommandFacts& facts, const Words& words) {
  const ParsedCommand command(words);
  const Refused why = RefusedFor(facts, *command);
  return why == Refused::kNo ? "" : RefusedText(facts, *command, why);
}

Words Keys(KeyRange keys, const Words& words) {
  Words found;
  ForEachKey(keys, *ParsedCommand(words), [&](std::string_view key) { found.emplace_back(key); });
  return found;
}

TEST(ForwardRulesTest, RefusesWhatWouldChangeASharedConnection) {
  for (const std::string name :
       {"multi",      "exec",        "discard",      "watch",   "subscribe",    "psubscribe",
        "ssubscribe", "unsubscribe", "punsubscribe", "monitor", "sunsubscribe", "sync",
        "psync",      "replconf",    "auth",         "hello",   "select",       "reset",
        "quit",       "readonly",    "readwrite",    "asking"}) {
    EXPECT_EQ(Refusal(name, {name}), Refused::kChangesConnection) << name;
  }
}

TEST(ForwardRulesTest, RefusesWhatWouldBlockOrStop) {
  for (const std::string name : {"wait", "waitaof"}) {
    EXPECT_EQ(Refusal(name, {name}), Refused::kBlocks) << name;
  }
  for (const std::string name : {"shutdown", "debug", "replicaof", "slaveof", "failover"}) {
    EXPECT_EQ(Refusal(name, {name}), Refused::kStopsRedis) << name;
  }
}

// Redis 7 has a row for each subcommand, and Redis 6 one for all.
TEST(ForwardRulesTest, RefusesWhatClientSaysOfTheConnectionThatSendsIt) {
  const auto expect = [](const std::string& name, Refused why) {
    EXPECT_EQ(Refusal("client|" + name, {"CLIENT", name}), why) << name;
    EXPECT_EQ(Refusal("client", {"client", name}), why) << name;
  };
  for (const std::string name : {"tracking", "CACHING", "reply", "setname", "setinfo", "no-evict",
                                 "no-touch", "capa", "import-source"}) {
    expect(name, Refused::kChangesConnection);
  }
  for (const std::string name : {"id", "info", "getname", "getredir", "TrackingInfo"}) {
    expect(name, Refused::kDescribesConnection);
  }
  for (const std::string name : {"list", "kill", "pause", "unpause", "unblock", "help", "nosuch"}) {
    expect(name, Refused::kNo);
  }
  EXPECT_EQ(Refusal("client", {"CLIENT"}), Refused::kNo) << "the error is Redis's";
}

TEST(ForwardRulesTest, ARefusalNamesTheCommandAndTheReason) {
  const std::string shared = "all clients share the connections to Redis, and it would ";
  CommandFacts blpop = Facts("blpop");
  blpop.blocking = true;
  CommandFacts xread = Facts("xread");
  xread.blocking = true;
  EXPECT_EQ(Text(blpop, {"BLPOP", "k", "0"}), "'blpop' is not available: " + shared + "block one");
  EXPECT_EQ(Text(xread, {"XREAD", "BLOCK", "0", "STREAMS", "s", "0"}),
            "'xread block' is not available: " + shared + "block one");
  EXPECT_EQ(Text(Facts("subscribe"), {"Subscribe", "c"}),
            "'subscribe' is not available: " + shared + "change one");
  for (const std::string name : {"client", "client|tracking"}) {
    EXPECT_EQ(Text(Facts(name), {"client", "TRACKING", "on"}),
              "'client|tracking' is not available: " + shared + "change one");
  }
  EXPECT_EQ(Text(Facts("client|getredir"), {"client", "getredir"}),
            "'client|getredir' is not available: " + shared + "describe one");
  EXPECT_EQ(Text(Facts("shutdown"), {"shutdown"}),
            "'shutdown' is not available: it may stop Redis or change its role for all clients");
}

TEST(ForwardRulesTest, LetsTheOthersThrough) {
  for (const std::string name :
       {"set", "del", "eval", "fcall", "publish", "pubsub|channels", "script|load", "flushall",
        "swapdb", "migrate", "json.set", "object|encoding", "config|set", "acl|whoami", "unwatch",
        "info"}) {
    EXPECT_EQ(Refusal(name, {name}), Refused::kNo) << name;
  }
}

TEST(ForwardRulesTest, RefusesWhatBlocks) {
  CommandFacts facts = Facts("module.wait");
  const ParsedCommand command({"module.wait"});
  EXPECT_EQ(RefusedFor(facts, *command), Refused::kNo);
  facts.blocking = true;
  EXPECT_EQ(RefusedFor(facts, *command), Refused::kBlocks);
}

TEST(ForwardRulesTest, InATransactionNothingBlocks) {
  const auto refuses = [](const std::string& name, const Words& words) {
    CommandFacts facts = Facts(name);
    facts.blocking = true;
    return RefusedInTransaction(facts, *ParsedCommand(words)) != Refused::kNo;
  };
  EXPECT_FALSE(refuses("blpop", {"BLPOP", "k", "0"}));
  EXPECT_FALSE(refuses("wait", {"WAIT", "1", "0"}));
  EXPECT_FALSE(refuses("waitaof", {"WAITAOF", "1", "0", "0"}));
  EXPECT_FALSE(refuses("xread", {"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}));
  EXPECT_FALSE(refuses("set", {"SET", "k", "v"}));
  for (const std::string name : {"multi", "exec", "select", "subscribe", "hello"}) {
    EXPECT_TRUE(refuses(name, {name})) << name;
  }
  EXPECT_TRUE(refuses("client|reply", {"CLIENT", "REPLY", "OFF"}));
  EXPECT_TRUE(refuses("client|id", {"CLIENT", "ID"}));
}

TEST(ForwardRulesTest, RefusesToReadAStreamOnlyWhereThatWaits) {
  CommandFacts facts = Facts("xread");
  facts.blocking = true;
  const auto refused = [&](const std::string& name, const Words& words) {
    facts.name = name;
    return RefusedFor(facts, *ParsedCommand(words)) == Refused::kBlocks;
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
  // Where an ID is not >, Redis answers with the entries from it on, or none.
  const auto refuses_group = [&](const Words& words) {
    Words all = {"XREADGROUP", "GROUP", "g", "block", "BLOCK", "0", "STREAMS"};
    all.insert(all.end(), words.begin(), words.end());
    return refused("xreadgroup", all);
  };
  EXPECT_FALSE(refuses_group({"s", "0"}));
  EXPECT_FALSE(refuses_group({"s", "t", ">", "0"}));
  EXPECT_TRUE(refuses_group({"s", "t", ">", ">"}));
  EXPECT_TRUE(refuses_group({">", ">"}));
  EXPECT_FALSE(refuses_group({">", "0"}));
  EXPECT_TRUE(refused("xreadgroup", {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0"}));
  EXPECT_TRUE(refused("xread", {"XREAD", "BLOCK", "0", "STREAMS", "s", "t", "0", "$"}));
}

TEST(ForwardRulesTest, RefusesScriptDebugWhereSubcommandsAreNotTold) {
  for (const std::string name : {"script", "script|debug"}) {
    EXPECT_EQ(Refusal(name, {"SCRIPT", "DEBUG", "YES"}), Refused::kChangesConnection) << name;
  }
  EXPECT_EQ(Refusal("script", {"SCRIPT", "LOAD", "debug"}), Refused::kNo);
  EXPECT_EQ(Refusal("script", {"SCRIPT"}), Refused::kNo);
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
