#include "resp_front/transaction.h"

#include <string>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "base/memory.h"
#include "proxy/forward_rules.h"
#include "resp/error_texts.h"

namespace rp::resp_front {
namespace {

constexpr std::string_view kQueued = "+QUEUED\r\n";
constexpr std::string_view kEmptyArray = "*0\r\n";
constexpr std::string_view kExecAborted =
    "-EXECABORT Transaction discarded because of previous errors.\r\n";
constexpr std::string_view kExecWithArguments =
    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
constexpr std::string_view kNoTransactions =
    "transactions are not available: the Redis behind this endpoint lacks MULTI or EXEC";

bool Is(const resp::Command& command, std::string_view name) {
  return EqualsIgnoreCase(command[0], name);
}

}  // namespace

bool Transaction::IsVerb(const resp::Command& command) {
  return Is(command, "multi") || IsEnd(command);
}

bool Transaction::IsEnd(const resp::Command& command) {
  return Is(command, "exec") || Is(command, "discard");
}

bool Transaction::IsCarriedOutBy(const resp::Command& command) const {
  return kept_bytes() > 0 && command.size() == 1 && Is(command, "exec");
}

Reply Transaction::Begin(const resp::Command& command,
                         std::shared_ptr<const proxy::CommandTable> table) {
  RP_DCHECK(!is_open() && IsVerb(command));
  if (!Is(command, "multi")) return End(command);
  if (table != nullptr && !table->Has("multi")) {
    return ErrorReply(resp::UnknownCommandText(command));
  }
  if (command.size() > 1) return ErrorReply(resp::WrongArityText("multi"));
  table_ = std::move(table);
  state_ = State::kOpen;
  return Constant(kOk);
}

Reply Transaction::Add(const resp::Command& command, const TransactionLimits& limits) {
  RP_DCHECK(is_open() && !IsCarriedOutBy(command));
  if (IsEnd(command)) return End(command);
  if (MemoryIsShort() && !FillReserve()) return Refuse(Constant(kOutOfMemory));
  if (!table_->Has("multi") || !table_->Has("exec")) return Refuse(ErrorReply(kNoTransactions));
  const proxy::CommandFacts* const facts = table_->Find(command);
  if (facts == nullptr) return Refuse(ErrorReply(resp::UnknownCommandText(command)));
  if (facts->has_subcommands && command.size() > 1) {
    return Refuse(ErrorReply(resp::UnknownSubcommandText(command)));
  }
  if (!facts->Takes(command.size())) return Refuse(ErrorReply(resp::WrongArityText(facts->name)));
  if (facts->no_multi) return Refuse(ErrorReply("Command not allowed inside a transaction"));
  if (facts->name == "multi") return ErrorReply("MULTI calls can not be nested");
  if (facts->name == "watch") return ErrorReply("WATCH inside MULTI is not allowed");
  const proxy::Refused why = proxy::RefusedInTransaction(*facts, command);
  if (why != proxy::Refused::kNo) {
    return Refuse(ErrorReply(proxy::RefusedText(*facts, command, why)));
  }
  return Queue(command, limits);
}

Reply Transaction::Queue(const resp::Command& command, const TransactionLimits& limits) {
  if (state_ == State::kAborted) return Constant(kQueued);
  if (kept_ != nullptr && kept_->commands.size() >= limits.commands) {
    return Refuse(ErrorReply("too many commands in one transaction: at most " +
                             std::to_string(limits.commands)));
  }
  resp::OwnedCommand owned;
  if (!owned.Assign(command) || !TryAllocate([&] {
        if (kept_ == nullptr) kept_.reset(new Kept);
        kept_->commands.push_back(std::move(owned));
      })) {
    return Refuse(Constant(kOutOfMemory));
  }
  kept_->bytes += kept_->commands.back().bytes();
  if (kept_->bytes > limits.bytes) {
    return Refuse(
        ErrorReply("too large a transaction: at most " + std::to_string(limits.bytes) + " bytes"));
  }
  return Constant(kQueued);
}

// EXEC and DISCARD, which end a transaction, if there is one.
Reply Transaction::End(const resp::Command& command) {
  const bool is_exec = Is(command, "exec");
  const State state = state_;
  if (!is_exec && command.size() > 1) return Refuse(ErrorReply(resp::WrongArityText("discard")));
  Reset();
  if (is_exec && command.size() > 1) return Constant(kExecWithArguments);
  switch (state) {
    case State::kNone:
      return ErrorReply(is_exec ? "EXEC without MULTI" : "DISCARD without MULTI");
    case State::kOpen:
      return Constant(is_exec ? kEmptyArray : kOk);
    case State::kAborted:
      return Constant(is_exec ? kExecAborted : kOk);
  }
  RP_CHECK(false);
  return {};
}

Reply Transaction::Refuse(Reply error) {
  Abort();
  return error;
}

std::vector<resp::OwnedCommand> Transaction::Take() {
  std::vector<resp::OwnedCommand> commands;
  if (kept_ != nullptr) commands = std::move(kept_->commands);
  Reset();
  return commands;
}

void Transaction::Abort() {
  if (!is_open()) return;
  kept_.reset();
  state_ = State::kAborted;
}

}  // namespace rp::resp_front
