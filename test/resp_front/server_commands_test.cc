// The commands about the server and its commands, without a server.
#include <gtest/gtest.h>

#include <string>

#include "test/resp_front/command_runner.h"

namespace rp::resp_front {
namespace {

TEST(ServerCommandsTest, CommandInfoOfACommandWithKeys) {
  CommandRunner runner;
  runner.client.version = 3;
  EXPECT_EQ(runner.Run({"COMMAND", "INFO", "Exists"}),
            "*1\r\n"
            "*10\r\n$6\r\nexists\r\n:-2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:-1\r\n:1\r\n"
            "~3\r\n+@keyspace\r\n+@read\r\n+@fast\r\n"
            "~2\r\n$26\r\nrequest_policy:multi_shard\r\n$23\r\nresponse_policy:agg_sum\r\n"
            "~1\r\n%3\r\n$5\r\nflags\r\n~1\r\n+RO\r\n"
            "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n"
            "$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
            "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n"
            "$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n");
}

TEST(ServerCommandsTest, CommandInfoOfACommandWithoutKeys) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"COMMAND", "INFO", "echo", "nosuch"}),
            "*2\r\n"
            "*10\r\n$4\r\necho\r\n:2\r\n*3\r\n+loading\r\n+stale\r\n+fast\r\n:0\r\n:0\r\n:0\r\n"
            "*2\r\n+@fast\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n$-1\r\n");
}

TEST(ServerCommandsTest, CommandTellsOfEveryRow) {
  CommandRunner runner;
  const std::string all = runner.Run({"COMMAND"});
  const std::string list = runner.Run({"COMMAND", "LIST"});
  const std::string count = std::to_string(Commands().size()) + "\r\n";
  EXPECT_TRUE(all.starts_with("*" + count));
  EXPECT_EQ(runner.Run({"COMMAND", "INFO"}), all);
  EXPECT_TRUE(list.starts_with("*" + count));
  EXPECT_EQ(runner.Run({"COMMAND", "COUNT"}), ":" + count);
  for (const CommandRow& row : Commands()) {
    const std::string name = "\r\n" + std::string(row.name) + "\r\n";
    EXPECT_NE(all.find(name), std::string::npos) << row.name;
    EXPECT_NE(list.find(name), std::string::npos) << row.name;
  }
  EXPECT_EQ(runner.Run({"COMMAND", "LIST", "x"}), "-ERR syntax error\r\n");
  EXPECT_EQ(runner.Run({"COMMAND", "DOCS", "get"}), "*0\r\n");
  EXPECT_EQ(runner.Run({"COMMAND", "GETKEYS", "get", "a"}),
            "-ERR 'command|getkeys' is not available: this endpoint serves reads\r\n");
}

TEST(ServerCommandsTest, HelpCountsItsLines) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"CONFIG", "HELP"}),
            "*5\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
            "+GET <pattern>\r\n"
            "+    Return parameters matching the glob-like <pattern> and their values.\r\n"
            "+HELP\r\n+    Prints this help.\r\n");
  EXPECT_TRUE(runner.Run({"CLIENT", "HELP"}).starts_with("*19\r\n+CLIENT <subcommand> "));
  EXPECT_TRUE(runner.Run({"COMMAND", "HELP"})
                  .starts_with("*13\r\n+COMMAND <subcommand> [<arg> [value] [opt] ...]. "
                               "Subcommands are:\r\n+(no subcommand)\r\n"));
}

TEST(ServerCommandsTest, InfoShowsTheFactsOfTheServer) {
  CommandRunner runner;
  runner.options.version = "0.0";
  runner.server.facts = SomeFacts();
  EXPECT_EQ(runner.Run({"INFO", "Clients", "memory"}),
            "$96\r\n# Clients\r\nconnected_clients:3\r\nmaxclients:10\r\n\r\n"
            "# Memory\r\nused_memory:0\r\nused_memory_rss:4096\r\n\r\n");
  const std::string all = runner.Run({"INFO"});
  for (const char* line :
       {"\r\nredis_version:7.2.14\r\n", "\r\nredis_proxy_version:0.0\r\n", "\r\nprocess_id:99\r\n",
        "\r\nuptime_in_seconds:2\r\n", "\r\nloading:0\r\n", "\r\ntotal_connections_received:5\r\n",
        "\r\nkeyspace_hits:11\r\n"}) {
    EXPECT_NE(all.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(runner.Run({"INFO", "everything"}), all);
  EXPECT_EQ(runner.Run({"INFO", "nosuch"}), "$0\r\n\r\n");
  EXPECT_TRUE(runner.Run({"INFO", "proxy"}).ends_with("\r\nproxy_verify_violations:0\r\n\r\n"));
}

// As HAProxy's usual check does.
TEST(ServerCommandsTest, InfoSaysThatReadersAreRightHere) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"info", "replication"}),
            "$48\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n");
}

TEST(ServerCommandsTest, ConfigGetKnowsAFewSettings) {
  CommandRunner runner;
  runner.server.facts.max_clients = 10;
  runner.options.idle_timeout = std::chrono::milliseconds(1001);
  EXPECT_EQ(runner.Run({"CONFIG", "GET", "maxclients", "Timeout"}),
            "*4\r\n$10\r\nmaxclients\r\n$2\r\n10\r\n$7\r\nTimeout\r\n$1\r\n2\r\n");
  EXPECT_EQ(runner.Run({"CONFIG", "GET", "sav?"}), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(runner.Run({"CONFIG", "GET", "nosuch"}), "*0\r\n");
  for (const char* name : {"RESETSTAT", "REWRITE"}) {
    EXPECT_NE(runner.Run({"CONFIG", name}).find("is not available: this endpoint serves reads"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace rp::resp_front
