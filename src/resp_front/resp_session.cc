#include "resp_front/resp_session.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/check.h"
#include "base/memory.h"
#include "core/connection.h"
#include "core/reactor_context.h"
#include "resp/writer.h"

namespace rp::resp_front {
namespace {

using resp::CommandName;

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";
constexpr std::string_view kNoMemory = "-OOM out of memory\r\n";
constexpr std::string_view kNoAuth = "-NOAUTH Authentication required.\r\n";
constexpr std::string_view kTooManyKeys = "too many keys in one command: at most 65536";
constexpr std::string_view kNoRoom = "-BUSY too many keys are being looked up, try again soon\r\n";
constexpr std::string_view kInTransaction =
    "not carried out, for it is part of a transaction, and these are not available; EXEC or "
    "DISCARD ends it";
constexpr std::string_view kNoInteger = "value is not an integer or out of range";
// What MGET copies at most, and what it makes room for with each key.
constexpr size_t kMostCopiedBytes = 64 * 1024;
constexpr size_t kTypicalElementBytes = 128;

}  // namespace

core::SessionFactory RespSessions(const RespOptions& options) {
  return [shared = std::make_shared<const RespOptions>(options)](const core::Client& client) {
    return std::make_unique<RespSession>(shared.get(), client);
  };
}

RespSession::RespSession(const RespOptions* options, const core::Client& client)
    : options_(options), client_(client), reader_(options->limits) {
  SetAuthenticated(!options->credentials.required());
}

size_t RespSession::Consume(std::string_view bytes, core::Connection* connection) {
  connection_ = connection;
  midway_ = false;
  knows_refusal_ =
      in_refused_transaction_ && !has_input_left_ && connection->pipeline().all_answered();
  size_t used = 0;
  while (used < bytes.size() && connection->TakesRequests()) {
    resp::Command command;
    const ParseStatus status = reader_.Parse(bytes.substr(used), &command);
    if (status == ParseStatus::kNeedMore) {
      midway_ = true;
      break;
    }
    if (status == ParseStatus::kError) {
      silent_ = replies_off_ || skips_next_;
      ReplyError(reader_.error_text());
      connection->CloseAfterAnswers(core::Closing::kLinger);
      break;
    }
    if (IsForwarded(command) && !connection->pipeline().all_answered()) {
      connection->Hold();  // it comes again
      break;
    }
    used += reader_.consumed();
    Run(command);
    reader_.EndCommand();
    drains_ |= connection->context()->is_draining;
  }
  // The server stops: what has arrived whole is answered, and no more is read.
  if (drains_ && (used == bytes.size() || connection->TakesRequests())) {
    connection->CloseAfterAnswers(core::Closing::kLinger);
  }
  has_input_left_ = used < bytes.size();
  return connection->phase() != core::Connection::Phase::kOpen ? bytes.size() : used;
}

// As Redis, which says nothing to a client that was silent for too long.
void RespSession::OnReceiveTimeout(core::Connection* connection) {
  connection->Abandon("the rest of a command did not come in time");
}

void RespSession::Refuse(core::Connection* connection, Reason why) {
  connection_ = connection;
  silent_ = replies_off_ || skips_next_;
  Reply(why == Reason::kTooManyClients ? kTooManyClients : kNoMemory);
  connection->CloseAfterAnswers(core::Closing::kLinger);
}

bool RespSession::IsForwarded(const resp::Command& command) const {
  return options_->forward && command.kind() == resp::Command::Kind::kArguments &&
         resp::FindCommand(command[0]) == nullptr;
}

void RespSession::Run(const resp::Command& command) {
  silent_ = replies_off_ || skips_next_;
  skips_next_ = false;
  if (command.kind() == resp::Command::Kind::kNothing) return;
  if (command.kind() == resp::Command::Kind::kSilentClose) {
    return connection_->Abandon("it was taken for a client of HTTP");
  }
  // The replies of a turn are made before the first is sent: many clients with many commands each
  // would use up the reserve for small blocks.
  if (MemoryIsShort() && !FillReserve()) return Reply(kNoMemory);
  const resp::CommandInfo* info = resp::FindCommand(command[0]);
  const bool is_known =
      info != nullptr || options_->forward || resp::IsOtherRedisCommand(command[0]);
  if (!is_known) return ReplyError(resp::UnknownCommandText(command));
  if (info != nullptr && !info->Takes(command.size())) {
    return ReplyError(resp::WrongArityText(info->name));
  }
  if (info != nullptr && !AdmitsSubcommand(*info, command)) return;
  // PING is for whoever watches over this proxy, with or without a password.
  const bool is_open =
      info != nullptr && (info->flags == resp::kConnectionFlags || info->id == CommandName::kPing);
  if (!authenticated_ && !is_open) return Reply(kNoAuth);
  if (info == nullptr && options_->forward) return Forward(command);
  if (info == nullptr) {
    std::string name(command[0]);
    std::transform(name.begin(), name.end(), name.begin(), ToLowerAscii);
    return ReplyError("'" + name + "' is not available: this endpoint serves reads");
  }
  RunAdmitted(info->id, command);
}

void RespSession::RunAdmitted(CommandName name, const resp::Command& command) {
  switch (name) {
    case CommandName::kGet:
      return Read(Form::kGet, command[1]);
    case CommandName::kMget:
      return ReadGroup(Form::kMget, Form::kMgetRest, command);
    case CommandName::kExists:
      return ReadGroup(Form::kExists, Form::kExistsRest, command);
    case CommandName::kStrlen:
      return Read(Form::kStrlen, command[1]);
    case CommandName::kGetrange:
    case CommandName::kSubstr:
      return ReadRange(command);
    case CommandName::kTtl:
      return ReadOrAsk(Form::kTtl, command);
    case CommandName::kPttl:
      return ReadOrAsk(Form::kPttl, command);
    case CommandName::kType:
      return ReadOrAsk(Form::kType, command);
    case CommandName::kExpiretime:
    case CommandName::kPexpiretime: {
      // The cache knows the end of a key on another clock, and not to the millisecond.
      core::Request* request = silent_ ? nullptr : AddRequest(Form::kForwarded);
      if (request != nullptr) Ask(request, proxy::Question::Kind::kCommand, command);
      return;
    }
    case CommandName::kPing:
      if (command.size() > 2) return ReplyError(resp::WrongArityText("ping"));
      if (command.size() == 1) return Reply("+PONG\r\n");
      [[fallthrough]];
    case CommandName::kEcho: {
      std::string reply;
      if (!TryAllocate([&] { resp::Writer(version_, &reply).Bulk(command[1]); })) {
        return Reply(kNoMemory);
      }
      return ReplyBytes(std::move(reply));
    }
    case CommandName::kHello:
      return Hello(command);
    case CommandName::kAuth:
      return Auth(command);
    case CommandName::kSelect:
      return Select(command);
    case CommandName::kClient:
      return Client(command);
    case CommandName::kCommand:
      return CommandTable(command);
    case CommandName::kInfo:
      return Info(command);
    case CommandName::kConfig:
      return Config(command);
    case CommandName::kReset:
      return Reset();
    case CommandName::kQuit:
      return Quit();
    case CommandName::kDbsize: {
      std::string reply;
      const uint64_t entries = options_->server->CacheSize();
      resp::Writer(version_, &reply).Integer(static_cast<int64_t>(entries));
      return ReplyBytes(std::move(reply));
    }
  }
}

core::Request* RespSession::AddRequest(Form form) {
  core::Request* request = connection_->AddRequest();
  if (request == nullptr) return nullptr;
  auto* framing = request->data.Emplace<Framing>();
  framing->form = form;
  framing->version = static_cast<uint8_t>(version_);
  return request;
}

// Nothing changes by reading, so without an answer it need not be done.
void RespSession::Read(Form form, std::string_view key) {
  core::Request* request = silent_ ? nullptr : AddRequest(form);
  if (request != nullptr && SetKey(request, key)) connection_->Submit(request);
}

void RespSession::ReadRange(const resp::Command& command) {
  int64_t start = 0;
  int64_t end = 0;
  if (!resp::ParseCanonicalInteger(command[2], &start) ||
      !resp::ParseCanonicalInteger(command[3], &end)) {
    return ReplyError(kNoInteger);
  }
  core::Request* request = silent_ ? nullptr : AddRequest(Form::kRange);
  if (request == nullptr) return;
  request->data.Get<Framing>()->range_start = start;
  request->data.Get<Framing>()->range_end = end;
  if (SetKey(request, command[1])) connection_->Submit(request);
}

// From the cache as far as it knows; Redis knows the rest, which is not cached.
void RespSession::ReadOrAsk(Form form, const resp::Command& command) {
  core::Request* request = silent_ ? nullptr : AddRequest(form);
  if (request == nullptr || !SetKey(request, command[1])) return;
  const bool may_know = form == Form::kType || options_->knows_ttl;
  if (may_know && connection_->context()->dispatcher.TryHit(request)) {
    const cache::EntryRef& entry = request->answer.value;
    const bool is_known = request->answer.outcome != proxy::Outcome::kError &&
                          !(entry && entry->hard_deadline == kTooFar);
    if (is_known) return connection_->OnAnswer(request);
    request->answer = {};
  }
  using Kind = proxy::Question::Kind;
  Ask(request, may_know ? Kind::kKeyOrCommand : Kind::kCommand, command);
}

bool RespSession::SetKey(core::Request* request, std::string_view key) {
  if (TryAllocate(key.size(), [&] { request->question.key = key; })) return true;
  AnswerNoMemory(request);
  return false;
}

bool RespSession::SetCommand(core::Request* request, const resp::Command& command) {
  if (request->question.command.Assign(command)) {
    request->question.kind = proxy::Question::Kind::kCommand;
    request->question.resp_version = static_cast<uint8_t>(version_);
    return true;
  }
  AnswerNoMemory(request);
  return false;
}

void RespSession::AnswerNoMemory(core::Request* request) {
  request->Fail(ErrorCode::kNoMemory);
  connection_->OnAnswer(request);
}

void RespSession::Ask(core::Request* request, proxy::Question::Kind kind,
                      const resp::Command& command) {
  if (!SetCommand(request, command)) return;
  request->question.kind = kind;
  request->question.reads_only = true;
  connection_->context()->dispatcher.Send(request);
}

// A transaction is refused with its first command, MULTI. What the client sends behind it without
// waiting must not be carried out by itself. Who may have seen the refusal may have left the
// transaction without a word: a new connection makes that clear.
void RespSession::Forward(const resp::Command& command) {
  const bool is_alone = command.size() == 1;
  if (is_alone &&
      (EqualsIgnoreCase(command[0], "exec") || EqualsIgnoreCase(command[0], "discard"))) {
    in_refused_transaction_ = false;
  } else if (in_refused_transaction_) {
    ReplyError(kInTransaction);
    if (knows_refusal_) connection_->CloseAfterAnswers(core::Closing::kLinger);
    return;
  } else if (is_alone && EqualsIgnoreCase(command[0], "multi")) {
    in_refused_transaction_ = true;
  }
  core::Request* request = AddRequest(silent_ ? Form::kSilent : Form::kForwarded);
  if (request == nullptr || !SetCommand(request, command)) return;
  connection_->context()->dispatcher.Send(request);
  connection_->Hold();
}

// The first request of the group has no key: it brings what precedes the first key that is not an
// easy hit, which is usually all. A request for each key would cost MGET a third more.
void RespSession::ReadGroup(Form first_form, Form rest_form, const resp::Command& command) {
  const size_t keys = command.size() - 1;
  if (keys > kMaxKeys) return ReplyError(kTooManyKeys);
  if (silent_) return;
  if (!connection_->context()->requests.Has(keys + 1)) return Reply(kNoRoom);
  core::Request* first = AddRequest(first_form);
  if (first == nullptr) return;
  size_t found = 0;
  const bool has_memory = TryAllocate([&] { found = AppendHits(command, first); }) &&
                          connection_->context()->requests.MakeRoom(keys - found);
  if (!has_memory) {
    first->answer.reply.clear();
    first->data.Get<Framing>()->form = Form::kForwarded;  // an error as it is
    return AnswerNoMemory(first);
  }
  for (size_t i = found; i < keys; ++i) {
    core::Request* request = AddRequest(rest_form);
    RP_CHECK(request != nullptr);
    if (TryAllocate([&] { request->question.key = command[i + 1]; })) continue;
    request->Fail(ErrorCode::kNoMemory);
  }
  connection_->StartGroup(first, static_cast<uint32_t>(keys - found + 1));
}

// Begins the reply with the keys that are in the cache, up to one that is not or whose value is too
// large to be copied. Returns how many they are.
size_t RespSession::AppendHits(const resp::Command& command, core::Request* first) {
  const bool wants_values = FramingOf(*first).form == Form::kMget;
  std::string* const reply = &first->answer.reply;
  resp::Writer writer(version_, reply);
  if (wants_values) {
    reply->reserve(std::min(kMostCopiedBytes, command.size() * kTypicalElementBytes));
    writer.ArrayHeader(command.size() - 1);
  }
  for (size_t i = 1; i < command.size(); ++i) {
    const cache::EntryRef entry = connection_->context()->dispatcher.TryFind(command[i]);
    const bool has_value = entry && entry->kind == cache::Kind::kValue;
    if (!entry || reply->size() > kMostCopiedBytes ||
        (wants_values && has_value && entry->value_bytes > kCopiedBytes)) {
      return i - 1;
    }
    first->data.Get<Framing>()->found += entry->kind != cache::Kind::kMissing;
    if (!wants_values) continue;
    has_value ? writer.Bulk(entry->value()) : writer.Null();
  }
  return command.size() - 1;
}

void RespSession::Reply(std::string_view constant) {
  core::Request* request = silent_ ? nullptr : AddRequest(Form::kReply);
  if (request == nullptr) return;
  request->data.Get<Framing>()->text = constant;
  connection_->OnAnswer(request);
}

void RespSession::ReplyBytes(std::string reply) {
  core::Request* request = silent_ ? nullptr : AddRequest(Form::kReply);
  if (request == nullptr) return;
  request->answer.reply = std::move(reply);
  connection_->OnAnswer(request);
}

void RespSession::ReplyError(std::string_view text) {
  std::string reply;
  resp::Writer(version_, &reply).Error("ERR", text);
  ReplyBytes(std::move(reply));
}

void RespSession::ReplyVerbatim(std::string_view text) {
  std::string reply;
  resp::Writer(version_, &reply).Verbatim("txt", text);
  ReplyBytes(std::move(reply));
}

}  // namespace rp::resp_front
