#include "resp/error_texts.h"

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

TEST(ErrorTextsTest, NamesTheCommandWithTheWrongNumberOfArguments) {
  EXPECT_EQ(WrongArityText("get"), "wrong number of arguments for 'get' command");
  EXPECT_EQ(WrongArityText("client|setname"),
            "wrong number of arguments for 'client|setname' command");
}

// From here on: what redis-server 7.0.15 answers, without "-ERR ".
TEST(ErrorTextsTest, ShowsAnUnknownCommandWithItsArguments) {
  const std::string foo = "unknown command 'foo', with args beginning with: ";
  EXPECT_EQ(Unknown({"FOO"}), "unknown command 'FOO', with args beginning with: ");
  EXPECT_EQ(Unknown({"FOO", "a", "b c", "d  e"}),
            "unknown command 'FOO', with args beginning with: 'a' 'b c' 'd  e' ");
  EXPECT_EQ(Unknown({""}), "unknown command '', with args beginning with: ");
  EXPECT_EQ(Unknown({"foo", ""}), foo + "'' ");
  EXPECT_EQ(Unknown({"\xff", "\xe9"}), "unknown command '\xff', with args beginning with: '\xe9' ");
}

TEST(ErrorTextsTest, MakesAnUnknownCommandASingleLine) {
  EXPECT_EQ(Unknown({"F\r\nO", "a\r\nb"}),
            "unknown command 'F  O', with args beginning with: 'a  b' ");
  EXPECT_EQ(Unknown({"foo\r\n"}), "unknown command 'foo  ', with args beginning with: ");
  EXPECT_EQ(Unknown({"foo", "a\n\n"}), "unknown command 'foo', with args beginning with: 'a  ' ");
}

TEST(ErrorTextsTest, ShowsAnUnknownCommandUpToANul) {
  EXPECT_EQ(Unknown({"F\0O"s, "a\0b"s, "c"}),
            "unknown command 'F', with args beginning with: 'a' 'c' ");
}

TEST(ErrorTextsTest, Shows128BytesOfAnUnknownName) {
  const auto expected = [](size_t size) {
    return "unknown command '" + std::string(size, 'x') + "', with args beginning with: ";
  };
  EXPECT_EQ(Unknown({std::string(127, 'x')}), expected(127));
  EXPECT_EQ(Unknown({std::string(128, 'x')}), expected(128));
  EXPECT_EQ(Unknown({std::string(129, 'x')}), expected(128));
}

TEST(ErrorTextsTest, Shows128BytesOfTheArguments) {
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

TEST(ErrorTextsTest, ShowsAnUnknownSubcommand) {
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
