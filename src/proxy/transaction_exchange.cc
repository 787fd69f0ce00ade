#include "proxy/transaction_exchange.h"

#include "base/check.h"
#include "redis/reply.h"
#include "resp/error_texts.h"
#include "resp/reply_framer.h"
#include "resp/writer.h"

namespace rp::proxy {
namespace {

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";
constexpr std::string_view kErr = "ERR ";
constexpr std::string_view kExecAbort = "-EXECABORT ";

// Returns the text of an error reply as a client may see it.
std::string_view ErrorText(std::string_view reply) {
  const std::string_view text = resp::ErrorText(reply);
  return redis::TextForClients(redis::ClassifyErrorReply(text), text);
}

// The form in which Redis refuses EXEC itself. `why` is the text of an error.
std::string Discarded(std::string_view why) {
  if (why.starts_with(kErr)) why.remove_prefix(kErr.size());
  std::string answer;
  resp::Writer(2, &answer).Error("EXECABORT", resp::DiscardedText(why));
  return answer;
}

}  // namespace

bool SaysThereAreNoKeys(std::string_view reply) {
  return reply.starts_with("-ERR The command has no key arguments") ||
         reply.starts_with("-ERR Invalid arguments specified for command");
}

void AddGetKeys(const resp::OwnedCommand& command, redis::Outgoing* outgoing) {
  outgoing->AddText("*" + std::to_string(command.arguments().size() + 2) +
                    "\r\n$7\r\nCOMMAND\r\n$7\r\nGETKEYS\r\n");
  outgoing->AddArgumentsOf(command);
}

void AddTransaction(redis::Outgoing* outgoing) {
  outgoing->Add(kMulti);
  for (const resp::OwnedCommand& command : outgoing->commands()) outgoing->AddKept(command);
  outgoing->Add(kExec);
}

std::string_view TakeReply(std::string_view* replies) {
  resp::ReplyFramer framer(replies->size());
  RP_CHECK(framer.Parse(*replies) == ParseStatus::kDone);
  const std::string_view reply = replies->substr(0, framer.consumed());
  replies->remove_prefix(reply.size());
  return reply;
}

Replies::Replies(std::string_view replies, size_t questions, size_t commands, bool is_transaction) {
  keys = replies;
  for (size_t i = 0; i < questions; ++i) static_cast<void>(TakeReply(&replies));
  if (is_transaction) multi = TakeReply(&replies);
  own = replies;
  for (size_t i = 0; is_transaction && i < commands; ++i) {
    const std::string_view reply = TakeReply(&replies);
    if (refusal.empty() && resp::IsError(reply)) refusal = ErrorText(reply);
  }
  last = replies;
}

std::string Replies::Refusal() const {
  if (has_no_transaction()) return Discarded(ErrorText(multi));
  if (!resp::IsError(last)) return {};
  return last.starts_with(kExecAbort) ? std::string(last) : Discarded(ErrorText(last));
}

std::string_view Replies::Results() const {
  const bool is_array = multi.starts_with('+') && last.starts_with('*');
  return is_array ? last.substr(last.find('\n') + 1) : std::string_view();
}

std::string Replies::Correction() const {
  if (has_no_transaction()) {
    std::string answer;
    resp::Writer(2, &answer)
        .Error("ERR", "Redis refuses MULTI (" + std::string(ErrorText(multi)) +
                          "), so the commands may have been carried out one by one");
    return answer;
  }
  const bool is_named = last.starts_with(kExecAbort) && !refusal.empty();
  return is_named ? Discarded(refusal) : std::string();
}

}  // namespace rp::proxy
