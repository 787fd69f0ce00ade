// The table of this endpoint's commands: one row for each command and subcommand, with what Redis's
// COMMAND says of it and the function that carries it out. Admission, COMMAND, HELP and the session
// use it. To add a command, add its row to commands.cc and its function to command_functions.h.
//
// With -forward, some of the commands go to Redis instead, as all do that have no row. Of the
// others there are two kinds. The function of one that is answered here is a pure function of its
// arguments, the client's state and the facts about the server. The function of one that reads keys
// makes requests for them.
//
// Owner: nobody; a constant table. Thread safety: any thread. Cost: FindCommand compares lengths
// until one fits, GET first; nothing allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "resp/request_reader.h"
#include "resp_front/client_state.h"
#include "resp_front/reply.h"
#include "resp_front/resp_options.h"

namespace rp::resp_front {

class RequestBuilder;
struct CommandRow;

// A command that is carried out here.
struct Call {
  const CommandRow& row;  // the subcommand's, if it is one
  const resp::Command& arguments;
  const RespOptions& options;
  ClientState* client;
};

// Returns the reply, and changes the client's state. REQUIRES: the call is admitted (admission.h).
using AnswerFunction = Reply (*)(const Call& call);
// Adds the requests of the command. REQUIRES: the command is admitted.
using ReadFunction = void (*)(const resp::Command& command, RequestBuilder* requests);

// Which arguments are keys.
struct KeyPositions {
  int first = 0;  // 0: none are
  int last = 0;   // -1: the last argument
  int step = 0;
  std::string_view flags = {};  // of Redis's key specification, separated by single spaces
};

enum class Access : unsigned char {
  kAuthenticated,
  kAnyone,  // also clients that have not authenticated
};

// Who answers a command with -forward. Without -forward, this endpoint answers all that have a row.
enum class Answerer : unsigned char {
  kProxy,
  kRedis,           // also the command's subcommands that have no row
  kRedisThenProxy,  // Redis, and the section `# Proxy` goes behind what it says (INFO)
};

struct HelpLines {
  std::string_view usage;  // empty: HELP does not show it
  std::string_view summary;
};

// A range of rows.
struct CommandRows {
  const CommandRow* first = nullptr;
  const CommandRow* last = nullptr;  // behind the last one

  [[nodiscard]] constexpr const CommandRow* begin() const { return first; }
  [[nodiscard]] constexpr const CommandRow* end() const { return last; }
  [[nodiscard]] constexpr bool empty() const { return first == last; }
  [[nodiscard]] constexpr size_t size() const;
};

// Maximum arguments of a command whose answer here takes time for each. Redis itself has fewer
// commands, settings and sections to name.
inline constexpr size_t kMaxArguments = 1024;

struct CommandRow {
  std::string_view name;  // in lower case; a subcommand's as in "client|setname"
  int arity;              // arguments, the name among them; -n: n or more
  size_t max_arguments = SIZE_MAX;
  // As COMMAND returns them, separated by single spaces. Of commands only, not of subcommands.
  std::string_view flags = {};
  KeyPositions keys = {};
  std::string_view categories = {};  // of Redis's access control lists
  std::string_view tips = {};
  Access access = Access::kAuthenticated;
  Answerer with_forward = Answerer::kProxy;
  // One of these, or neither for a command that must have a subcommand.
  ReadFunction read = nullptr;
  AnswerFunction answer = nullptr;
  CommandRows subcommands = {};
  HelpLines help = {};

  // Returns whether a command of `arguments` arguments, its name among them, may run.
  [[nodiscard]] constexpr bool Takes(size_t arguments) const {
    return arity >= 0 ? arguments == static_cast<size_t>(arity)
                      : arguments >= static_cast<size_t>(-arity);
  }
};

constexpr size_t CommandRows::size() const { return static_cast<size_t>(last - first); }

// Returns all commands, in the order in which COMMAND returns them.
[[nodiscard]] CommandRows Commands();
// Returns the command of that name in any case, or null.
[[nodiscard]] const CommandRow* FindCommand(std::string_view name);
// Returns the subcommand `name` of `row`, or null. `name` is in any case and without the command's
// name.
[[nodiscard]] const CommandRow* FindSubcommand(const CommandRow& row, std::string_view name);
// Returns who answers the command with -forward; Redis if it has no row. REQUIRES: command.size()
// >= 1, and `row` is FindCommand(command[0]).
[[nodiscard]] inline Answerer AnswererOf(const resp::Command& command, const CommandRow* row) {
  if (row == nullptr) return Answerer::kRedis;
  if (row->subcommands.empty() || command.size() == 1) return row->with_forward;
  const CommandRow* const subcommand = FindSubcommand(*row, command[1]);
  return (subcommand != nullptr ? subcommand : row)->with_forward;
}

}  // namespace rp::resp_front
