#include "config/help.h"

#include <string_view>

#include "config/flags.h"
#include "config/secrets.h"

namespace rp::config {
namespace {

// " (default 989mb: a quarter of the memory)"; empty without a default.
std::string DefaultOf(const Flag& flag) {
  std::string text = DefaultText(flag);
  if (!flag.default_note.empty()) {
    if (!text.empty()) text += ": ";
    text += flag.default_note;
  }
  return text.empty() ? "" : " (default " + text + ")";
}

}  // namespace

std::string HelpText() {
  std::string text =
      "Usage: redis-proxy [FLAG]...\n"
      "Serves the values of Redis over HTTP (GET /KEY) from a cache in memory.\n"
      "A flag is written -f VALUE, -f=VALUE, --f VALUE or --f=VALUE.\n";
  std::string_view group;
  for (const Flag& flag : Flags()) {
    if (flag.group != group) text += "\n" + std::string(flag.group) + ":\n";
    group = flag.group;
    text += "  " + Usage(flag) + DefaultOf(flag) + "\n      " + std::string(flag.help) + "\n";
  }
  text +=
      "\n"
      "DURATION is a number with a unit: 250ms, 90s, 2m, 1h30m.\n"
      "SIZE is a number of bytes or has a unit: 512kb, 1mb, 2gb (powers of 1024).\n"
      "\n"
      "Environment:\n";
  for (const Variable& variable : Variables()) {
    text += "  " + std::string(variable.name) + "\n      " + std::string(variable.help) + "\n";
  }
  text +=
      "\n"
      "Example:\n"
      "  redis-proxy -redis localhost:6379 -http :8080 -expire 2m -capacity 1000\n"
      "  curl -i http://localhost:8080/example_key\n";
  return text;
}

}  // namespace rp::config
