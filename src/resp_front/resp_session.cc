#include "resp_front/resp_session.h"

#include <utility>

#include "core/connection.h"
#include "core/reactor_context.h"
#include "resp_front/admission.h"
#include "resp_front/answers.h"
#include "resp_front/command_functions.h"
#include "resp_front/request_builder.h"

namespace rp::resp_front {
namespace {

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";

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
    if (NeedsTable(command, row, *connection)) {
      used += reader_.PutBack();
      RequestBuilder(options_, &client_, connection).AwaitTable();
      break;  // the next Consume gets it again
    }
    if (IsForwarded(command, row) && !connection->pipeline().all_answered()) {
      used += reader_.PutBack();
      connection->Hold();  // the next Consume gets it again
      break;
    }
    used += reader_.consumed();
    const size_t held_bytes = client_.transaction.held_bytes();
    Run(command, row, connection);
    // The command has ended the transaction. A large one is freed on another thread, which counts
    // it.
    if (client_.transaction.held_bytes() < held_bytes && held_bytes < kSlowDeleteBytes)
      connection->context()->freed_bytes.AddBlocks(held_bytes);
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
  if (!options_->forward || command.kind() != resp::Command::Kind::kArguments) return false;
  if (client_.transaction.is_open()) return client_.transaction.IsCarriedOutBy(command);
  return AnswererOf(command, row) != Answerer::kProxy &&
         (row != nullptr || !Transaction::IsVerb(command));
}

bool RespSession::IsOfTransaction(const resp::Command& command, const CommandRow* row) const {
  if (!client_.transaction.is_open()) {
    return row == nullptr && options_->forward && client_.authenticated &&
           Transaction::IsVerb(command);
  }
  return row == nullptr || (row->answer != ResetCommand && row->answer != QuitCommand);
}

// A command that an old table lacks may be new. Whether or not the attempt to load the table
// succeeds, the command is run then.
bool RespSession::NeedsTable(const resp::Command& command, const CommandRow* row,
                             const core::Connection& connection) {
  Transaction* const transaction = &client_.transaction;
  if (!transaction->is_open() || command.kind() != resp::Command::Kind::kArguments) return false;
  if (!IsOfTransaction(command, row) || !transaction->NeedsTableFor(command)) return false;
  const proxy::KnownCommands known = connection.context()->dispatcher.KnownCommands();
  if (known.table != nullptr) transaction->Renew(known.table);
  table_is_new_ = !table_is_new_ && known.is_old && transaction->NeedsTableFor(command);
  return table_is_new_;
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
  if (IsOfTransaction(command, row)) return Transact(command, connection);
  RequestBuilder requests(options_, &client_, connection);
  const Admission admission = Admit(command, row, client_, options_->forward);
  if (admission.verdict == Verdict::kForward) return requests.Forward(command, admission.row);
  if (admission.verdict != Verdict::kRun) {
    client_.transaction.Abort();
    return requests.Answer(Refusal(admission, command));
  }
  if (admission.row->read != nullptr) {
    if (HasLargeKey(command)) return requests.Ask(command);
    return admission.row->read(command, &requests);
  }
  requests.Answer(admission.row->answer({*admission.row, command, *options_, &client_}));
  reader_.SetAuthenticated(client_.authenticated);
}

void RespSession::Transact(const resp::Command& command, core::Connection* connection) {
  RequestBuilder requests(options_, &client_, connection);
  Transaction* const transaction = &client_.transaction;
  if (transaction->IsCarriedOutBy(command)) {
    return requests.ForwardTransaction(transaction->Take());
  }
  proxy::KnownCommands known;
  if (!transaction->has_table()) known = connection->context()->dispatcher.KnownCommands();
  if (!transaction->is_open()) {
    return requests.Answer(transaction->Begin(command, std::move(known.table)));
  }
  if (known.table != nullptr) transaction->Renew(std::move(known.table));
  if (!transaction->has_table() && !Transaction::IsEnd(command)) {
    transaction->Abort();
    return requests.Fail(known.error);
  }
  requests.Answer(transaction->Add(command, options_->transaction_limits));
}

}  // namespace rp::resp_front
