#include "resp_front/request_builder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/memory.h"
#include "core/reactor_context.h"
#include "resp/grammar.h"
#include "resp/writer.h"
#include "resp_front/proxy_section.h"

namespace rp::resp_front {

using core::Group;

namespace {

constexpr std::string_view kTooManyKeys = "too many keys in one command: at most 65536";
// Maximum bytes that MGET copies, and the bytes that it reserves for each key.
constexpr size_t kMaxCopiedBytes = 64 * 1024;
constexpr size_t kTypicalElementBytes = 128;
// Maximum keys that are looked up before the command has a group; one of many bytes counts as
// several.
constexpr size_t kMaxCostAtOnce = core::TurnBudget::kKeysOfOne;

// The keys of a command, which are its arguments.
class CommandKeys final : public core::GroupKeys {
 public:
  // Returns false if there is no memory for them.
  [[nodiscard]] bool Assign(const resp::Command& command) { return command_.Assign(command); }

  [[nodiscard]] size_t size() const override { return command_.arguments().size() - 1; }
  [[nodiscard]] std::string_view operator[](size_t index) const override {
    return command_.arguments()[index + 1];
  }

 private:
  resp::OwnedCommand command_;
};

}  // namespace

void RequestBuilder::Answer(Reply reply) {
  core::Request* request = AddWanted(WriteReply);
  if (request != nullptr) {
    connection_->context()->budget.OnReply(reply.bytes.size());
    FramingOf(request)->constant = reply.constant;
    request->answer.reply = std::move(reply.bytes);
    request->answer.large_reply = std::move(reply.large);
    connection_->OnAnswer(request);
  }
  if (reply.then == Reply::Then::kClose) connection_->CloseAfterAnswers(core::Closing::kLinger);
}

void RequestBuilder::Read(WriteAnswer* write, std::string_view key) {
  core::Request* request = AddWanted(write);
  if (request != nullptr && SetKey(request, key)) connection_->Submit(request);
}

void RequestBuilder::ReadRange(const resp::Command& command) {
  int64_t start = 0;
  int64_t end = 0;
  if (!resp::ParseCanonicalInteger(command[2], &start) ||
      !resp::ParseCanonicalInteger(command[3], &end)) {
    return Answer(ErrorReply(kNotAnInteger));
  }
  core::Request* request = AddWanted(WriteRange);
  if (request == nullptr) return;
  FramingOf(request)->range_start = start;
  FramingOf(request)->range_end = end;
  if (SetKey(request, command[1])) connection_->Submit(request);
}

void RequestBuilder::ReadOrAsk(WriteAnswer* write, Fact fact, const resp::Command& command) {
  using Kind = proxy::Question::Kind;
  core::Request* request = AddWanted(write);
  if (request == nullptr || !SetKey(request, command[1])) return;
  if (fact == Fact::kLife && !options_->knows_ttl) return Send(request, Kind::kCommand, command);
  if (!connection_->context()->dispatcher.TryHit(request)) {
    return Send(request, fact == Fact::kType ? Kind::kKeyOrCommand : Kind::kEndOrCommand, command);
  }
  const cache::EntryRef& entry = request->answer.value;
  const bool is_too_far = fact == Fact::kLife && entry && entry->hard_deadline == kTooFar;
  if (request->answer.outcome != proxy::Outcome::kError && !is_too_far)
    return connection_->OnAnswer(request);
  request->answer.Clear();
  Send(request, Kind::kCommand, command);
}

void RequestBuilder::Ask(const resp::Command& command) {
  core::Request* request = AddWanted(WriteForwarded);
  if (request != nullptr) Send(request, proxy::Question::Kind::kCommand, command);
}

// The keys that are in the cache make up the reply at once, which usually is the whole reply: a
// group would cost MGET a third more.
void RequestBuilder::ReadGroup(Group::Keeps keeps, const resp::Command& command) {
  if (command.size() - 1 > Group::kMaxKeys) return Answer(ErrorReply(kTooManyKeys));
  core::Request* request = AddWanted(keeps == Group::Keeps::kValues ? WriteMget : WriteExists);
  if (request == nullptr) return;
  size_t found = 0;
  std::unique_ptr<Group> group;
  const bool has_memory = TryAllocate([&] {
    found = AppendHits(keeps, command, request);
    if (found == command.size() - 1) return;
    auto keys = std::make_unique<CommandKeys>();
    if (keys->Assign(command)) group = std::make_unique<Group>(keeps, std::move(keys), found);
  });
  connection_->context()->budget.OnReply(request->answer.reply.size());
  if (has_memory && found == command.size() - 1) return connection_->OnAnswer(request);
  if (group != nullptr) return connection_->StartGroup(request, std::move(group));
  request->answer.reply.clear();
  FramingOf(request)->write = WriteForwarded;  // which writes errors too
  AnswerNoMemory(request);
}

// Begins the reply with the keys that are in the cache, up to the first that is not, or whose value
// is too large to copy. Returns how many keys that are.
size_t RequestBuilder::AppendHits(Group::Keeps keeps, const resp::Command& command,
                                  core::Request* request) {
  const bool wants_values = keeps == Group::Keeps::kValues;
  std::string* const reply = &request->answer.reply;
  resp::Writer writer(client_->version, reply);
  if (wants_values) {
    reply->reserve(std::min(kMaxCopiedBytes, command.size() * kTypicalElementBytes));
    writer.ArrayHeader(command.size() - 1);
  }
  size_t cost = 0;
  for (size_t i = 1; i < command.size(); ++i) {
    const std::string_view key = command[i];
    cost += 1 + key.size() / core::TurnBudget::kPartBytes;
    if (cost > kMaxCostAtOnce) return i - 1;
    const cache::EntryRef entry = connection_->context()->dispatcher.TryFind(key);
    const bool has_value = entry && entry->kind == cache::Kind::kValue;
    if (!entry || reply->size() > kMaxCopiedBytes ||
        (wants_values && has_value && entry->value_bytes > core::Session::kCopiedBytes)) {
      return i - 1;
    }
    FramingOf(request)->found += entry->kind != cache::Kind::kMissing;
    if (!wants_values) continue;
    has_value ? writer.Bulk(entry->value()) : writer.Null();
  }
  return command.size() - 1;
}

void RequestBuilder::Forward(const resp::Command& command, const CommandRow* row) {
  const bool adds = row != nullptr && row->with_forward == Answerer::kRedisThenProxy &&
                    command.size() <= kMaxArguments && AsksForSection(command, "proxy");
  WriteAnswer* const write = adds ? WriteInfo : WriteForwarded;
  core::Request* request = AddRequest(client_->is_silent() ? WriteNothing : write);
  if (request == nullptr || !SetCommand(request, proxy::Question::Kind::kCommand, command)) return;
  SendAlone(request);
}

void RequestBuilder::ForwardTransaction(std::vector<resp::OwnedCommand> commands) {
  core::Request* request = AddRequest(client_->is_silent() ? WriteNothing : WriteForwarded);
  if (request == nullptr) return;
  request->question.kind = proxy::Question::Kind::kTransaction;
  request->question.resp_version = static_cast<uint8_t>(client_->version);
  request->question.transaction = std::move(commands);
  SendAlone(request);
}

void RequestBuilder::AwaitTable() {
  core::Request* request = AddRequest(WriteNothing);
  if (request == nullptr) return;
  request->question.kind = proxy::Question::Kind::kTable;
  SendAlone(request);
}

void RequestBuilder::Fail(const Error& error) {
  core::Request* request = AddWanted(WriteForwarded);
  if (request == nullptr) return;
  request->Fail(error.code);
  request->answer.error_text = error.message;
  connection_->OnAnswer(request);
}

void RequestBuilder::SendAlone(core::Request* request) {
  connection_->context()->dispatcher.Send(request);
  connection_->Hold();
}

core::Request* RequestBuilder::AddRequest(WriteAnswer* write) {
  core::Request* request = connection_->AddRequest();
  if (request == nullptr) return nullptr;
  auto* framing = request->data.Emplace<Framing>();
  framing->write = write;
  framing->version = static_cast<uint8_t>(client_->version);
  return request;
}

bool RequestBuilder::SetKey(core::Request* request, std::string_view key) {
  if (TryAllocate(key.size(), [&] { request->question.key = key; })) return true;
  AnswerNoMemory(request);
  return false;
}

bool RequestBuilder::SetCommand(core::Request* request, proxy::Question::Kind kind,
                                const resp::Command& command) {
  if (request->question.command.Assign(command)) {
    request->question.kind = kind;
    request->question.resp_version = static_cast<uint8_t>(client_->version);
    return true;
  }
  AnswerNoMemory(request);
  return false;
}

void RequestBuilder::AnswerNoMemory(core::Request* request) {
  request->Fail(ErrorCode::kNoMemory);
  connection_->OnAnswer(request);
}

void RequestBuilder::Send(core::Request* request, proxy::Question::Kind kind,
                          const resp::Command& command) {
  if (!SetCommand(request, kind, command)) return;
  request->question.reads_only = true;
  connection_->context()->dispatcher.Send(request);
}

}  // namespace rp::resp_front
