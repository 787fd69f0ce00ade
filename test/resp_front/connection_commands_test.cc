// The commands about the client's connection, without one: what they answer, and what they change.
#include <gtest/gtest.h>

#include <string>

#include "test/resp_front/command_runner.h"

namespace rp::resp_front {
namespace {

constexpr char kHello3[] =
    "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.2.14\r\n$5\r\nproto\r\n:3\r\n"
    "$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    "$7\r\nmodules\r\n*0\r\n";
constexpr char kWrongPass[] = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

TEST(ConnectionCommandsTest, PingAndEcho) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"PING"}), "+PONG\r\n");
  EXPECT_EQ(runner.Run({"PING", "a"}), "$1\r\na\r\n");
  EXPECT_EQ(runner.Run({"PING", "a", "b"}),
            "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(runner.Run({"ECHO", ""}), "$0\r\n\r\n");
}

TEST(ConnectionCommandsTest, HelloSelectsTheVersion) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"HELLO", "3"}), kHello3);
  EXPECT_EQ(runner.client.version, 3);
  EXPECT_EQ(runner.Run({"HELLO"}), kHello3);
  EXPECT_TRUE(runner.Run({"HELLO", "2"}).starts_with("*14\r\n"));
  EXPECT_EQ(runner.client.version, 2);
}

TEST(ConnectionCommandsTest, HelloRefusesOtherVersionsAndOptions) {
  CommandRunner runner;
  for (const char* version : {"1", "4"}) {
    EXPECT_EQ(runner.Run({"HELLO", version}), "-NOPROTO unsupported protocol version\r\n");
  }
  EXPECT_EQ(runner.Run({"HELLO", "x"}),
            "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(runner.Run({"HELLO", "3", "FOO"}), "-ERR Syntax error in HELLO option 'FOO'\r\n");
  EXPECT_EQ(runner.Run({"HELLO", "3", "SETNAME", "a b"}),
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(runner.client.version, 2);
}

TEST(ConnectionCommandsTest, HelloAuthenticatesAndNames) {
  CommandRunner runner;
  runner.RequirePassword("alice:one");
  EXPECT_TRUE(runner.Run({"HELLO", "3"}).starts_with("-NOAUTH HELLO must be called with"));
  EXPECT_EQ(runner.Run({"HELLO", "3", "AUTH", "alice", "two"}), kWrongPass);
  EXPECT_FALSE(runner.client.authenticated);
  EXPECT_EQ(runner.client.version, 2);
  EXPECT_EQ(runner.Run({"HELLO", "3", "SETNAME", "me", "AUTH", "alice", "one"}), kHello3);
  EXPECT_TRUE(runner.client.authenticated);
  EXPECT_EQ(runner.client.user, "alice");
  EXPECT_EQ(runner.client.name, "me");
}

TEST(ConnectionCommandsTest, AuthComparesUserAndPassword) {
  CommandRunner runner;
  runner.RequirePassword("alice:one,default:two");
  EXPECT_EQ(runner.Run({"AUTH", "one"}), kWrongPass);
  EXPECT_EQ(runner.Run({"AUTH", "alice", "two"}), kWrongPass);
  EXPECT_FALSE(runner.client.authenticated);
  EXPECT_EQ(runner.Run({"AUTH", "alice", "one"}), "+OK\r\n");
  EXPECT_TRUE(runner.client.authenticated);
  EXPECT_EQ(runner.client.user, "alice");
  EXPECT_EQ(runner.Run({"AUTH", "two"}), "+OK\r\n");
  EXPECT_EQ(runner.client.user, "default");
  EXPECT_EQ(runner.Run({"AUTH", "a", "b", "c"}), "-ERR syntax error\r\n");
}

TEST(ConnectionCommandsTest, AuthWithoutPasswordsIsTheDefaultUsersAlone) {
  CommandRunner runner;
  EXPECT_TRUE(runner.Run({"AUTH", "a"}).starts_with("-ERR AUTH <password> called without any"));
  EXPECT_EQ(runner.Run({"AUTH", "default", "a"}), "+OK\r\n");
  EXPECT_EQ(runner.Run({"AUTH", "alice", "a"}), kWrongPass);
}

TEST(ConnectionCommandsTest, SelectTakesDatabase0) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"SELECT", "0"}), "+OK\r\n");
  EXPECT_EQ(runner.Run({"SELECT", "1"}),
            "-ERR DB index is out of range: only database 0 is available\r\n");
  EXPECT_EQ(runner.Run({"SELECT", "-1"}), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(runner.Run({"SELECT", "x"}), "-ERR value is not an integer or out of range\r\n");
  const std::string out_of_int =
      "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";
  EXPECT_EQ(runner.Run({"SELECT", "2147483648"}), out_of_int);
  EXPECT_EQ(runner.Run({"SELECT", "-2147483649"}), out_of_int);
  EXPECT_NE(runner.Run({"SELECT", "2147483647"}), out_of_int);
}

