#include "proxy/command_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/command_reply.h"

namespace rp::proxy {
namespace {

const CommandFacts* Find(const CommandTable& table, const std::vector<std::string>& arguments) {
  return table.Find(*ParsedCommand(arguments));
}

TEST(CommandTableTest, KnowsWhatRedisSays) {
  const auto table = CommandTable::Parse(ArrayOf({
      Described("get", 2, {"readonly", "fast"}, 1, 1, 1),
      Described("mset", -3, {"write", "denyoom"}, 1, -1, 2),
      Described("eval", -3, {"noscript", "movablekeys"}, 0, 0, 0),
      Described("blpop", -3, {"write", "blocking"}, 1, -2, 1),
  }));
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->size(), 4u);
  const CommandFacts* const get = Find(*table, {"get", "k"});
  ASSERT_NE(get, nullptr);
  EXPECT_EQ(get->arity, 2);
  EXPECT_TRUE(get->readonly);
  EXPECT_FALSE(get->write || get->blocking || get->movablekeys || get->has_subcommands);
  const CommandFacts* const mset = Find(*table, {"mset"});
  ASSERT_NE(mset, nullptr);
  EXPECT_EQ(mset->arity, -3);
  EXPECT_EQ(mset->keys.first, 1);
  EXPECT_EQ(mset->keys.last, -1);
  EXPECT_EQ(mset->keys.step, 2);
  EXPECT_TRUE(mset->write);
  EXPECT_FALSE(mset->readonly);
  EXPECT_TRUE(Find(*table, {"eval"})->movablekeys);
  EXPECT_TRUE(Find(*table, {"blpop"})->blocking);
}

TEST(CommandTableTest, FindsNamesInAnyCaseAndNoOthers) {
  const auto table = CommandTable::Parse(ArrayOf({Described("JSON.Get", -2, {}, 1, 1, 1)}));
  ASSERT_TRUE(table.ok());
  for (const std::string name : {"json.get", "JSON.GET", "Json.geT"}) {
    ASSERT_NE(Find(*table, {name}), nullptr) << name;
    EXPECT_EQ(Find(*table, {name})->name, "json.get");
  }
  for (const std::string& name : {std::string(), std::string("json.ge"), std::string("json.get "),
                                  std::string("json.get\0", 9), std::string(1 << 20, 'x')}) {
    EXPECT_EQ(Find(*table, {name}), nullptr) << name.substr(0, 20);
  }
}

TEST(CommandTableTest, FindsSubcommandsAndForOtherwiseTheirContainer) {
  const std::string load = Described("function|load", -3, {"write"}, 0, 0, 0);
  const auto table = CommandTable::Parse(
      ArrayOf({Described("function", -2, {}, 0, 0, 0, {load}), Described("get", 2, {}, 1, 1, 1)}));
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(Find(*table, {"FUNCTION", "LOAD", "x"})->name, "function|load");
  EXPECT_EQ(Find(*table, {"FUNCTION", "other"})->name, "function");
  EXPECT_EQ(Find(*table, {"FUNCTION", std::string(1 << 20, 'x')})->name, "function");
  EXPECT_EQ(Find(*table, {"FUNCTION"})->name, "function");
  EXPECT_EQ(Find(*table, {"GET", "load"})->name, "get");
}

TEST(CommandTableTest, TakesTheSixFieldsOfOldRedis) {
  const std::string get =
      ArrayOf({BulkOf("get"), ":2\r\n", ArrayOf({"+readonly\r\n"}), ":1\r\n", ":1\r\n", ":1\r\n"});
  const auto table = CommandTable::Parse(ArrayOf({get, get}));
  ASSERT_TRUE(table.ok());
  EXPECT_TRUE(Find(*table, {"get"})->readonly);
}

TEST(CommandTableTest, RefusesWhatIsNotATable) {
  const std::string five = ArrayOf({BulkOf("get"), ":2\r\n", ArrayOf({}), ":1\r\n", ":1\r\n"});
  const std::string no_name =
      ArrayOf({BulkOf(""), ":2\r\n", ArrayOf({}), ":1\r\n", ":1\r\n", ":1\r\n"});
  const std::string no_number =
      ArrayOf({BulkOf("get"), "+2\r\n", ArrayOf({}), ":1\r\n", ":1\r\n", ":1\r\n"});
  const std::string no_flags =
      ArrayOf({BulkOf("get"), ":2\r\n", "+fast\r\n", ":1\r\n", ":1\r\n", ":1\r\n"});
  for (const std::string& reply :
       {std::string("+OK\r\n"), std::string("$-1\r\n"), ArrayOf({"*-1\r\n"}), ArrayOf({":1\r\n"}),
        ArrayOf({five}), ArrayOf({no_name}), ArrayOf({no_number}), ArrayOf({no_flags}),
        ArrayOf({"(odd\r\n"})}) {
    const auto table = CommandTable::Parse(reply);
    ASSERT_FALSE(table.ok()) << reply;
    EXPECT_EQ(table.error().code, ErrorCode::kProtocol);
  }
}

// Whoever sends this must not make the parser recurse as deep.
TEST(CommandTableTest, SubcommandsHaveNone) {
  constexpr int kDepth = 100'000;
  std::string reply = "*1\r\n";
  for (int i = 0; i < kDepth; ++i) {
    reply += "*10\r\n$1\r\nc\r\n:2\r\n*0\r\n:0\r\n:0\r\n:0\r\n*0\r\n*0\r\n*0\r\n";
    reply += i + 1 < kDepth ? "*1\r\n" : "*0\r\n";
  }
  const auto table = CommandTable::Parse(reply);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->size(), 1u);
}

