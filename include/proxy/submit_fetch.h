// How fetches get on their way. Owns nothing.
#pragma once

#include <functional>
#include <string_view>

#include "base/mutex.h"
#include "redis/fetch_queue.h"

namespace rp::proxy {

// Hands a fetch to redis::Fetchers; tests give a fake. False when too many wait already; else
// FetchSink::OnFetched follows. Any thread calls it.
using SubmitFetch = std::function<bool(redis::Fetch*)>;

// The same for many: what there is no room for stays in the queue. False when nothing was done,
// because another thread is in the way.
using SubmitFetches = std::function<bool(redis::FetchQueue*, Wait)>;

// What is said when there is no room.
inline constexpr std::string_view kQueueFullText = "too many requests wait for Redis already";

}  // namespace rp::proxy
