// How fetches get on their way. Owns nothing.
#pragma once

#include <functional>
#include <string_view>

#include "redis/fetch.h"

namespace rp::proxy {

// Hands a fetch to redis::Fetchers; tests give a fake. False when too many wait already; else
// FetchSink::OnFetched follows. Any thread calls it.
using SubmitFetch = std::function<bool(redis::Fetch*)>;

// What is said when it was false.
inline constexpr std::string_view kQueueFullText = "too many requests wait for Redis already";

}  // namespace rp::proxy
