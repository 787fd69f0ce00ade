// Admission: decides whether a command may run, and makes the error of one that may not. The order
// of the checks is redis-server's.
//
// Owner: nobody; pure functions, except that Admit may fill the reserve of memory. Thread safety:
// any thread, while no other changes the client's state. Cost: some comparisons; an error
// allocates.
#pragma once

#include "resp/request_reader.h"
#include "resp_front/commands.h"

namespace rp::resp_front {

enum class Verdict : unsigned char {
  kRun,
  kForward,  // the command goes to Redis
  // The others are refusals.
  kNoMemory,
  kUnknown,
  kWrongArity,
  kUnknownSubcommand,
  kNotAuthenticated,
  kTooManyArguments,
  kNotAvailable,  // Redis has the command, but this endpoint has not
};

struct Admission {
  Verdict verdict;
  // Of kRun, kWrongArity and kTooManyArguments: the subcommand's, if the command names one. Of
  // kForward: the command's, or null.
  const CommandRow* row;
};

// Returns whether `command` runs, is forwarded or is refused. REQUIRES: command.size() >= 1, and
// `row` is FindCommand(command[0]).
[[nodiscard]] Admission Admit(const resp::Command& command, const CommandRow* row,
                              const ClientState& client, bool forwards);

// Returns the error that gives the reason. REQUIRES: the verdict is a refusal.
[[nodiscard]] Reply Refusal(const Admission& admission, const resp::Command& command);

}  // namespace rp::resp_front
