// Redis's glob patterns, as in CONFIG GET: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a byte that
// stands for itself.
//
// Owner: nobody; a pure function.
// Thread safety: any thread.
// Cost: O(pattern * text) at worst, whatever the pattern; no allocation.
#pragma once

#include <string_view>

namespace rp::resp_front {

// Returns whether all of `text` matches, ignoring ASCII case. As redis-server 7.0's stringmatchlen,
// except that the latter takes exponential time for some patterns.
bool MatchesGlobIgnoringCase(std::string_view pattern, std::string_view text);

}  // namespace rp::resp_front
