#include "resp/error_texts.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "resp/grammar.h"

namespace rp::resp {
namespace {

constexpr size_t kMaxShownBytes = 128;

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return text;
}

void AppendShown(std::string_view argument, size_t most, std::string* text) {
  text->append(UpToNul(argument.substr(0, most)));
}

}  // namespace

std::string UnknownCommandText(const Command& command) {
  RP_CHECK(command.size() >= 1);
  std::string arguments;
  for (size_t i = 1; i < command.size() && arguments.size() < kMaxShownBytes; ++i) {
    const size_t room = kMaxShownBytes - arguments.size();
    arguments += '\'';
    AppendShown(command[i], room, &arguments);
    arguments += "' ";
  }
  std::string text = "unknown command '";
  AppendShown(command[0], kMaxShownBytes, &text);
  return OneLine(std::move(text) + "', with args beginning with: " + arguments);
}

std::string UnknownSubcommandText(const Command& command) {
  RP_CHECK(command.size() >= 2);
  std::string text = "unknown subcommand '";
  AppendShown(command[1], kMaxShownBytes, &text);
  text += "'. Try ";
  for (const char c : command[0]) text += ToUpperAscii(c);
  return OneLine(std::move(text) + " HELP.");
}

std::string WrongArityText(std::string_view full_name) {
  return "wrong number of arguments for '" + std::string(full_name) + "' command";
}

std::string DiscardedText(std::string_view why) {
  return "Transaction discarded because of: " + std::string(why);
}

}  // namespace rp::resp
