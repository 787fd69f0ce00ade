// Admission: whether a command may run, and the error of one that may not. The order of the checks
// is redis-server's.
//
// Owner: nobody; pure functions, but that Admit may fill the reserve of memory. Thread safety: any
// thread, with a client's state that no other changes. Cost: some comparisons; an error allocates.
#pragma once

#include "resp/request_reader.h"
#include "resp_front/commands.h"

namespace rp::resp_front {

enum class Verdict : unsigned char {
  kRun,
  kForward,  // to Redis, whose command it is
  // The others are refusals.
  kNoMemory,
  kUnknown,
  kWrongArity,
  kUnknownSubcommand,
  kNotAuthenticated,
  kNotAvailable,  // Redis has it, and this endpoint has not
};

struct Admission {
  Verdict verdict;
  const CommandRow* row;  // of kRun and kWrongArity: the subcommand's, if the command names one
};

// Returns what becomes of `command`, whose row is FindCommand(command[0]).
// REQUIRES: command.size() >= 1.
[[nodiscard]] Admission Admit(const resp::Command& command, const CommandRow* row,
                              const ClientState& client, bool forwards);

// Returns the error that says why. REQUIRES: the verdict is a refusal.
[[nodiscard]] Reply Refusal(const Admission& admission, const resp::Command& command);

}  // namespace rp::resp_front
