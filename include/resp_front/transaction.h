// Transaction: the commands that a client sends between MULTI and EXEC. They are checked as Redis
// checks them when it queues them, and kept until EXEC
// (https://redis.io/docs/latest/develop/using-commands/transactions/).
//
//   state      command                               next state  answer
//   kNone      MULTI                                 kOpen       +OK
//   kNone      EXEC, DISCARD                         kNone       an error
//   kOpen      one that Redis would queue            kOpen       +QUEUED
//   kOpen      MULTI, WATCH                          kOpen       an error
//   kOpen      one that is refused                   kAborted    the error
//   kOpen      any, but Redis gives no table         kAborted    the error of the attempt
//   kOpen      EXEC                                  kNone       Redis's; an empty array of its own
//   kAborted   one that Redis would queue            kAborted    +QUEUED
//   kAborted   one that is refused, MULTI, WATCH     kAborted    the error
//   kAborted   EXEC                                  kNone       -EXECABORT
//   not kNone  EXEC with arguments                   kNone       -EXECABORT
//   not kNone  DISCARD                               kNone       +OK
//   any        Reset: RESET, or the client leaves    kNone
//
// Refused are commands that Redis does not have, or not with so many arguments, or not in a
// transaction; commands that would change the connection to Redis, which all clients share; and
// whatever exceeds the limits. In kAborted nothing is kept.
//
// MULTI is answered also while Redis is away. If it were an error, a client that has sent the whole
// transaction at once would have its commands carried out one by one.
//
// Owner: the client's state. Thread safety: one thread at a time. Cost: a copy of each command, and
// a lookup in the table of commands; many commands that are dropped are freed on another thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/reclaimer.h"
#include "proxy/command_table.h"
#include "resp/owned_command.h"
#include "resp_front/reply.h"

namespace rp::resp_front {

// A transaction at its limits is accepted.
struct TransactionLimits {
  size_t commands = 65536;
  size_t bytes = size_t{1} << 30;  // of all commands as they are sent to Redis
};

class Transaction {
 public:
  [[nodiscard]] bool is_open() const { return state_ != State::kNone; }
  // Returns whether the command is EXEC and has something to carry out.
  [[nodiscard]] bool IsCarriedOutBy(const resp::Command& command) const;
  // Returns whether the command cannot be checked: there is no table, or it lacks the command.
  // REQUIRES: is_open().
  [[nodiscard]] bool NeedsTableFor(const resp::Command& command) const {
    return state_ == State::kOpen && !IsEnd(command) &&
           (table_ == nullptr || table_->Find(command) == nullptr);
  }
  [[nodiscard]] bool has_table() const { return table_ != nullptr; }

  // Takes MULTI, EXEC or DISCARD outside a transaction, and returns the answer. MULTI begins a
  // transaction, unless it has arguments or Redis lacks MULTI. `table` is that of Redis's commands,
  // or null while Redis has not given it. REQUIRES: !is_open(); IsVerb(command).
  [[nodiscard]] Reply Begin(const resp::Command& command,
                            std::shared_ptr<const proxy::CommandTable> table);
  [[nodiscard]] static bool IsVerb(const resp::Command& command);
  // Returns whether the command is EXEC or DISCARD.
  [[nodiscard]] static bool IsEnd(const resp::Command& command);

  // Takes a command inside the transaction, and returns the answer. REQUIRES: is_open();
  // !IsCarriedOutBy(command); has_table() or IsEnd(command).
  [[nodiscard]] Reply Add(const resp::Command& command, const TransactionLimits& limits);
  // Uses a newer table from here on. REQUIRES: is_open(); `table` is not null.
  void Renew(std::shared_ptr<const proxy::CommandTable> table) { table_ = std::move(table); }

  // Ends the transaction and returns its commands. REQUIRES: is_open().
  [[nodiscard]] std::vector<resp::OwnedCommand> Take();
  // Drops the commands, if a transaction is open. EXEC will be refused.
  void Abort();
  // Ends the transaction, if one is open, and drops its commands.
  void Reset() { *this = Transaction(); }

  // Returns the memory of the commands that are kept.
  [[nodiscard]] size_t held_bytes() const { return kept_ == nullptr ? 0 : kept_->held_bytes(); }
  // Returns the bytes of the commands that are kept, as they are sent to Redis.
  [[nodiscard]] size_t kept_bytes() const { return kept_ == nullptr ? 0 : kept_->bytes; }

 private:
  enum class State : unsigned char { kNone, kOpen, kAborted };

  struct Kept {
    [[nodiscard]] size_t held_bytes() const {
      return bytes + commands.capacity() * resp::kListedCommandBytes;
    }
    // Of a large command the large blocks count too, which is a little too much.
    [[nodiscard]] size_t heap_bytes() const { return held_bytes(); }

    std::vector<resp::OwnedCommand> commands;
    size_t bytes = 0;  // as they are sent to Redis
  };
  [[nodiscard]] Reply Queue(const resp::Command& command, const TransactionLimits& limits);
  [[nodiscard]] Reply End(const resp::Command& command);
  [[nodiscard]] Reply Refuse(Reply error);

  State state_ = State::kNone;
  std::shared_ptr<const proxy::CommandTable> table_;
  std::unique_ptr<Kept, DeleteElsewhere> kept_;  // null: none
};

}  // namespace rp::resp_front
