// The names of the commands that Redis has and this endpoint has not: they are refused by name,
// while the error for any other name is that the command is unknown.
//
// Owner: nobody; a constant table. Thread safety: any thread. Cost: a binary search over a copy of
// the name; for errors only.
#pragma once

#include <string_view>

namespace rp::resp_front {

// Returns whether Redis 7 has a command of that name, in any case, that is not in the table of
// commands.h.
[[nodiscard]] bool IsOtherRedisCommand(std::string_view name);

}  // namespace rp::resp_front
