#include "proxy/command_table.h"

#include <utility>

#include "base/ascii.h"
#include "redis/reply.h"
#include "resp/grammar.h"
#include "resp/reply_cursor.h"

namespace rp::proxy {
namespace {

// The layout of the array that describes a command.
constexpr int64_t kMinFields = 6;
constexpr int64_t kSubcommandsField = 9;

void AppendLower(std::string_view text, std::string* out) {
  for (const char c : text) out->push_back(ToLowerAscii(c));
}

// Subcommands have no subcommands.
enum class Level { kCommand, kSubcommand };

}  // namespace

// Every function returns false if the reply does not have the expected form.
class CommandTableParser {
 public:
  CommandTableParser(std::string_view reply, CommandTable* table) : cursor_(reply), table_(table) {}

  bool ReadCommands() {
    resp::ReplyElement list;
    if (!cursor_.Next(&list)) return false;
    return ReadCommandsOf(list, Level::kCommand);
  }

 private:
  bool ReadCommandsOf(const resp::ReplyElement& list, Level level) {
    if (!resp::IsAggregate(list.type)) return false;
    for (int64_t i = 0; i < list.number; ++i) {
      if (!ReadCommand(level)) return false;
    }
    return true;
  }

  bool ReadCommand(Level level) {
    resp::ReplyElement fields;
    resp::ReplyElement name;
    if (!cursor_.Next(&fields) || fields.type != '*' || fields.number < kMinFields) return false;
    if (!cursor_.Next(&name) || name.text.empty()) return false;
    if (name.text.size() > CommandTable::kMaxNameBytes) return false;
    CommandFacts facts;
    AppendLower(name.text, &facts.name);
    if (!ReadInteger(&facts.arity) || !ReadFlags(&facts)) return false;
    KeyRange& keys = facts.keys;
    if (!ReadInteger(&keys.first) || !ReadInteger(&keys.last) || !ReadInteger(&keys.step)) {
      return false;
    }
    for (int64_t i = kMinFields; i < fields.number; ++i) {
      const bool has_subcommands = i == kSubcommandsField && level == Level::kCommand;
      if (!(has_subcommands ? ReadSubcommands(&facts) : Skip())) return false;
    }
    std::string key = facts.name;
    table_->commands_.insert_or_assign(std::move(key), std::move(facts));
    return table_->commands_.size() <= CommandTable::kMaxCommands;
  }

  bool ReadInteger(int64_t* number) {
    resp::ReplyElement element;
    if (!cursor_.Next(&element) || element.type != ':') return false;
    *number = element.number;
    return true;
  }

  bool ReadFlags(CommandFacts* facts) {
    resp::ReplyElement flags;
    if (!cursor_.Next(&flags) || !resp::IsAggregate(flags.type)) return false;
    for (int64_t i = 0; i < flags.number; ++i) {
      resp::ReplyElement flag;
      if (!cursor_.Next(&flag) || resp::IsAggregate(flag.type)) return false;
      facts->readonly = facts->readonly || flag.text == "readonly";
      facts->write = facts->write || flag.text == "write";
      facts->blocking = facts->blocking || flag.text == "blocking";
      facts->movablekeys = facts->movablekeys || flag.text == "movablekeys";
      facts->no_multi = facts->no_multi || flag.text == "no_multi";
    }
    return true;
  }

  bool ReadSubcommands(CommandFacts* facts) {
    resp::ReplyElement list;
    if (!cursor_.Next(&list) || !ReadCommandsOf(list, Level::kSubcommand)) return false;
    facts->has_subcommands = list.number > 0;
    return true;
  }

  bool Skip() {
    for (int64_t left = 1; left > 0; --left) {
      resp::ReplyElement element;
      if (!cursor_.Next(&element)) return false;
      if (resp::IsAggregate(element.type)) left += element.number;
    }
    return true;
  }

  resp::ReplyCursor cursor_;
  CommandTable* const table_;
};

Result<CommandTable> CommandTable::Parse(std::string_view reply) {
  if (resp::IsError(reply)) {
    const std::string_view text = resp::ErrorText(reply);
    return Error{redis::ClassifyErrorReply(text), std::string(text)};
  }
  CommandTable table;
  if (reply.size() > kMaxReplyBytes || !resp::IsWholeReply(reply) ||
      !CommandTableParser(reply, &table).ReadCommands()) {
    return Error{ErrorCode::kProtocol, std::string("Redis's reply to COMMAND is not understood")};
  }
  return table;
}

const CommandFacts* CommandTable::Find(const resp::Command& command) const {
  if (command[0].size() > kMaxNameBytes) return nullptr;
  std::string name;
  AppendLower(command[0], &name);
  const auto found = commands_.find(name);
  if (found == commands_.end()) return nullptr;
  if (!found->second.has_subcommands || command.size() < 2 || command[1].size() > kMaxNameBytes) {
    return &found->second;
  }
  name += '|';
  AppendLower(command[1], &name);
  const auto subcommand = commands_.find(name);
  return subcommand == commands_.end() ? &found->second : &subcommand->second;
}

}  // namespace rp::proxy
