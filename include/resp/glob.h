// Redis's glob patterns, as in CONFIG GET: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a byte that
// stands for itself.
//
// Thread safety: a pure function. Cost: O(pattern * text) at worst, whatever the pattern.
#pragma once

#include <string_view>

namespace rp::resp {

// Whether all of `text` matches, letters of ASCII in either case (redis-server 7.0's
// stringmatchlen, but that it takes exponential time for some patterns).
bool MatchesGlobIgnoringCase(std::string_view pattern, std::string_view text);

}  // namespace rp::resp
