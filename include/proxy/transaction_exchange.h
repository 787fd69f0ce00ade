// Commands on their way to Redis and back: COMMAND GETKEYS for those whose keys only Redis knows,
// then the command, or MULTI, the commands of a transaction and EXEC
// (https://redis.io/docs/latest/develop/using-commands/transactions/). Each gets one reply.
//
// Owner: nobody; pure functions.
// Thread safety: any thread.
// Cost: O(bytes).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "redis/outgoing.h"
#include "resp/grammar.h"
#include "resp/owned_command.h"

namespace rp::proxy {

// Returns whether `reply` is one of Redis's errors that COMMAND GETKEYS gets for a command without
// keys.
[[nodiscard]] bool SaysThereAreNoKeys(std::string_view reply);

// Adds COMMAND GETKEYS with the arguments of `command`, which `outgoing` keeps
// (https://redis.io/docs/latest/commands/command-getkeys/). May throw std::bad_alloc.
void AddGetKeys(const resp::OwnedCommand& command, redis::Outgoing* outgoing);

// Adds MULTI, the commands that `outgoing` keeps, and EXEC. May throw std::bad_alloc.
void AddTransaction(redis::Outgoing* outgoing);

// Removes the first reply from `*replies` and returns it. REQUIRES: there is one.
[[nodiscard]] std::string_view TakeReply(std::string_view* replies);

// The parts of all replies to a fetch of commands.
struct Replies {
  // Splits `replies`: `questions` to COMMAND GETKEYS, then those to the commands, which are inside
  // one to MULTI and one to EXEC if they are a transaction. REQUIRES: there are so many.
  Replies(std::string_view replies, size_t questions, size_t commands, bool is_transaction);

  // Return whether Redis has begun no transaction, so that it has carried out each command at once;
  // and whether it has carried out none of the commands of a transaction.
  [[nodiscard]] bool has_no_transaction() const { return resp::IsError(multi); }
  [[nodiscard]] bool is_discarded() const { return multi.starts_with('+') && resp::IsError(last); }

  // Returns the error of EXEC, in Redis's form, that says why Redis refuses MULTI or EXEC; empty if
  // it has carried them out.
  [[nodiscard]] std::string Refusal() const;

  // Returns the replies to the commands of a transaction that was carried out, which are the
  // elements of that to EXEC. Empty if there are none.
  [[nodiscard]] std::string_view Results() const;

  // Returns the error that the client gets in place of the reply to EXEC: that there was no
  // transaction, or which refusal of a command has ended it. Empty if `last` is the answer.
  [[nodiscard]] std::string Correction() const;

  std::string_view keys;     // to COMMAND GETKEYS
  std::string_view multi;    // empty without a transaction
  std::string_view own;      // to the commands
  std::string_view refusal;  // the first error while queueing, without its '-', or empty
  std::string_view last;     // to EXEC, or to the only command
};

}  // namespace rp::proxy
