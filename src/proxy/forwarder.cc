#include "proxy/forwarder.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reclaimer.h"
#include "proxy/transaction_exchange.h"
#include "redis/batch.h"
#include "resp/error_texts.h"
#include "resp/grammar.h"
#include "resp/reply_cursor.h"
#include "resp/writer.h"

namespace rp::proxy {
namespace {

using Kind = redis::FetchResult::Kind;

// Minimum time between two attempts to load the table, for requests that wait for it with different
// deadlines.
constexpr Duration kReloadInterval = std::chrono::milliseconds(10);

constexpr std::string_view kCommand = "*1\r\n$7\r\nCOMMAND\r\n";

// Returns the table of commands. If waiting will not help, the error says what to do.
Result<CommandTable> ParseTable(const redis::FetchResult& result) {
  if (result.kind != Kind::kReply) {
    return Error{result.error_code, std::string(result.error_text)};
  }
  Result<CommandTable> parsed = CommandTable::Parse(result.value);
  if (parsed) return parsed;
  const Error& error = parsed.error();
  if (error.code != ErrorCode::kUpstream && error.code != ErrorCode::kNoPermission) return parsed;
  return Error{ErrorCode::kUpstream,
               "Redis refuses COMMAND, which -forward needs: it must not be renamed, and this "
               "proxy's user needs +command (" +
                   error.message + ")"};
}

void AnswerError(Request* request, std::string_view code, std::string_view text) {
  request->answer.outcome = Outcome::kReply;
  resp::Writer(request->question.resp_version, &request->answer.reply).Error(code, text);
}

// Returns whether the table has to be loaded again. REQUIRES: there is one.
bool NeedsNewTable(const Question& question, const KnownCommands& known) {
  switch (question.kind) {
    case Question::Kind::kTable:
      return true;
    case Question::Kind::kTransaction:  // begun with a newer one if there was need
      return false;
    default:
      return known.is_old && known.table->Find(question.command.arguments()) == nullptr;
  }
}

void SendHome(Request* request) {
  ReplyBox* const home = request->home;  // read first: once delivered, the request may be reused
  home->Deliver(request, request);
  home->Wake();
}

void Fail(Request* request, ErrorCode code, std::string_view text) {
  request->answer.outcome = Outcome::kError;
  request->answer.error = code;
  request->answer.error_text = text;
  SendHome(request);
}

}  // namespace

// What a command writes.
struct Forwarder::Written {
  Written() = default;
  Written(const CommandFacts& facts, const resp::Command& command)
      : drop(DropOf(facts, command)), keys(KeysOf(facts, command)) {}

