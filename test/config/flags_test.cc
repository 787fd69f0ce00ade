#include "config/flags.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "test/config/parsed_options.h"

namespace rp::config {
namespace {

TEST(FlagsTest, OfAGroupStandTogether) {
  std::set<std::string_view> seen;
  std::string_view last;
  for (const Flag& flag : Flags()) {
    if (flag.group != last) {
      EXPECT_TRUE(seen.insert(flag.group).second) << flag.name;
    }
    last = flag.group;
  }
}

TEST(FlagsTest, HaveADefaultInWordsWhereTheMachineDecidesItOrItIsEmpty) {
  for (const Flag& flag : Flags()) {
    if (flag.parse == nullptr) continue;
    EXPECT_FALSE(DefaultInWords(flag).empty()) << flag.name;
    EXPECT_EQ(flag.compute_default != nullptr || flag.default_text.empty(),
              !flag.default_note.empty())
        << flag.name;
  }
}

TEST(FlagsTest, ShowTheirDefaultsAsTheyAreWritten) {
  const Options options = ParseOk({});
  for (const Flag& flag : Flags()) {
    if (flag.show != nullptr) {
      EXPECT_EQ(flag.show(options), flag.default_text == "75s" ? "1m15s" : DefaultText(flag))
          << flag.name;
    }
  }
}

}  // namespace
}  // namespace rp::config
