#include "resp_front/admission.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/resp_front/command_runner.h"

namespace rp::resp_front {
namespace {

struct Case {
  std::vector<std::string> arguments;
  Verdict verdict;
  std::string reply;  // of a refusal
};

void ExpectVerdicts(CommandRunner* runner, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.arguments.front() + " ...");
    EXPECT_EQ(runner->VerdictOn(c.arguments), c.verdict);
    if (c.verdict != Verdict::kRun && c.verdict != Verdict::kForward) {
      EXPECT_EQ(runner->Run(c.arguments), c.reply);
    }
  }
}

TEST(AdmissionTest, ACommandIsKnownAndHasItsArguments) {
  CommandRunner runner;
  ExpectVerdicts(
      &runner,
      {
          {{"get", "a"}, Verdict::kRun, ""},
          {{"FOO", "a"},
           Verdict::kUnknown,
           "-ERR unknown command 'FOO', with args beginning with: 'a' \r\n"},
          {{"GET"}, Verdict::kWrongArity, "-ERR wrong number of arguments for 'get' command\r\n"},
          {{"SET", "a", "b"},
           Verdict::kNotAvailable,
           "-ERR 'set' is not available: this endpoint serves reads\r\n"},
          {{"CLIENT"},
           Verdict::kWrongArity,
           "-ERR wrong number of arguments for 'client' command\r\n"},
          {{"CLIENT", "foo"},
           Verdict::kUnknownSubcommand,
           "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n"},
          {{"CLIENT", "SetName"},
           Verdict::kWrongArity,
           "-ERR wrong number of arguments for 'client|setname' command\r\n"},
          {{"CLIENT", "ID"}, Verdict::kRun, ""},
          {{"COMMAND"}, Verdict::kRun, ""},
      });
}

TEST(AdmissionTest, ACommandThatIsAnsweredHereHasOnlySoManyArguments) {
  CommandRunner runner;
  std::vector<std::string> command(kMaxArguments, "get");
  command[0] = "COMMAND";
  command[1] = "INFO";
  ExpectVerdicts(&runner, {{command, Verdict::kRun, ""}});
  command.emplace_back("get");
  ExpectVerdicts(&runner, {{command, Verdict::kTooManyArguments,
                            "-ERR too many arguments for 'command|info': at most 1024\r\n"}});
  command[0] = "MGET";
  ExpectVerdicts(&runner, {{command, Verdict::kRun, ""}});
}

TEST(AdmissionTest, AClientMustAuthenticateForAllButAFewCommands) {
  CommandRunner runner;
  runner.RequirePassword("secret");
  const std::string no_auth = "-NOAUTH Authentication required.\r\n";
  for (const char* name : {"HELLO", "RESET", "QUIT", "PING"}) {
    ExpectVerdicts(&runner, {{{name}, Verdict::kRun, ""}});
  }
  ExpectVerdicts(
      &runner,
      {
          {{"AUTH", "a"}, Verdict::kRun, ""},
          {{"GET", "a"}, Verdict::kNotAuthenticated, no_auth},
          {{"CLIENT", "ID"}, Verdict::kNotAuthenticated, no_auth},
          {{"COMMAND"}, Verdict::kNotAuthenticated, no_auth},
          {{"SET", "a", "b"}, Verdict::kNotAuthenticated, no_auth},
          // What is wrong with a command is said first.
          {{"GET"}, Verdict::kWrongArity, "-ERR wrong number of arguments for 'get' command\r\n"},
          {{"CLIENT", "foo"},
           Verdict::kUnknownSubcommand,
           "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n"},
          {{"FOO"},
           Verdict::kUnknown,
           "-ERR unknown command 'FOO', with args beginning with: \r\n"},
      });
}

TEST(AdmissionTest, WithForwardWhatHasNoRowIsForRedis) {
  CommandRunner runner;
  runner.options.forward = true;
  ExpectVerdicts(&runner, {{{"SET", "a", "b"}, Verdict::kForward, ""},
                           {{"FOO"}, Verdict::kForward, ""},
                           {{"GET", "a"}, Verdict::kRun, ""},
                           {{"CLIENT", "ID"}, Verdict::kRun, ""},
                           {{"PING"}, Verdict::kRun, ""}});
  runner.RequirePassword("secret");
  ExpectVerdicts(
      &runner,
      {{{"SET", "a", "b"}, Verdict::kNotAuthenticated, "-NOAUTH Authentication required.\r\n"}});
}

// Redis says what is wrong with it, too.
TEST(AdmissionTest, WithForwardSomeWithARowAreForRedis) {
  CommandRunner runner;
  runner.options.forward = true;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"CONFIG", "SET", "a", "b"},
                                             {"CONFIG", "GET", "a"},
                                             {"CONFIG"},
                                             {"CONFIG", "FOO"},
                                             {"COMMAND"},
                                             {"COMMAND", "GETKEYS"},
                                             {"INFO"},
                                             {"CLIENT", "FOO"},
                                             {"CLIENT", "LIST"},
                                             {"CLIENT"}}) {
    ExpectVerdicts(&runner, {{arguments, Verdict::kForward, ""}});
  }
  ExpectVerdicts(&runner, {{{"CLIENT", "SETNAME"},
                            Verdict::kWrongArity,
                            "-ERR wrong number of arguments for 'client|setname' command\r\n"}});
  runner.RequirePassword("secret");
  ExpectVerdicts(
      &runner, {{{"CONFIG"}, Verdict::kNotAuthenticated, "-NOAUTH Authentication required.\r\n"}});
}

TEST(AdmissionTest, WhatOnlyRedisHasIsRefusedByName) {
  CommandRunner runner;
  for (const char* name : {"getredir", "trackinginfo", "list", "unpause"}) {
    ExpectVerdicts(&runner, {{{"CLIENT", name}, Verdict::kRun, ""}});
    EXPECT_EQ(
        runner.Run({"CLIENT", name}),
        "-ERR 'client|" + std::string(name) + "' is not available: this endpoint serves reads\r\n");
  }
}

}  // namespace
}  // namespace rp::resp_front
