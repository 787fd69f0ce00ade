// Redis's own texts for commands that are unknown or have the wrong number of arguments. They go
// behind "-ERR " and are single lines: CR and LF in what the client sent become spaces. Like
// redis-server's, they show an argument up to its first NUL and at most 128 bytes.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: O(bytes shown), with allocations.
#pragma once

#include <string>
#include <string_view>

#include "resp/request_reader.h"

namespace rp::resp {

// Returns "unknown command 'FOO', with args beginning with: 'a' 'b c' ", with a space at the end.
// REQUIRES: command.size() >= 1.
[[nodiscard]] std::string UnknownCommandText(const Command& command);

// Returns "unknown subcommand 'foo'. Try CLIENT HELP.". REQUIRES: command.size() >= 2.
[[nodiscard]] std::string UnknownSubcommandText(const Command& command);

// Returns "wrong number of arguments for 'get' command". `full_name` is in lower case, a
// subcommand's as in "client|setname".
[[nodiscard]] std::string WrongArityText(std::string_view full_name);

// Returns "Transaction discarded because of: " and `why`, which goes behind "-EXECABORT ".
[[nodiscard]] std::string DiscardedText(std::string_view why);

}  // namespace rp::resp
