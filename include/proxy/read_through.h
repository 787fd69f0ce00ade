// ReadThrough: answers keys from the cache, or fetches each once from Redis for all requests that
// wait. This is what the program does.
//
//   miss --> the first request starts a flight --> Submit --> OnFetched --> stored, all answered
//            later ones join it                    ^              |
//                                                  +--------------+  the answer is too old, or came
//                                                                    after the first one's deadline
//
// With Blocking::kNo no call waits for another thread; that is how reactors call it. A worker may
// wait for a lock. Nothing here waits for Redis: a miss registers a waiter and the thread goes on,
// so that a hung Redis delays no hit. A caller collects the fetches that it starts, so that the
// fetchers are woken once and send them together. A flight belongs to the proxy, not to a client: a
// client that leaves does not cancel it for the others. The entry is stored with the deadline that
// Redis gave the key (PTTL, counted from before the GET was sent), so that no entry outlives its
// key in Redis.
//
// Owner: the server; borrows the cache, which outlives it. Thread safety: any thread; OnFetched and
// OnPause come from fetcher threads. Cost: a hit is Cache::Get; a miss adds one allocation, two
// locks of the key's stripe and one of the fetch queue.
#pragma once

#include <functional>

#include "base/siphash.h"
#include "cache/cache.h"
#include "proxy/coherence.h"
#include "proxy/request.h"
#include "proxy/submit_fetch.h"
#include "proxy/verifier.h"

namespace rp::proxy {

struct ReadThroughOptions {
  Duration max_age = {};         // an entry ends this long after its fetch; 0 is never
  Verifier* verifier = nullptr;  // checks hits; null: none
};

class ReadThrough final : public redis::FetchSink {
 public:
  // `coherence` is null if entries end by time alone. `on_deadline` is called with the deadline of
  // each entry that is stored, by which a sweep must come; `wake_homes` wakes every ReplyBox. Any
  // thread calls these two.
  ReadThrough(const ReadThroughOptions& options, const Hasher& hasher, cache::Cache* cache,
              const Coherence* coherence, SubmitFetches submit,
              std::function<void(TimePoint)> on_deadline, std::function<void()> wake_homes);

  // Returns the entry of `key` if it is in the cache and its stripe is not locked, else an empty
  // ref. Never waits.
  [[nodiscard]] cache::EntryRef TryFind(std::string_view key, TimePoint now) const;

  // Answers the request if TryFind finds its key. Otherwise returns false and changes nothing.
  // REQUIRES: the question has a key.
  [[nodiscard]] bool TryHit(Request* request, TimePoint now) const;

  // Answers the request if its key is in the cache; may wait for a lock. Otherwise returns false
  // and changes nothing. An entry of another type, or one whose end lies beyond the clock's range,
  // does not count, because only Redis knows more about it.
  [[nodiscard]] bool Peek(Request* request, TimePoint now) const;

  enum class Started {
    kAnswered,  // now
    kInFlight,  // it is delivered to its home later
    kBusy,      // nothing was done, because it would have to wait for another thread
  };
  // Answers the request or takes it over. Adds the fetch that this may start to `*fetches`; Submit
  // must follow. With Blocking::kNo, relies on TryHit not having found the key. REQUIRES: key,
  // deadline and home are set; the outcome is kPending.
  [[nodiscard]] Started Start(Request* request, TimePoint now, Blocking blocking,
                              redis::FetchQueue* fetches);

  // Hands the fetches that Start has collected to the fetchers and empties the queue. With
  // Blocking::kNo, returns false and does nothing if their lock is held.
  [[nodiscard]] bool Submit(redis::FetchQueue* fetches, Blocking blocking);

  // Takes a request out of its flight, which goes on for others. Returns false if its answer is
  // under way, or if no worker has started it yet. REQUIRES: the caller is its home.
  [[nodiscard]] bool TakeBack(Request* request) const;

  // Returns the value that may be served in place of an error (-stale-if-error), or an empty ref.
  [[nodiscard]] cache::EntryRef Stale(std::string_view key, TimePoint now) const;

  // Makes the cache smaller and fills the reserve. Call it when MemoryIsShort().
  void FreeMemory();

  void OnFetched(redis::Fetch* fetch, const redis::FetchResult& result, TimePoint now) override;
  void OnPause() override { wake_homes_(); }

 private:
  struct Flight;

  // Has a hit checked if its turn has come. `entry` may be empty.
  void Verify(const cache::EntryRef& entry, TimePoint now) const {
    if (options_.verifier == nullptr || !entry || !options_.verifier->IsChosen()) return;
    options_.verifier->Check(entry, now);
  }

  [[nodiscard]] Started StartMiss(Request* request, TimePoint now, Blocking blocking,
                                  redis::FetchQueue* fetches);
  void SubmitAgain(std::unique_ptr<Flight> flight);
  void FailAll(redis::FetchQueue* refused);
  [[nodiscard]] bool IsVouchedFor(const Flight* flight, const redis::FetchResult& result,
                                  TimePoint now) const;
  [[nodiscard]] bool MayStore(const Flight& flight, const redis::FetchResult& result,
                              TimePoint hard_deadline, TimePoint now) const;
  [[nodiscard]] TimePoint HardDeadline(const redis::FetchResult& result) const;
  void Fail(Flight* flight, ErrorCode code, std::string_view text, TimePoint now);
  void AnswerAll(cache::WaiterList waiters, const redis::FetchResult& result,
                 const cache::EntryRef& value, TimePoint now);
  [[nodiscard]] Source WithoutLease() const;

  const ReadThroughOptions options_;
  const Hasher hasher_;
  cache::Cache* const cache_;
  const Coherence* const coherence_;
  const SubmitFetches submit_;
  const std::function<void(TimePoint)> on_deadline_;
  const std::function<void()> wake_homes_;
};

}  // namespace rp::proxy