  Drop drop = Drop::kNothing;
  KeyRange keys;  // of Drop::kKeys
};

// A fetch under way: of a request's command or transaction, which are no longer the request's, or
// of COMMAND for the table.
struct Forwarder::Sent : redis::Fetch {
  Request* request = nullptr;    // null for the table
  std::vector<Written> written;  // by each command
  size_t questions = 0;          // COMMAND GETKEYS, in front of the commands
};

Forwarder::Forwarder(const Hasher& hasher, cache::Cache* cache, SubmitFetch submit,
                     std::function<void()> on_flush)
    : hasher_(hasher),
      cache_(cache),
      submit_(std::move(submit)),
      on_flush_(std::move(on_flush)),
      probe_(submit_, [this](Request* request) { Resume(request); }) {}

KnownCommands Forwarder::Known(TimePoint now) const {
  MutexLock lock(&mutex_);
  if (table_ == nullptr) return {.table = nullptr, .is_old = true, .error = last_error_};
  return {.table = table_, .is_old = now - loaded_at_ >= kTableAge, .error = {}};
}

bool Forwarder::Start(Request* request, TimePoint now) {
  RP_DCHECK(request->answer.outcome == Outcome::kPending);
  if (request->question.reads_only) {
    return Send(request, std::vector<Written>(1), /*may_be_repeated=*/true);
  }
  const KnownCommands known = Known(now);
  if (known.table == nullptr || NeedsNewTable(request->question, known)) {
    AwaitTable(request);
    return false;
  }
  return Proceed(request, *known.table);
}

// Goes on with the table that the request needs. Returns true if the request is answered now.
bool Forwarder::Proceed(Request* request, const CommandTable& table) {
  switch (request->question.kind) {
    case Question::Kind::kTable:
      request->answer.outcome = Outcome::kReply;
      return true;
    case Question::Kind::kTransaction:
      return ForwardTransaction(request, table);
    default:
      return Forward(request, table.Find(request->question.command.arguments()));
  }
}

// Returns true if the request is answered now. `facts` is null for a command unknown to Redis.
bool Forwarder::Forward(Request* request, const CommandFacts* facts) {
  const resp::Command command = request->question.command.arguments();
  if (facts == nullptr) {
    AnswerError(request, "ERR", resp::UnknownCommandText(command));
    return true;
  }
  if (const Refused why = RefusedFor(*facts, command); why != Refused::kNo) {
    // Redis looks at the number of arguments first.
    const bool is_taken = facts->Takes(command.size());
    AnswerError(request, "ERR",
                is_taken ? RefusedText(*facts, command, why) : resp::WrongArityText(facts->name));
    return true;
  }
  return Send(request, {Written(*facts, command)}, facts->readonly);
}

// Returns true if the request is answered now. The session has checked the commands, so one is
// refused here only if another Redis, with other commands, has taken over since.
bool Forwarder::ForwardTransaction(Request* request, const CommandTable& table) {
  std::vector<Written> written;
  std::string refusal;
  for (const resp::OwnedCommand& owned : request->question.transaction) {
    const resp::Command command = owned.arguments();
    const CommandFacts* const facts = table.Find(command);
    const Refused why = facts == nullptr ? Refused::kNo : RefusedInTransaction(*facts, command);
    if (facts == nullptr) refusal = resp::UnknownCommandText(command);
    if (why != Refused::kNo) refusal = RefusedText(*facts, command, why);
    if (!refusal.empty()) {
      AnswerError(request, "EXECABORT", resp::DiscardedText(refusal));
      return true;
    }
    if (!TryAllocate([&] { written.emplace_back(*facts, command); })) {
      request->Fail(ErrorCode::kNoMemory);
      return true;
    }
  }
  if (!probe_.Passes(request)) return false;
  return Send(request, std::move(written), /*may_be_repeated=*/false);
}

// Goes on with a transaction that has waited for the probe, unless it is answered.
void Forwarder::Resume(Request* request) {
  const bool may_go_on = request->answer.outcome == Outcome::kPending;
  if (!may_go_on || Proceed(request, *Known(Now()).table)) SendHome(request);
}

// Takes the request's command or transaction and sends it. Returns true, and answers the request,
// if there is no memory.
bool Forwarder::Send(Request* request, std::vector<Written> written, bool may_be_repeated) {
  auto sent = std::make_unique<Sent>();
  sent->is_transaction = request->question.kind == Question::Kind::kTransaction;
  const auto take = [&](resp::OwnedCommand* command, const Written& of_command,
                        redis::Outgoing* outgoing) {
    const resp::OwnedCommand& kept = outgoing->Keep(std::move(*command));
    if (of_command.drop != Drop::kGetKeys) return;
    AddGetKeys(kept, outgoing);
    ++sent->questions;
  };
  // What one command needs besides its bytes is small.
  const size_t bytes = sent->is_transaction ? SIZE_MAX : kSmallBytes;
  const bool has_memory = TryAllocate(bytes, [&] {
    // That of a transaction may be large.
    std::shared_ptr<redis::Outgoing> outgoing(new redis::Outgoing, DeleteElsewhere());
    if (sent->is_transaction) {
      std::vector<resp::OwnedCommand> commands = std::move(request->question.transaction);
      for (size_t i = 0; i < commands.size(); ++i) take(&commands[i], written[i], outgoing.get());
      AddTransaction(outgoing.get());
    } else {
      take(&request->question.command, written[0], outgoing.get());
      outgoing->AddKept(outgoing->commands().front());
    }
    sent->command = std::move(outgoing);
  });
  if (!has_memory) {
    request->Fail(ErrorCode::kNoMemory);
    return true;
  }
  sent->request = request;
  sent->replies =
      static_cast<uint32_t>(sent->questions + written.size() + (sent->is_transaction ? 2 : 0));
  sent->written = std::move(written);
  sent->resp_version = request->question.resp_version;
  sent->may_be_repeated = may_be_repeated;
  sent->SetDeadline(request->deadline);
  SubmitOrFail(submit_, std::move(sent), this);
  return false;
}

void Forwarder::OnFetched(redis::Fetch* fetch, const redis::FetchResult& result,
                          TimePoint /*now*/) {
  const std::unique_ptr<Sent> sent(static_cast<Sent*>(fetch));
  Request* const request = sent->request;
  if (request == nullptr) return OnTable(result);
  if (result.kind != Kind::kReply) {
    if (result.maybe_sent) DropWritten(*sent, nullptr);
    return Fail(request, result.error_code, result.error_text);
  }
  const Replies replies(result.value, sent->questions, sent->written.size(), sent->is_transaction);
  DropWritten(*sent, &replies);
  request->answer.reply = replies.Correction();
  if (replies.has_no_transaction()) probe_.Forget();
  const std::string_view reply = replies.last;
  if (!request->answer.reply.empty()) {
    // The client gets this error.
  } else if (result.owner != nullptr) {
    request->answer.large_reply = {.owner = result.owner, .bytes = reply};
  } else if (!TryAllocate(reply.size(), [&] { request->answer.reply = reply; })) {
    return Fail(request, ErrorCode::kNoMemory,
                redis::LossText(*sent, Describe(ErrorCode::kNoMemory).text));
  }
  request->answer.outcome = Outcome::kReply;
  SendHome(request);
}

// --- Invalidation ---

// `replies` is null if they are lost, and the commands may have been carried out.
void Forwarder::DropWritten(const Sent& sent, const Replies* replies) {
  std::string_view keys = replies == nullptr ? std::string_view() : replies->keys;
  std::string_view own = replies == nullptr ? std::string_view() : replies->own;
  const bool may_flush =
      std::any_of(sent.written.begin(), sent.written.end(),
                  [](const Written& written) { return written.drop == Drop::kAll; });
  std::string_view results;  // of a transaction
  if (replies != nullptr && may_flush) results = replies->Results();
  auto command = sent.command->commands().begin();
  for (const Written& written : sent.written) {
    bool is_error = false;
    std::string_view keys_reply;
    if (replies != nullptr) {
      if (may_flush) {  // only then it matters
        const std::string_view reply = sent.is_transaction ? TakeReply(&own) : own;
        const std::string_view result = results.empty() ? results : TakeReply(&results);
        is_error = resp::IsError(reply) || resp::IsError(result) || replies->is_discarded();
      }
      if (written.drop == Drop::kGetKeys) keys_reply = TakeReply(&keys);
    }
    DropWritten(written, (command++)->arguments(), is_error, keys_reply);
  }
}

void Forwarder::DropWritten(const Written& written, const resp::Command& command, bool is_error,
                            std::string_view keys_reply) {
  const auto drop = [this](std::string_view key) { cache_->Invalidate(hasher_(key), key); };
  switch (written.drop) {
    case Drop::kNothing:
      return;
    case Drop::kKeys:
      return ForEachKey(written.keys, command, drop);
    case Drop::kAll:
      // An error means that nothing was done: a client without permission must not empty the cache.
      if (!is_error) Flush();
      return;
    case Drop::kGetKeys:
      break;
  }
  if (SaysThereAreNoKeys(keys_reply)) return;
  if (!keys_reply.starts_with('*') || !resp::IsWholeReply(keys_reply)) return Flush();
  resp::ReplyCursor cursor(keys_reply);
  resp::ReplyElement element;
  while (cursor.Next(&element)) {
    if (element.type == '$') drop(element.text);
  }
}

void Forwarder::Flush() {
  cache_->Flush();
  on_flush_();
}

// --- The table ---

void Forwarder::LoadTable(TimePoint deadline) {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(loading_, true)) return;
  }
  auto sent = std::make_unique<Sent>();
  auto outgoing = std::make_shared<redis::Outgoing>();
  outgoing->Add(kCommand);
  sent->command = std::move(outgoing);
  sent->may_be_repeated = true;
  sent->SetDeadline(deadline);
  SubmitOrFail(submit_, std::move(sent), this);
}

