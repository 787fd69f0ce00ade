// The replies that describe commands, as redis-server 7.0 writes them: COMMAND INFO and the HELP of
// a command that has subcommands. Owns constant tables.
//
// Thread safety: any thread; a Writer belongs to one. Cost: O(bytes written).
#pragma once

#include "resp/command_names.h"
#include "resp/writer.h"

namespace rp::resp {

// An element of COMMAND's reply: the name, its arity, flags, keys, ACL categories, tips and key
// specifications. The list of subcommands is left empty.
void WriteCommandInfo(const CommandInfo& info, Writer* writer);

// The reply to CLIENT HELP, COMMAND HELP or CONFIG HELP: the subcommands that there are here, with
// a line about each. REQUIRES: `name` is one of the three.
void WriteHelp(CommandName name, Writer* writer);

}  // namespace rp::resp
