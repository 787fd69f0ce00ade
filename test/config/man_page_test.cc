#include "config/man_page.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "config/flags.h"
#include "config/secrets.h"
#include "test/support/read_file.h"

namespace rp::config {
namespace {

TEST(ManPageTest, IsTheOneInDocs) {
  EXPECT_EQ(ReadRepositoryFile("docs/redis-proxy.1"), ManPage(ReadVersion()))
      << "run `make docs/redis-proxy.1`";
}

TEST(ManPageTest, HasTheSectionsOfAManual) {
  const std::string page = ManPage("1.2.3");
  EXPECT_NE(page.find("\"redis\\-proxy 1.2.3\""), std::string::npos);
  size_t at = 0;
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT",
                              "SIGNALS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"}) {
    at = page.find("\n.SH " + std::string(section) + "\n", at);
    ASSERT_NE(at, std::string::npos) << section;
  }
}

TEST(ManPageTest, DocumentsEveryFlagWithItsDefault) {
  const std::string page = ManPage("1.2.3");
  for (const Flag& flag : Flags()) {
    std::string name(flag.name);
    for (size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) {
      name.insert(at, "\\");
    }
    const size_t entry = page.find("\n.TP\n\\fB\\-" + name + "\\fR");
    ASSERT_NE(entry, std::string::npos) << name;
    if (flag.parse == nullptr) continue;
    const std::string rest = page.substr(entry + 1, page.find("\n.TP\n", entry + 1) - entry - 1);
    std::string text = RoffOf(DefaultInWords(flag));
    text.pop_back();
    if (flag.default_note.empty()) text = "\\fB" + text + "\\fR";
    EXPECT_NE(rest.find("\nDefault: " + text + "."), std::string::npos) << rest;
  }
}

TEST(ManPageTest, DocumentsEveryEnvironmentVariable) {
  const std::string page = ManPage("1.2.3");
  for (const Variable& variable : Variables()) {
    const std::string entry = "\n.TP\n\\fB" + std::string(variable.name) + "\\fR\n";
    EXPECT_NE(page.find(entry + RoffOf(variable.help)), std::string::npos) << entry;
  }
}

TEST(ManPageTest, HasLinesOfAtMost80Bytes) {
  std::istringstream page(ManPage("1.2.3"));
  for (std::string line; std::getline(page, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(RoffOfTest, PutsEachSentenceOnALineOfItsOwn) {
  EXPECT_EQ(RoffOf("One. Two 1.5 three."), "One.\nTwo 1.5 three.\n");
  EXPECT_EQ(RoffOf("No end"), "No end\n");
  EXPECT_EQ(RoffOf(""), "");
}

TEST(RoffOfTest, BreaksLinesAt80Bytes) {
  const std::string words =
      "0123456 0123456 0123456 0123456 0123456 0123456 0123456 0123456 0123456 ";
  EXPECT_EQ(RoffOf(words + "01234567"), words + "01234567\n");
  EXPECT_EQ(RoffOf(words + "012345678"), words.substr(0, 71) + "\n012345678\n");
}

TEST(RoffOfTest, MakesFlagsAndVariablesBold) {
  EXPECT_EQ(RoffOf("With -max-age, or (-resp). See REDIS_PASSWORD."),
            "With \\fB\\-max\\-age\\fR, or (\\fB\\-resp\\fR).\nSee \\fBREDIS_PASSWORD\\fR.\n");
}

TEST(RoffOfTest, EscapesWhatRoffWouldInterpret) {
  EXPECT_EQ(RoffOf("user-name - a\\b"), "user\\-name \\- a\\eb\n");
  EXPECT_EQ(RoffOf(".so x"), "\\&.so x\n");
  EXPECT_EQ(RoffOf("End. 'quoted'"), "End.\n\\&'quoted'\n");
}

}  // namespace
}  // namespace rp::config
