// Secrets: the settings that no list of processes may show, read from the environment. One table
// holds each variable's name, help and parser, for LoadSecrets, -h and the man page.
//
// Owner: nobody; constants and functions. Thread safety: the main thread, before there are others.
// Cost: for the start of the program.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/options.h"

namespace rp::config {

// One environment variable.
struct Variable {
  const char* name;
  std::string_view help;     // sentences on one line of at most 74 bytes
  std::string_view details;  // more sentences, for the man page
  Result<void> (*parse)(std::string_view text, Options* options);
};

// Returns the table.
std::span<const Variable> Variables();

// Sets the secrets of `*options`. `get_env` behaves like std::getenv; an empty variable counts as
// not set. An error is one line that names the variable, or the flag that needs it, and shows no
// secret.
[[nodiscard]] Result<void> LoadSecrets(Options* options,
                                       const std::function<const char*(const char*)>& get_env);

}  // namespace rp::config
