#include "resp_front/refused_transaction.h"

#include "base/ascii.h"

namespace rp::resp_front {

// MULTI, EXEC and DISCARD with arguments are errors in Redis, and begin and end nothing.
RefusedTransaction::Action RefusedTransaction::OnCommand(const resp::Command& command) {
  const bool is_alone = command.size() == 1;
  if (is_alone &&
      (EqualsIgnoreCase(command[0], "exec") || EqualsIgnoreCase(command[0], "discard"))) {
    state_ = State::kNone;
    return Action::kForward;
  }
  if (state_ == State::kRefused) return Action::kDiscard;
  if (state_ == State::kRefusalSeen) return Action::kDiscardAndClose;
  if (is_alone && EqualsIgnoreCase(command[0], "multi")) state_ = State::kRefused;
  return Action::kForward;
}

}  // namespace rp::resp_front