void Forwarder::AwaitTable(Request* request) {
  // Once the lock is released, another thread may answer and reuse the request.
  const TimePoint deadline = request->deadline;
  {
    MutexLock lock(&mutex_);
    waiting_.Append(request);
  }
  LoadTable(deadline);
}

void Forwarder::OnTable(const redis::FetchResult& result) {
  Result<CommandTable> parsed = ParseTable(result);
  std::shared_ptr<const CommandTable> table;
  std::shared_ptr<const CommandTable> old;
  if (parsed) table = std::make_shared<CommandTable>(std::move(*parsed));
  const TimePoint now = Now();
  RequestChain waiting;
  bool is_news = false;
  {
    MutexLock lock(&mutex_);
    loading_ = false;
    if (parsed) table_error_.clear();
    uint64_t suppressed = 0;
    if (!parsed) last_error_ = parsed.error();
    is_news =
        !parsed && parsed.error().message != table_error_ && table_limiter_.Allow(now, &suppressed);
    if (is_news) table_error_ = parsed.error().message;
    loaded_at_ = now;
    // If the load failed, the old table stays. A replaced table is freed without the lock.
    if (table != nullptr) {
      old = std::exchange(table_, table);
    } else {
      table = table_;
    }
    waiting = std::exchange(waiting_, {});
  }
  if (parsed) probe_.Forget();
  if (is_news) {
    Log(LogLevel::kWarn, "-forward: cannot load the table of commands from Redis: %s",
        parsed.error().message.c_str());
  }
  const bool was_late = !parsed && parsed.error().code == ErrorCode::kTimeout;
  RequestChain in_time;  // joined after the load began, and still has time
  TimePoint next_deadline = kNever;
  Request* next = nullptr;
  for (Request* request = waiting.first(); request != nullptr; request = next) {
    next = RequestChain::Next(request);
    if (table == nullptr && was_late && request->deadline > now) {
      next_deadline = std::min(next_deadline, request->deadline);
      in_time.Append(request);
      continue;
    }
    if (table == nullptr) {
      Fail(request, parsed.error().code, parsed.error().message);
      continue;
    }
    if (Proceed(request, *table)) SendHome(request);
  }
  if (in_time.empty()) return;
  {
    MutexLock lock(&mutex_);
    waiting_.Append(in_time);
  }
  LoadTable(std::max(next_deadline, now + kReloadInterval));
}

}  // namespace rp::proxy
