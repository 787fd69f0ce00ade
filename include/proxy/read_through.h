// ReadThrough is what the program is: a key is answered from the cache, or fetched from Redis once
// for all who ask.
//
// With Wait::kNo no call waits for another thread: that is the reactors' way. A worker may wait for
// a lock. Nobody waits for Redis: a miss registers a waiter and the thread goes on, so that a hung
// Redis costs hits nothing. Fetches are collected by whoever starts several, so that the
// fetchers are woken once and find them together. The fetch belongs to the proxy and not to a
// client: one that leaves does not cancel it for the others. The entry is stored with the deadline
// that Redis gave the key (PTTL, counted from before the GET was sent), so that none outlives its
// key in Redis. There are no sockets and no protocol here.
//
// Owned by the server; borrows the cache, which outlives it.
//
// Thread safety: any thread; OnFetched comes from fetcher threads.
// Cost: a hit is Cache::Get; a miss adds one allocation, two locks of the key's stripe and one of
// the fetch queue.
#pragma once

#include <functional>

#include "base/siphash.h"
#include "cache/cache.h"
#include "proxy/coherence.h"
#include "proxy/request.h"
#include "proxy/submit_fetch.h"

namespace rp::proxy {

struct ReadThroughOptions {
  Duration max_age = {};  // an entry ends this long after its fetch; 0 is never
};

class ReadThrough final : public redis::FetchSink {
 public:
  // `coherence` is null where the cache goes by time alone. `on_deadline` hears the deadline of
  // each entry that is stored: the sweep must come by then. `wake_homes` wakes every home of
  // requests. Any thread calls these.
  ReadThrough(const ReadThroughOptions& options, const Hasher& hasher, cache::Cache* cache,
              const Coherence* coherence, SubmitFetches submit,
              std::function<void(TimePoint)> on_deadline, std::function<void()> wake_homes);

  // The key's entry if it is in the cache and no other thread is in the way. Never waits: for the
  // reactor.
  [[nodiscard]] cache::EntryRef TryFind(std::string_view key, TimePoint now) const;

  // Answers the request if TryFind finds its key; else nothing has happened and Start is next.
  // REQUIRES: key is set.
  [[nodiscard]] bool TryHit(Request* request, TimePoint now) const;

  // Answers the request if its key is in the cache; may wait for a lock. Else nothing has happened.
  // An entry whose end lies beyond the clock's range does not count: only Redis knows it.
  [[nodiscard]] bool Peek(Request* request, TimePoint now) const;

  enum class Started {
    kAnswered,  // now
    kInFlight,  // it is delivered to its home later
    kBusy,      // nothing was done: that would take waiting for another thread
  };
  // Answers the request or takes it. A fetch that this takes is added to `fetches`, and Submit must
  // follow. With Wait::kNo the key counts as missed by TryHit.
  // REQUIRES: key, deadline and home are set; the outcome is kPending.
  [[nodiscard]] Started Start(Request* request, TimePoint now, Wait wait,
                              redis::FetchQueue* fetches);

  // Sends what Start has collected on its way, and empties the queue. False, with nothing done,
  // only for who must not wait while another thread is in the way.
  [[nodiscard]] bool Submit(redis::FetchQueue* fetches, Wait wait);

  // Takes a request that Start has taken back from its flight, which goes on for others. False when
  // its answer is on the way, or when no worker has come to it yet. REQUIRES: the caller is its
  // home.
  [[nodiscard]] bool TakeBack(Request* request) const;

  // What may be served in place of a time-out (-stale-if-error), or none. For requests that wait
  // still: the flight goes on for others.
  [[nodiscard]] cache::EntryRef Stale(std::string_view key, TimePoint now) const;

  // For who has seen that MemoryIsShort, and holds nothing up: gives back some of the cache's.
  void FreeMemory();

  void OnFetched(redis::Fetch* fetch, const redis::FetchResult& result) override;
  void OnPause() override { wake_homes_(); }

 private:
  struct Flight;

  [[nodiscard]] Started StartMiss(Request* request, TimePoint now, Wait wait,
                                  redis::FetchQueue* fetches);
  void SubmitAgain(std::unique_ptr<Flight> flight);
  void FailAll(redis::FetchQueue* refused);
  [[nodiscard]] bool IsVouchedFor(const Flight* flight, const redis::FetchResult& result,
                                  TimePoint now) const;
  [[nodiscard]] bool MayStore(const Flight& flight, const redis::FetchResult& result,
                              TimePoint hard_deadline, TimePoint now) const;
  [[nodiscard]] TimePoint HardDeadline(const redis::FetchResult& result) const;
  void Fail(Flight* flight, ErrorCode code, std::string_view text, TimePoint now);
  void AnswerAll(cache::Waiter* waiters, const redis::FetchResult& result,
                 const cache::EntryRef& value);

  const ReadThroughOptions options_;
  const Hasher hasher_;
  cache::Cache* const cache_;
  const Coherence* const coherence_;
  const SubmitFetches submit_;
  const std::function<void(TimePoint)> on_deadline_;
  const std::function<void()> wake_homes_;
};

}  // namespace rp::proxy
