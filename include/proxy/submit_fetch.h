// The functions by which fetches are handed to the fetchers.
//
// Owner: nobody; two types and a text. Thread safety: any thread calls them. Cost: one lock.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/mutex.h"
#include "redis/fetch.h"
#include "redis/fetch_queue.h"

namespace rp::proxy {

// What the reactors collect fetches in.
using FetchQueue = redis::FetchQueue;

// Hands a fetch to redis::Fetchers, or to a test's fake. Returns false if their queue is full;
// otherwise FetchSink::OnFetched follows.
using SubmitFetch = std::function<bool(redis::Fetch*)>;

// The same for many: fetches that do not fit stay in `*fetches`. With Blocking::kNo, returns false
// and does nothing if the fetchers' lock is held.
using SubmitFetches = std::function<bool(redis::FetchQueue*, Blocking)>;

// The error text when their queue is full.
inline constexpr std::string_view kQueueFullText = "too many requests wait for Redis already";

// Hands the fetch over, whose outcome `sink` receives: at once if the queue is full.
template <typename Fetch>
void SubmitOrFail(const SubmitFetch& submit, std::unique_ptr<Fetch> fetch, redis::FetchSink* sink) {
  fetch->sink = sink;
  // The fetchers own it from here on, until OnFetched takes it back.
  redis::Fetch* const submitted = fetch.release();
  if (submit(submitted)) return;
  redis::FetchResult failure;
  failure.error_code = ErrorCode::kBusy;
  failure.error_text = kQueueFullText;
  sink->OnFetched(submitted, failure, Now());
}

}  // namespace rp::proxy