TEST(CommandTableTest, AnErrorOfRedisSpeaksForItself) {
  const auto table = CommandTable::Parse("-NOPERM no permissions to run 'command'\r\n");
  ASSERT_FALSE(table.ok());
  EXPECT_EQ(table.error().code, ErrorCode::kNoPermission);
  EXPECT_EQ(table.error().message, "NOPERM no permissions to run 'command'");
}

TEST(CommandTableTest, NamesHaveALimit) {
  const auto parse = [](size_t bytes) {
    return CommandTable::Parse(ArrayOf({Described(std::string(bytes, 'x'), 1, {}, 0, 0, 0)}));
  };
  const auto longest = parse(CommandTable::kMaxNameBytes);
  ASSERT_TRUE(longest.ok());
  EXPECT_NE(Find(*longest, {std::string(CommandTable::kMaxNameBytes, 'x')}), nullptr);
  EXPECT_FALSE(parse(CommandTable::kMaxNameBytes + 1).ok());
}

TEST(CommandTableTest, CommandsHaveALimit) {
  std::vector<std::string> commands;
  for (size_t i = 0; i < CommandTable::kMaxCommands; ++i) {
    commands.push_back(Described("c" + std::to_string(i), 1, {}, 0, 0, 0));
  }
  const auto most = CommandTable::Parse(ArrayOf(commands));
  ASSERT_TRUE(most.ok());
  EXPECT_EQ(most->size(), CommandTable::kMaxCommands);
  commands.push_back(Described("another", 1, {}, 0, 0, 0));
  EXPECT_FALSE(CommandTable::Parse(ArrayOf(commands)).ok());
}

TEST(CommandTableTest, TheReplyHasALimit) {
  const auto parse = [](size_t bytes) {
    std::vector<std::string> fields = {BulkOf("get"), ":2\r\n", ArrayOf({}), ":1\r\n",
                                       ":1\r\n",      ":1\r\n", BulkOf("")};
    const size_t others = ArrayOf({ArrayOf(fields)}).size() + 7;  // digits of the long one
    fields.back() = BulkOf(std::string(bytes - others, 'x'));
    const std::string reply = ArrayOf({ArrayOf(fields)});
    EXPECT_EQ(reply.size(), bytes);
    return CommandTable::Parse(reply);
  };
  EXPECT_TRUE(parse(CommandTable::kMaxReplyBytes).ok());
  EXPECT_FALSE(parse(CommandTable::kMaxReplyBytes + 1).ok());
}

}  // namespace
}  // namespace rp::proxy
