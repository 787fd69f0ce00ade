#include "resp_front/admission.h"

#include <string>

#include "base/ascii.h"
#include "base/check.h"
#include "base/memory.h"
#include "resp/error_texts.h"
#include "resp_front/other_commands.h"

namespace rp::resp_front {
namespace {

constexpr std::string_view kNoAuth = "-NOAUTH Authentication required.\r\n";

}  // namespace

Admission Admit(const resp::Command& command, const CommandRow* row, const ClientState& client,
                bool forwards) {
  // All replies of a turn are made before the first is sent. Without this check, many clients with
  // many commands would use up the reserve for small blocks.
  if (MemoryIsShort() && !FillReserve()) return {Verdict::kNoMemory, row};
  if (forwards && AnswererOf(command, row) != Answerer::kProxy) {
    return {client.authenticated ? Verdict::kForward : Verdict::kNotAuthenticated, row};
  }
  if (row == nullptr) {
    if (!IsOtherRedisCommand(command[0])) return {Verdict::kUnknown, row};
    return {client.authenticated ? Verdict::kNotAvailable : Verdict::kNotAuthenticated, row};
  }
  if (!row->Takes(command.size())) return {Verdict::kWrongArity, row};
  const Access access = row->access;
  if (!row->subcommands.empty() && command.size() > 1) {
    const CommandRow* const subcommand = FindSubcommand(*row, command[1]);
    if (subcommand == nullptr) return {Verdict::kUnknownSubcommand, row};
    if (!subcommand->Takes(command.size())) return {Verdict::kWrongArity, subcommand};
    row = subcommand;
  }
  if (!client.authenticated && access != Access::kAnyone) return {Verdict::kNotAuthenticated, row};
  if (command.size() > row->max_arguments) return {Verdict::kTooManyArguments, row};
  return {Verdict::kRun, row};
}

Reply Refusal(const Admission& admission, const resp::Command& command) {
  switch (admission.verdict) {
    case Verdict::kNoMemory:
      return Constant(kOutOfMemory);
    case Verdict::kUnknown:
      return ErrorReply(resp::UnknownCommandText(command));
    case Verdict::kWrongArity:
      return ErrorReply(resp::WrongArityText(admission.row->name));
    case Verdict::kUnknownSubcommand:
      return ErrorReply(resp::UnknownSubcommandText(command));
    case Verdict::kNotAuthenticated:
      return Constant(kNoAuth);
    case Verdict::kTooManyArguments:
      return ErrorReply("too many arguments for '" + std::string(admission.row->name) +
                        "': at most " + std::to_string(admission.row->max_arguments));
    case Verdict::kNotAvailable:
      return NotAvailable(LowerCase(command[0]));
    case Verdict::kRun:
    case Verdict::kForward:
      break;
  }
  RP_CHECK(false);
  return {};
}

}  // namespace rp::resp_front
