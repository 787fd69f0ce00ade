#include "resp/command_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/resp/request_table.h"

namespace rp::resp {
namespace {

using std::string_literals::operator""s;

using Text = std::string (*)(const Command&);

std::string TextOf(Text text, const std::vector<std::string>& arguments) {
  const std::string bytes = Array(arguments);
  RequestReader reader(kDefaultLimits);
  Command command;
  EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  return text(command);
}

std::string Unknown(const std::vector<std::string>& arguments) {
  return TextOf(UnknownCommandText, arguments);
}

TEST(CommandNamesTest, FindsEveryCommandInAnyCase) {
  for (const CommandInfo& info : kCommands) {
    SCOPED_TRACE(info.name);
    std::string upper;
    for (const char c : info.name) upper += ToUpperAscii(c);
    EXPECT_EQ(FindCommand(info.name), &info);
    EXPECT_EQ(FindCommand(upper), &info);
    EXPECT_EQ(FindCommand(upper.substr(0, 1) + std::string(info.name.substr(1))), &info);
    EXPECT_EQ(&InfoOf(info.id), &info);
  }
}

TEST(CommandNamesTest, FindsNothingElse) {
  const std::vector<std::string> others = {"",        "ge",  "gett",      "get ",        "get\0"s,
                                           "g\xe5t"s, "set", "client|id", "pexpiretimes"};
  for (const std::string& name : others) {
    EXPECT_EQ(FindCommand(name), nullptr) << name;
  }
}

TEST(CommandNamesTest, KnowsWhereKeysAre) {
  const CommandInfo& get = InfoOf(CommandName::kGet);
  EXPECT_EQ(get.first_key, 1);
  EXPECT_EQ(get.last_key, 1);
  EXPECT_EQ(InfoOf(CommandName::kMget).last_key, -1);
  EXPECT_EQ(InfoOf(CommandName::kPing).first_key, 0);
}

TEST(CommandNamesTest, CountsTheNameAmongTheArguments) {
  const CommandInfo& get = InfoOf(CommandName::kGet);
  EXPECT_FALSE(get.Takes(1));
  EXPECT_TRUE(get.Takes(2));
  EXPECT_FALSE(get.Takes(3));
  const CommandInfo& mget = InfoOf(CommandName::kMget);
  EXPECT_FALSE(mget.Takes(1));
  EXPECT_TRUE(mget.Takes(2));
  EXPECT_TRUE(mget.Takes(1000000));
  EXPECT_TRUE(InfoOf(CommandName::kPing).Takes(1));
}

TEST(CommandNamesTest, NamesTheCommandWithTheWrongNumberOfArguments) {
  EXPECT_EQ(WrongArityText(FindCommand("GeT")->name),
            "wrong number of arguments for 'get' command");
  EXPECT_EQ(WrongArityText("client|setname"),
            "wrong number of arguments for 'client|setname' command");
}

// From here on: what redis-server 7.0.15 answers, without "-ERR ".
TEST(CommandNamesTest, ShowsAnUnknownCommandWithItsArguments) {
  const std::string foo = "unknown command 'foo', with args beginning with: ";
  EXPECT_EQ(Unknown({"FOO"}), "unknown command 'FOO', with args beginning with: ");
  EXPECT_EQ(Unknown({"FOO", "a", "b c", "d  e"}),
            "unknown command 'FOO', with args beginning with: 'a' 'b c' 'd  e' ");
  EXPECT_EQ(Unknown({""}), "unknown command '', with args beginning with: ");
  EXPECT_EQ(Unknown({"foo", ""}), foo + "'' ");
  EXPECT_EQ(Unknown({"\xff", "\xe9"}), "unknown command '\xff', with args beginning with: '\xe9' ");
}

TEST(CommandNamesTest, MakesAnUnknownCommandASingleLine) {
  EXPECT_EQ(Unknown({"F\r\nO", "a\r\nb"}),
            "unknown command 'F  O', with args beginning with: 'a  b' ");
  EXPECT_EQ(Unknown({"foo\r\n"}), "unknown command 'foo  ', with args beginning with: ");
  EXPECT_EQ(Unknown({"foo", "a\n\n"}), "unknown command 'foo', with args beginning with: 'a  ' ");
}

TEST(CommandNamesTest, ShowsAnUnknownCommandUpToANul) {
  EXPECT_EQ(Unknown({"F\0O"s, "a\0b"s, "c"}),
            "unknown command 'F', with args beginning with: 'a' 'c' ");
}

TEST(CommandNamesTest, Shows128BytesOfAnUnknownName) {
  const auto expected = [](size_t size) {
    return "unknown command '" + std::string(size, 'x') + "', with args beginning with: ";
  };
  EXPECT_EQ(Unknown({std::string(127, 'x')}), expected(127));
  EXPECT_EQ(Unknown({std::string(128, 'x')}), expected(128));
  EXPECT_EQ(Unknown({std::string(129, 'x')}), expected(128));
}

TEST(CommandNamesTest, Shows128BytesOfTheArguments) {
  const std::string foo = "unknown command 'foo', with args beginning with: ";
  const auto a = [](size_t size) { return std::string(size, 'a'); };
  EXPECT_EQ(Unknown({"foo", a(123), "bcd", "e"}), foo + "'" + a(123) + "' 'bc' ");
  EXPECT_EQ(Unknown({"foo", a(124), "bcd", "e"}), foo + "'" + a(124) + "' 'b' ");
  EXPECT_EQ(Unknown({"foo", a(125), "b"}), foo + "'" + a(125) + "' ");
  EXPECT_EQ(Unknown({"foo", a(127), "b"}), foo + "'" + a(127) + "' ");
  EXPECT_EQ(Unknown({"foo", a(128), "b"}), foo + "'" + a(128) + "' ");
  EXPECT_EQ(Unknown({"foo", a(129), "b"}), foo + "'" + a(128) + "' ");
  EXPECT_EQ(Unknown({"foo", a(100), std::string(100, 'b'), "c"}),
            foo + "'" + a(100) + "' '" + std::string(25, 'b') + "' ");
}

TEST(CommandNamesTest, ShowsAnUnknownSubcommand) {
  const auto text = [](const std::vector<std::string>& arguments) {
    return TextOf(UnknownSubcommandText, arguments);
  };
  EXPECT_EQ(text({"client", "foo"}), "unknown subcommand 'foo'. Try CLIENT HELP.");
  EXPECT_EQ(text({"CLIENT", "f\r\no", "x"}), "unknown subcommand 'f  o'. Try CLIENT HELP.");
  EXPECT_EQ(text({"Command", "a\0b"s}), "unknown subcommand 'a'. Try COMMAND HELP.");
  EXPECT_EQ(text({"config", ""}), "unknown subcommand ''. Try CONFIG HELP.");
  EXPECT_EQ(text({"client", std::string(200, 'y')}),
            "unknown subcommand '" + std::string(128, 'y') + "'. Try CLIENT HELP.");
}

}  // namespace
}  // namespace rp::resp
