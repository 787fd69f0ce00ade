// Flags: the table of the command line. One row holds everything about a flag: name, default, help,
// parser. The parser of the command line, -h, the man page and the log all read it, so that they
// cannot contradict each other; a test compares docs/configuration.md with it.
//
// Owner: nobody; constants and pure functions. Thread safety: any thread. Cost: for the start of
// the program.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/options.h"

namespace rp::config {

// One row. Only the first members are set for -health, -version and -h, which are no settings.
struct Flag {
  std::string_view group;  // the heading in the help; the rows of a group stand together
  std::string_view name;   // without '-'
  // How the help names the value: "SIZE"; "[=true|false]" where -f alone means -f=true; or empty.
  std::string_view value_name;
  std::string_view default_text{};        // as the user would write it
  std::string (*compute_default)() = {};  // in place of default_text, where the machine decides it
  std::string_view default_note{};        // the default in words, where the text does not say it
  std::string_view help;                  // sentences on one line of at most 74 bytes
  std::string_view details{};             // more sentences, for the man page
  Result<void> (*parse)(std::string_view text, Options* options) = {};
  std::string (*show)(const Options& options) = {};  // returns a text that `parse` reads back
};

// Returns the table.
std::span<const Flag> Flags();

// Returns whether -f alone means -f=true.
bool IsSwitch(const Flag& flag);

// Returns the default as the user would write it on this machine; may be empty.
std::string DefaultText(const Flag& flag);

// Returns the default in words that are true on every machine: "2m", "a quarter of the memory";
// empty if there is none.
std::string_view DefaultInWords(const Flag& flag);

// Returns the flag as a heading shows it: "-redis-db N", "-coherent[=true|false|auto]", "-h".
std::string Usage(const Flag& flag);

}  // namespace rp::config
