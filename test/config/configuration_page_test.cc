// docs/configuration.md has every flag and every environment variable, in the order of the tables,
// with their defaults, and no others.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/flags.h"
#include "config/secrets.h"
#include "test/support/read_file.h"

namespace rp::config {
namespace {

constexpr const char* kPage = "docs/configuration.md";

// What the page must say: its headings below the introduction, and behind the heading of a flag its
// default.
std::vector<std::string> ExpectedLines() {
  std::vector<std::string> lines;
  std::string_view group;
  for (const Flag& flag : Flags()) {
    if (flag.group != group) lines.push_back("## " + std::string(flag.group));
    group = flag.group;
    lines.push_back("### `" + Usage(flag) + "`");
    if (flag.parse == nullptr) continue;
    const std::string words(DefaultInWords(flag));
    lines.push_back("Default: " + (flag.default_note.empty() ? "`" + words + "`" : words));
  }
  lines.push_back("## Environment");
  for (const Variable& variable : Variables()) {
    lines.push_back("### `" + std::string(variable.name) + "`");
  }
  return lines;
}

TEST(ConfigurationPageTest, HasEveryFlagWithItsDefaultAndEveryVariable) {
  std::vector<std::string> lines;
  std::istringstream page(ReadRepositoryFile(kPage));
  for (std::string line; std::getline(page, line);) {
    const bool told =
        line.starts_with("## ") || line.starts_with("### ") || line.starts_with("Default: ");
    if (told && line != "## How flags are written") lines.push_back(line);
  }
  EXPECT_EQ(lines, ExpectedLines());
}

TEST(ConfigurationPageTest, ListsEveryFlagInItsTableOfContents) {
  const std::string page = ReadRepositoryFile(kPage);
  const std::string contents = page.substr(0, page.find("\n## "));
  for (const Flag& flag : Flags()) {
    EXPECT_NE(contents.find("`-" + std::string(flag.name) + "`"), std::string::npos) << flag.name;
  }
  for (const Variable& variable : Variables()) {
    EXPECT_NE(contents.find("`" + std::string(variable.name) + "`"), std::string::npos);
  }
}

}  // namespace
}  // namespace rp::config
