#include "resp_front/commands.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/ascii.h"
#include "resp_front/other_commands.h"
#include "test/resp/request_table.h"

namespace rp::resp_front {
namespace {

using std::string_literals::operator""s;

std::string Upper(std::string_view name) {
  std::string upper;
  for (const char c : name) upper += ToUpperAscii(c);
  return upper;
}

void ExpectOneFunction(const CommandRow& row) {
  SCOPED_TRACE(row.name);
  const bool must_have_subcommand = !row.subcommands.empty() && row.arity <= -2;
  const int functions = (row.read != nullptr ? 1 : 0) + (row.answer != nullptr ? 1 : 0);
  EXPECT_EQ(functions, must_have_subcommand ? 0 : 1);
  for (const CommandRow& subcommand : row.subcommands) ExpectOneFunction(subcommand);
}

TEST(CommandsTest, EveryRowHasOneFunctionOrSubcommandsThatHave) {
  for (const CommandRow& row : Commands()) ExpectOneFunction(row);
}

TEST(CommandsTest, FindsEveryCommandInAnyCase) {
  for (const CommandRow& row : Commands()) {
    SCOPED_TRACE(row.name);
    const std::string upper = Upper(row.name);
    EXPECT_EQ(FindCommand(row.name), &row);
    EXPECT_EQ(FindCommand(upper), &row);
    EXPECT_EQ(FindCommand(upper.substr(0, 1) + std::string(row.name.substr(1))), &row);
  }
}

TEST(CommandsTest, FindsNothingElse) {
  const std::vector<std::string> others = {"",        "ge",  "gett",      "get ",        "get\0"s,
                                           "g\xe5t"s, "set", "client|id", "pexpiretimes"};
  for (const std::string& name : others) {
    EXPECT_EQ(FindCommand(name), nullptr) << name;
  }
}

// A hit costs one comparison of names.
TEST(CommandsTest, FindsGetFirst) { EXPECT_EQ(Commands().begin(), FindCommand("get")); }

TEST(CommandsTest, FindsEverySubcommandInAnyCaseWithItsOwnCommandOnly) {
  size_t subcommands = 0;
  for (const CommandRow& row : Commands()) {
    for (const CommandRow& subcommand : row.subcommands) {
      SCOPED_TRACE(subcommand.name);
      ASSERT_TRUE(subcommand.name.starts_with(std::string(row.name) + "|"));
      const std::string_view name = subcommand.name.substr(row.name.size() + 1);
      EXPECT_EQ(FindSubcommand(row, name), &subcommand);
      EXPECT_EQ(FindSubcommand(row, Upper(name)), &subcommand);
      EXPECT_EQ(FindSubcommand(*FindCommand("get"), name), nullptr);
      EXPECT_EQ(FindSubcommand(row, subcommand.name), nullptr);
      ++subcommands;
    }
  }
  EXPECT_EQ(subcommands, 30u);
}

TEST(CommandsTest, KnowsWhereKeysAre) {
  const CommandRow& get = *FindCommand("get");
  EXPECT_EQ(get.keys.first, 1);
  EXPECT_EQ(get.keys.last, 1);
  EXPECT_EQ(FindCommand("mget")->keys.last, -1);
  EXPECT_EQ(FindCommand("ping")->keys.first, 0);
}

TEST(CommandsTest, CountsTheNameAmongTheArguments) {
  const CommandRow& get = *FindCommand("get");
  EXPECT_FALSE(get.Takes(1));
  EXPECT_TRUE(get.Takes(2));
  EXPECT_FALSE(get.Takes(3));
  const CommandRow& mget = *FindCommand("mget");
  EXPECT_FALSE(mget.Takes(1));
  EXPECT_TRUE(mget.Takes(2));
  EXPECT_TRUE(mget.Takes(1000000));
  EXPECT_TRUE(FindCommand("ping")->Takes(1));
}

TEST(CommandsTest, ACommandReadsKeysExactlyIfItsRowSaysWhere) {
  for (const CommandRow& row : Commands()) {
    const bool asks_for_no_key = row.name == "dbsize";
    EXPECT_EQ(row.read != nullptr && !asks_for_no_key, row.keys.first > 0) << row.name;
  }
}

Answerer AnswererOfWords(const std::vector<std::string>& words) {
  const std::string bytes = resp::Array(words);
  resp::RequestReader reader(resp::kDefaultLimits);
  resp::Command command;
  EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  return AnswererOf(command, FindCommand(command[0]));
}

TEST(CommandsTest, WithForwardRedisAnswersWhatIsNotAboutTheClientsOwnConnection) {
  for (const char* name : {"get", "mget", "exists", "type", "ttl", "expiretime", "ping", "echo",
                           "hello", "auth", "select", "reset", "quit", "unwatch", "dbsize"}) {
    EXPECT_EQ(AnswererOfWords({name}), Answerer::kProxy) << name;
  }
  for (const char* name :
       {"setname", "GETNAME", "setinfo", "id", "info", "reply", "no-evict", "no-touch"}) {
    EXPECT_EQ(AnswererOfWords({"client", name}), Answerer::kProxy) << name;
  }
  for (const char* name : {"list", "KILL", "pause", "unpause", "unblock", "tracking", "caching",
                           "trackinginfo", "getredir", "help", "nosuch"}) {
    EXPECT_EQ(AnswererOfWords({"client", name}), Answerer::kRedis) << name;
  }
  for (const char* name : {"set", "client", "config", "command", "object", "nosuch"}) {
    EXPECT_EQ(AnswererOfWords({name}), Answerer::kRedis) << name;
  }
  for (const char* container : {"config", "command"}) {
    EXPECT_EQ(AnswererOfWords({container, "nosuch"}), Answerer::kRedis);
    for (const CommandRow& row : FindCommand(container)->subcommands) {
      EXPECT_EQ(row.with_forward, Answerer::kRedis) << row.name;
    }
  }
  EXPECT_EQ(AnswererOfWords({"info", "server"}), Answerer::kRedisThenProxy);
}

TEST(CommandsTest, OtherCommandsOfRedisAreThoseThatHaveNoRow) {
  for (const CommandRow& row : Commands()) EXPECT_FALSE(IsOtherRedisCommand(row.name)) << row.name;
  for (const char* name : {"acl", "SET", "Subscribe", "zunionstore"}) {
    EXPECT_TRUE(IsOtherRedisCommand(name)) << name;
  }
  for (const char* name : {"", "foo", "sett", "zz"}) EXPECT_FALSE(IsOtherRedisCommand(name));
}

}  // namespace
}  // namespace rp::resp_front
