#include "resp/command_info.h"

#include <gtest/gtest.h>

#include <string>

namespace rp::resp {
namespace {

TEST(CommandInfoTest, OfACommandWithKeys) {
  std::string reply;
  Writer writer(3, &reply);
  WriteCommandInfo(InfoOf(CommandName::kExists), &writer);
  EXPECT_EQ(reply,
            "*10\r\n$6\r\nexists\r\n:-2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:-1\r\n:1\r\n"
            "~3\r\n+@keyspace\r\n+@read\r\n+@fast\r\n"
            "~2\r\n$26\r\nrequest_policy:multi_shard\r\n$23\r\nresponse_policy:agg_sum\r\n"
            "~1\r\n%3\r\n$5\r\nflags\r\n~1\r\n+RO\r\n"
            "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n"
            "$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
            "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n"
            "$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n");
}

TEST(CommandInfoTest, OfACommandWithoutKeys) {
  std::string reply;
  Writer writer(2, &reply);
  WriteCommandInfo(InfoOf(CommandName::kEcho), &writer);
  EXPECT_EQ(reply,
            "*10\r\n$4\r\necho\r\n:2\r\n*3\r\n+loading\r\n+stale\r\n+fast\r\n:0\r\n:0\r\n:0\r\n"
            "*2\r\n+@fast\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n");
}

TEST(CommandInfoTest, HelpCountsItsLines) {
  std::string reply;
  Writer writer(2, &reply);
  WriteHelp(CommandName::kConfig, &writer);
  EXPECT_EQ(reply,
            "*5\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
            "+GET <pattern>\r\n"
            "+    Return parameters matching the glob-like <pattern> and their values.\r\n"
            "+HELP\r\n+    Prints this help.\r\n");
}

}  // namespace
}  // namespace rp::resp