TEST(ConnectionCommandsTest, AClientNamesItselfAndItsLibrary) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"CLIENT", "GETNAME"}), "$-1\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "SETNAME", "me"}), "+OK\r\n");
  EXPECT_EQ(runner.Run({"client", "getname"}), "$2\r\nme\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "SETINFO", "lib-name", "lib"}), "+OK\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "SETINFO", "LIB-VER", "1.2"}), "+OK\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "SETINFO", "lib-ver", "1 2"}),
            "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "SETINFO", "lib-foo", "x"}),
            "-ERR Unrecognized option 'lib-foo'\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "ID"}), ":7\r\n");
  const std::string info = runner.Run({"CLIENT", "INFO"});
  for (const char* field : {"id=7 addr=? laddr=? fd=-1 ", " name=me ", " user=default ", " resp=2 ",
                            " lib-name=lib lib-ver=1.2\n"}) {
    EXPECT_NE(info.find(field), std::string::npos) << field << " in " << info;
  }
}

TEST(ConnectionCommandsTest, ANameHasALimit) {
  CommandRunner runner;
  const std::string longest(32 * 1024, 'x');
  EXPECT_EQ(runner.Run({"CLIENT", "SETNAME", longest}), "+OK\r\n");
  EXPECT_TRUE(runner.Run({"CLIENT", "SETNAME", longest + "x"}).starts_with("-ERR Client names"));
  EXPECT_EQ(runner.client.name, longest);
}

TEST(ConnectionCommandsTest, SwitchesOfTheCacheAreAccepted) {
  CommandRunner runner;
  for (const char* name : {"NO-EVICT", "NO-TOUCH"}) {
    EXPECT_EQ(runner.Run({"CLIENT", name, "on"}), "+OK\r\n");
    EXPECT_EQ(runner.Run({"CLIENT", name, "OFF"}), "+OK\r\n");
    EXPECT_EQ(runner.Run({"CLIENT", name, "x"}), "-ERR syntax error\r\n");
  }
}

TEST(ConnectionCommandsTest, NothingIsWatched) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"UNWATCH"}), "+OK\r\n");
}

TEST(ConnectionCommandsTest, ClientReplyOffLastsUntilOn) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "OFF"}), "");
  EXPECT_EQ(runner.Run({"PING"}), "");
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "SKIP"}), "");
  EXPECT_EQ(runner.Run({"FOO"}), "");
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "x"}), "");
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "ON"}), "+OK\r\n");
  EXPECT_EQ(runner.Run({"PING"}), "+PONG\r\n");
}

TEST(ConnectionCommandsTest, ClientReplySkipIsForOneCommand) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "SKIP"}), "");
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "SKIP"}), "");
  EXPECT_EQ(runner.Run({"PING"}), "");
  EXPECT_EQ(runner.Run({"PING"}), "+PONG\r\n");
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "SKIP"}), "");
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "OFF"}), "");
  EXPECT_EQ(runner.Run({"PING"}), "");
  EXPECT_EQ(runner.Run({"PING"}), "");
}

TEST(ConnectionCommandsTest, ResetMakesTheClientNew) {
  CommandRunner runner;
  runner.RequirePassword("alice:one");
  EXPECT_EQ(runner.Run({"HELLO", "3", "AUTH", "alice", "one", "SETNAME", "me"}), kHello3);
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "OFF"}), "");
  EXPECT_EQ(runner.Run({"RESET"}), "+RESET\r\n");
  EXPECT_EQ(runner.client.version, 2);
  EXPECT_EQ(runner.client.name, "");
  EXPECT_EQ(runner.client.user, "default");
  EXPECT_FALSE(runner.client.authenticated);
  EXPECT_EQ(runner.Run({"PING"}), "+PONG\r\n");
}

TEST(ConnectionCommandsTest, ResetIsSkippedLikeAnyCommand) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "SKIP"}), "");
  EXPECT_EQ(runner.Run({"RESET"}), "");
  EXPECT_EQ(runner.Run({"PING"}), "+PONG\r\n");
}

TEST(ConnectionCommandsTest, QuitClosesWithOrWithoutAnAnswer) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run({"PING"}), "+PONG\r\n");
  EXPECT_EQ(runner.then, Reply::Then::kGoOn);
  EXPECT_EQ(runner.Run({"QUIT"}), "+OK\r\n");
  EXPECT_EQ(runner.then, Reply::Then::kClose);
  EXPECT_EQ(runner.Run({"CLIENT", "REPLY", "OFF"}), "");
  EXPECT_EQ(runner.Run({"QUIT", "a"}), "");
  EXPECT_EQ(runner.then, Reply::Then::kClose);
}

}  // namespace
}  // namespace rp::resp_front
