#include "config/options.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "config/flag_values.h"
#include "config/flags.h"

namespace rp::config {
namespace {

Error Wrong(std::string_view flag_name, std::string_view problem) {
  return {ErrorCode::kInternal, "-" + std::string(flag_name) + ": " + std::string(problem)};
}

const Flag* FindFlag(std::string_view name) {
  if (name == "help") name = "h";
  const auto found = std::find_if(Flags().begin(), Flags().end(),
                                  [&](const Flag& flag) { return flag.name == name; });
  return found == Flags().end() ? nullptr : &*found;
}

void SetDefaults(Options* options) {
  for (const Flag& flag : Flags()) {
    if (flag.parse != nullptr) RP_CHECK(flag.parse(DefaultText(flag), options).ok());
  }
  options->prefixes.clear();  // the default is no prefix, not the empty one
}

// Checks what one flag requires of the others.
Result<void> CheckTogether(const Options& options) {
  if (options.coherent == Coherent::kNo && !options.prefixes.empty()) {
    return Wrong("prefix", "expected together with -coherent, got " +
                               Quote(options.prefixes.front()) + " alone");
  }
  if (options.coherent == Coherent::kNo && options.verify != 0) {
    return Wrong("verify", "requires -coherent");
  }
  if (options.forward && (options.coherent != Coherent::kYes || !options.resp)) {
    return Wrong("forward", "requires -resp and -coherent=true");
  }
  return {};
}

}  // namespace

Result<ParsedAction> ParseOptions(int argc, const char* const* argv, Options* options) {
  SetDefaults(options);
  ParsedAction action = ParsedAction::kRun;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    const bool is_flag = name.size() > 1 && name.starts_with('-') && name != "--";
    if (name == "--" && ++i >= argc) break;
    if (!is_flag) return Error{ErrorCode::kInternal, "unexpected argument " + Quote(argv[i])};
    name.remove_prefix(name.starts_with("--") ? 2 : 1);
    const size_t equals = name.find('=');
    const bool has_value = equals != std::string_view::npos;
    std::string_view value = has_value ? name.substr(equals + 1) : "";
    name = name.substr(0, equals);

    const Flag* const flag = FindFlag(name);
    if (flag == nullptr) return Wrong(Escape(name), "unknown flag (see -h)");
    if (flag->parse == nullptr) {
      const Result<bool> given = ParseBool(has_value ? value : "true");
      if (!given) return Wrong(flag->name, given.error().message);
      if (flag->name == "h" && *given) return ParsedAction::kHelp;
      if (flag->name == "version") action = *given ? ParsedAction::kVersion : ParsedAction::kRun;
      if (flag->name == "health") action = *given ? ParsedAction::kHealth : ParsedAction::kRun;
      continue;
    }
    if (!has_value && IsSwitch(*flag)) {
      value = "true";
    } else if (!has_value) {
      if (++i >= argc) return Wrong(flag->name, "needs a value");
      value = argv[i];
    }
    const Result<void> parsed = flag->parse(value, options);
    if (!parsed) return Wrong(flag->name, parsed.error().message);
  }
  // Every key begins with the empty prefix, so it means the same as no prefix.
  if (options->prefixes == std::vector<std::string>{""}) options->prefixes.clear();
  if (action == ParsedAction::kRun) {
    const Result<void> fits = CheckTogether(*options);
    if (!fits) return fits.error();
  }
  return action;
}

std::string DescribeSettings(const Options& options) {
  std::string line;
  for (const Flag& flag : Flags()) {
    if (flag.show == nullptr) continue;
    const std::string value = flag.show(options);
    const bool plain =
        std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!line.empty()) line += ' ';
    ((line += flag.name) += '=') += plain ? value : Quote(value);
  }
  return line;
}

}  // namespace rp::config
