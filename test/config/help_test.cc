#include "config/help.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "config/flag_values.h"
#include "config/flags.h"
#include "config/secrets.h"

namespace rp::config {
namespace {

// As -h writes it behind the name of the flag.
std::string DefaultOf(const Flag& flag) {
  if (DefaultInWords(flag).empty()) return "";
  std::string text = DefaultText(flag);
  if (!flag.default_note.empty())
    text += (text.empty() ? "" : ": ") + std::string(flag.default_note);
  return " (default " + text + ")";
}

TEST(HelpTextTest, ListsEveryFlagWithItsDefaultAndSentence) {
  const std::string help = HelpText();
  for (const Flag& flag : Flags()) {
    const std::string entry =
        "\n  " + Usage(flag) + DefaultOf(flag) + "\n      " + std::string(flag.help) + "\n";
    EXPECT_NE(help.find(entry), std::string::npos) << entry;
  }
}

TEST(HelpTextTest, SaysWhatADefaultIsThatTheMachineDecides) {
  EXPECT_NE(HelpText().find("\n  -max-memory SIZE (default " + DefaultMaxMemory() +
                            ": a quarter of the memory)\n"),
            std::string::npos)
      << HelpText();
  EXPECT_NE(HelpText().find("\n  -resp [HOST]:PORT (default off)\n"), std::string::npos);
}

TEST(HelpTextTest, HeadsEachGroupOfFlagsOnce) {
  const std::string help = HelpText();
  for (const Flag& flag : Flags()) {
    const std::string heading = "\n\n" + std::string(flag.group) + ":\n  -";
    const size_t at = help.find(heading);
    ASSERT_NE(at, std::string::npos) << heading;
    EXPECT_EQ(help.find(heading, at + 1), std::string::npos) << heading;
  }
}

TEST(HelpTextTest, ListsEveryEnvironmentVariable) {
  for (const Variable& variable : Variables()) {
    const std::string entry =
        "\n  " + std::string(variable.name) + "\n      " + std::string(variable.help) + "\n";
    EXPECT_NE(HelpText().find(entry), std::string::npos) << entry;
  }
}

TEST(HelpTextTest, FitsIn80ColumnsAndEndsWithANewline) {
  std::istringstream help(HelpText());
  for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_EQ(HelpText().back(), '\n');
}

}  // namespace
}  // namespace rp::config
