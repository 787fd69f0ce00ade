// The names of Redis's commands that this endpoint does not have, so that these are refused by name
// and all others are unknown.
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
