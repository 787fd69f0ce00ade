#include "resp_front/resp_session.h"

#include "core/connection.h"
#include "core/reactor_context.h"
#include "resp_front/admission.h"
#include "resp_front/answers.h"
#include "resp_front/request_builder.h"

namespace rp::resp_front {
namespace {

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";
constexpr std::string_view kInTransaction =
    "transactions are not supported; commands are discarded until EXEC or DISCARD";

// A key of more bytes is not looked up in the cache, and Redis is asked for each read of it:
// hashing and copying it would delay all clients.
constexpr size_t kMaxCachedKeyBytes = 256 * 1024;

// Returns whether a command for keys has a large one, which only a large command can have.
bool HasLargeKey(const resp::Command& command) {
  if (command.large() == nullptr) [[likely]]
    return false;
  if (command.size() > core::Group::kMaxKeys + 1) return false;  // it is refused
  for (size_t i = 1; i < command.size(); ++i) {
    if (command[i].size() > kMaxCachedKeyBytes) return true;
  }
  return false;
}

Reply Last(Reply reply) {
  reply.then = Reply::Then::kClose;
  return reply;
}

}  // namespace

core::SessionFactory RespSessions(const RespOptions& options) {
  return [shared = std::make_shared<const RespOptions>(options)](const core::Client& client) {
    return std::make_unique<RespSession>(shared.get(), client);
  };
}

RespSession::RespSession(const RespOptions* options, const core::Client& client)
    : options_(options), reader_(options->limits) {
  client_.connected = client;
  client_.authenticated = !options->credentials.required();
  reader_.SetAuthenticated(client_.authenticated);
}

size_t RespSession::Consume(std::string_view bytes, core::Connection* connection) {
  client_.transaction.OnInput(rest_ == Rest::kNothing && connection->pipeline().all_answered());
  rest_ = Rest::kNothing;
  size_t used = 0;
  while (used < bytes.size() && connection->TakesRequests()) {
    resp::Command command;
    const ParseStatus status = reader_.Parse(bytes.substr(used), &command);
    if (status == ParseStatus::kNeedMore) {
      used += reader_.taken();
      rest_ = Rest::kPartOfCommand;
      break;
    }
    if (status == ParseStatus::kError) {
      client_.BeginCommand();
      RequestBuilder(options_, &client_, connection)
          .Answer(Last(reader_.out_of_memory() ? Constant(kOutOfMemory)
                                               : ErrorReply(reader_.error_text())));
      break;
    }
    const CommandRow* const row =
        command.kind() == resp::Command::Kind::kArguments ? FindCommand(command[0]) : nullptr;
    if (IsForwarded(command, row) && !connection->pipeline().all_answered()) {
      used += reader_.PutBack();
      connection->Hold();  // the next Consume gets it again
      break;
    }
    used += reader_.consumed();
    Run(command, row, connection);
    reader_.EndCommand();
    if (connection->context()->is_draining) phase_ = Phase::kEnding;
  }
  // The server stops: commands that have arrived whole are answered, and no more are read.
  if (phase_ == Phase::kEnding && (used == bytes.size() || connection->TakesRequests())) {
    connection->CloseAfterAnswers(core::Closing::kLinger);
  }
  if (used < bytes.size() && rest_ == Rest::kNothing) rest_ = Rest::kCommands;
  return connection->phase() != core::Connection::Phase::kOpen ? bytes.size() : used;
}

// Like Redis, closes without an answer.
void RespSession::OnReceiveTimeout(core::Connection* connection) {
  connection->Abandon("the rest of a command did not arrive in time");
}

void RespSession::Refuse(core::Connection* connection, Reason why) {
  client_.BeginCommand();
  RequestBuilder(options_, &client_, connection)
      .Answer(Last(Constant(why == Reason::kTooManyClients ? kTooManyClients : kOutOfMemory)));
}

size_t RespSession::Write(const core::Request& request, bool, const core::Turn& turn, char* out,
                          core::Payload* payload) {
  return FramingOf(request).write(request, {turn, *options_}, out, payload);
}

bool RespSession::IsForwarded(const resp::Command& command, const CommandRow* row) const {
  return options_->forward && command.kind() == resp::Command::Kind::kArguments &&
         AnswererOf(command, row) != Answerer::kProxy;
}

void RespSession::Run(const resp::Command& command, const CommandRow* row,
                      core::Connection* connection) {
  client_.BeginCommand();
  if (command.large() != nullptr) [[unlikely]]
    connection->context()->freed_bytes.AddBlocks(command.large()->heap_bytes());
  if (command.kind() == resp::Command::Kind::kNothing) return;
  if (command.kind() == resp::Command::Kind::kSilentClose) {
    return connection->Abandon("it sent HTTP, not the Redis protocol");
  }
  RequestBuilder requests(options_, &client_, connection);
  const Admission admission = Admit(command, row, client_, options_->forward);
  if (admission.verdict == Verdict::kForward) return Forward(command, admission, &requests);
  if (admission.verdict != Verdict::kRun) return requests.Answer(Refusal(admission, command));
  if (admission.row->read != nullptr) {
    if (HasLargeKey(command)) return requests.Ask(command);
    return admission.row->read(command, &requests);
  }
  requests.Answer(admission.row->answer({*admission.row, command, *options_, &client_}));
  reader_.SetAuthenticated(client_.authenticated);
}

void RespSession::Forward(const resp::Command& command, const Admission& admission,
                          RequestBuilder* requests) {
  switch (client_.transaction.OnCommand(command)) {
    case RefusedTransaction::Action::kForward:
      return requests->Forward(command, admission.row);
    case RefusedTransaction::Action::kDiscard:
      return requests->Answer(ErrorReply(kInTransaction));
    case RefusedTransaction::Action::kDiscardAndClose:
      return requests->Answer(Last(ErrorReply(kInTransaction)));
  }
}

}  // namespace rp::resp_front
