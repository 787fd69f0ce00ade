#include "proxy/forwarder.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "redis/batch.h"
#include "resp/error_texts.h"
#include "resp/reply_cursor.h"
#include "resp/reply_framer.h"
#include "resp/writer.h"

namespace rp::proxy {
namespace {

using Kind = redis::FetchResult::Kind;

// Minimum time between two attempts to load the table, for requests that wait for it with different
// deadlines.
constexpr Duration kReloadInterval = std::chrono::milliseconds(10);

constexpr std::string_view kCommand = "*1\r\n$7\r\nCOMMAND\r\n";

// Adds two commands: COMMAND GETKEYS with the arguments of `command`
// (https://redis.io/docs/latest/commands/command-getkeys/), and `command` itself.
void AddWithGetKeys(resp::OwnedCommand command, redis::Outgoing* outgoing) {
  const resp::OwnedCommand& kept = outgoing->Keep(std::move(command));
  outgoing->AddText("*" + std::to_string(kept.arguments().size() + 2) +
                    "\r\n$7\r\nCOMMAND\r\n$7\r\nGETKEYS\r\n");
  outgoing->AddArgumentsOf(kept);
  outgoing->AddKept(kept);
}

// Returns whether this is one of Redis's errors for a command without keys.
bool SaysThereAreNoKeys(std::string_view reply) {
  return reply.starts_with("-ERR The command has no key arguments") ||
         reply.starts_with("-ERR Invalid arguments specified for command");
}

// Returns the size of the first reply. REQUIRES: there is one.
size_t FirstReplyBytes(std::string_view replies) {
  resp::ReplyFramer framer(replies.size());
  RP_CHECK(framer.Parse(replies) == ParseStatus::kDone);
  return framer.consumed();
}

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

void AnswerError(Request* request, std::string_view text) {
  request->answer.outcome = Outcome::kReply;
  resp::Writer(request->question.resp_version, &request->answer.reply).Error("ERR", text);
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

// A fetch under way: of a request's command, which is no longer the request's, or of COMMAND for
// the table.
struct Forwarder::Sent : redis::Fetch {
  Request* request = nullptr;  // null for the table
  Drop drop = Drop::kNothing;
  KeyRange keys;  // of Drop::kKeys
};

Forwarder::Forwarder(const Hasher& hasher, cache::Cache* cache, SubmitFetch submit,
                     std::function<void()> on_flush)
    : hasher_(hasher), cache_(cache), submit_(std::move(submit)), on_flush_(std::move(on_flush)) {}

bool Forwarder::Start(Request* request, TimePoint now) {
  RP_DCHECK(request->answer.outcome == Outcome::kPending && !request->question.command.empty());
  if (request->question.reads_only) {
    std::unique_ptr<Sent> sent = SentFor(request, Drop::kNothing);
    if (sent == nullptr) return true;
    sent->may_be_repeated = true;
    Submit(std::move(sent));
    return false;
  }
  std::shared_ptr<const CommandTable> table;
  bool is_old;
  {
    MutexLock lock(&mutex_);
    table = table_;
    is_old = now - loaded_at_ >= kTableAge;
  }
  const CommandFacts* const facts =
      table == nullptr ? nullptr : table->Find(request->question.command.arguments());
  if (facts == nullptr && (table == nullptr || is_old)) {
    AwaitTable(request);
    return false;
  }
  return Forward(request, facts);
}

// Returns true if the request is answered now. `facts` is null for a command unknown to Redis.
bool Forwarder::Forward(Request* request, const CommandFacts* facts) {
  const resp::Command command = request->question.command.arguments();
  if (facts == nullptr) {
    AnswerError(request, resp::UnknownCommandText(command));
    return true;
  }
  if (const Refused why = RefusedFor(*facts, command); why != Refused::kNo) {
    AnswerError(request, RefusedText(*facts, command, why));
    return true;
  }
  const KeyRange keys = KeysOf(*facts, command);
  std::unique_ptr<Sent> sent = SentFor(request, DropOf(*facts, command));
  if (sent == nullptr) return true;
  sent->keys = keys;
  sent->may_be_repeated = facts->readonly;
  Submit(std::move(sent));
  return false;
}

// Takes the request's command. Returns null, and answers the request, if there is no memory.
std::unique_ptr<Forwarder::Sent> Forwarder::SentFor(Request* request, Drop drop) {
  auto sent = std::make_unique<Sent>();
  const bool has_memory = TryAllocate(kSmallBytes, [&] {
    auto outgoing = std::make_shared<redis::Outgoing>();
    if (drop == Drop::kGetKeys) {
      AddWithGetKeys(std::move(request->question.command), outgoing.get());
    } else {
      outgoing->Add(std::move(request->question.command));
    }
    sent->command = std::move(outgoing);
  });
  if (!has_memory) {
    request->Fail(ErrorCode::kNoMemory);
    return nullptr;
  }
  sent->request = request;
  sent->drop = drop;
  sent->replies = drop == Drop::kGetKeys ? 2 : 1;
  sent->resp_version = request->question.resp_version;
  sent->SetDeadline(request->deadline);
  return sent;
}

// The fetchers own `sent` from here on, until OnFetched takes it back.
void Forwarder::Submit(std::unique_ptr<Sent> sent) {
  sent->sink = this;
  Sent* const submitted = sent.release();
  if (submit_(submitted)) return;
  redis::FetchResult failure;
  failure.error_code = ErrorCode::kBusy;
  failure.error_text = kQueueFullText;
  OnFetched(submitted, failure);
}

void Forwarder::OnFetched(redis::Fetch* fetch, const redis::FetchResult& result) {
  const std::unique_ptr<Sent> sent(static_cast<Sent*>(fetch));
  Request* const request = sent->request;
  if (request == nullptr) return OnTable(result);
  std::string_view reply = result.value;
  std::string_view keys_reply;
  if (sent->drop == Drop::kGetKeys && result.kind == Kind::kReply) {
    keys_reply = reply.substr(0, FirstReplyBytes(reply));
    reply.remove_prefix(keys_reply.size());
  }
  DropWritten(*sent, result, keys_reply);
  if (result.kind != Kind::kReply) return Fail(request, result.error_code, result.error_text);
  if (result.owner != nullptr) {
    request->answer.large_reply = {.owner = result.owner, .bytes = reply};
  } else if (!TryAllocate(reply.size(), [&] { request->answer.reply = reply; })) {
    return Fail(request, ErrorCode::kNoMemory,
                redis::LossText(*sent, Describe(ErrorCode::kNoMemory).text));
  }
  request->answer.outcome = Outcome::kReply;
  SendHome(request);
}

// --- Invalidation ---

void Forwarder::DropWritten(const Sent& sent, const redis::FetchResult& result,
                            std::string_view keys_reply) {
  const bool failed = result.kind != Kind::kReply;
  if (failed && !result.maybe_sent) return;
  const auto drop = [this](std::string_view key) { cache_->Invalidate(hasher_(key), key); };
  switch (sent.drop) {
    case Drop::kNothing:
      return;
    case Drop::kKeys:
      return ForEachKey(sent.keys, sent.command->commands().front().arguments(), drop);
    case Drop::kAll:
      // An error means that nothing was done: a client without permission must not empty the cache.
      if (failed || !result.value.starts_with('-')) Flush();
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
  Submit(std::move(sent));
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
    if (Forward(request, table->Find(request->question.command.arguments()))) SendHome(request);
  }
  if (in_time.empty()) return;
  {
    MutexLock lock(&mutex_);
    waiting_.Append(in_time);
  }
  LoadTable(std::max(next_deadline, now + kReloadInterval));
}

}  // namespace rp::proxy
