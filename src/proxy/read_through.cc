#include "proxy/read_through.h"

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace rp::proxy {
namespace {

// PTTL's answer for a key that has gone since the GET.
constexpr int64_t kTtlGone = -2;

constexpr std::string_view kQueueFullText = "too many keys wait for Redis already";

void Answer(Request* request, const redis::FetchResult& result, const cache::EntryRef& entry) {
  switch (result.kind) {
    case redis::FetchResult::Kind::kValue:
      request->outcome = Outcome::kFetched;
      request->value = entry;
      return;
    case redis::FetchResult::Kind::kMissing:
      request->outcome = Outcome::kMissing;
      return;
    case redis::FetchResult::Kind::kError:
      request->outcome = Outcome::kError;
      request->error = result.error_code;
      request->error_text = result.error_text;
      return;
  }
}

}  // namespace

// One allocation for both halves of a fetch under way: what the cache knows of it and what the
// fetchers do.
struct ReadThrough::Flight : cache::Flight, redis::Fetch {};

ReadThrough::ReadThrough(const ReadThroughOptions& options, const Hasher& hasher,
                         cache::Cache* cache, SubmitFetch submit,
                         std::function<void(TimePoint)> on_deadline)
    : options_(options),
      hasher_(hasher),
      cache_(cache),
      submit_(std::move(submit)),
      on_deadline_(std::move(on_deadline)) {}

bool ReadThrough::Start(Request* request, TimePoint now) {
  RP_DCHECK(request->outcome == Outcome::kPending);
  request->hash = hasher_(request->key);
  request->value = cache_->Get(request->hash, request->key, now);
  if (request->value) {
    request->outcome = Outcome::kHit;
    return true;
  }
  auto flight = std::make_unique<Flight>();
  flight->hash = request->hash;
  flight->key_bytes = request->key;
  flight->redis::Fetch::key = flight->key_bytes;
  flight->redis::Fetch::deadline.store(request->deadline, std::memory_order_relaxed);
  flight->cache::Flight::deadline = &flight->redis::Fetch::deadline;
  // From the moment it waits the request may be answered and reused by others: it is not touched
  // again.
  switch (cache_->JoinOrStart(flight.get(), request, request->deadline, now, &request->value)) {
    case cache::Admission::kHit:
      request->outcome = Outcome::kHit;
      return true;
    case cache::Admission::kJoined:
      return false;
    case cache::Admission::kStarted:
      break;
  }
  // The fetchers have it from here on; OnFetched takes it back.
  Flight* started = flight.release();
  if (!submit_(started)) {
    flight.reset(started);
    FailAll(cache_->Finish(started, {}, now).waiters, ErrorCode::kBusy, kQueueFullText);
  }
  return false;
}

void ReadThrough::OnFetched(redis::Fetch* fetch, const redis::FetchResult& result) {
  std::unique_ptr<Flight> flight(static_cast<Flight*>(fetch));
  const TimePoint now = Now();
  if (result.kind == redis::FetchResult::Kind::kError && result.error_code == ErrorCode::kTimeout) {
    cache::Waiter* waiters = nullptr;
    if (cache_->TryAbandon(flight.get(), now, &waiters)) return AnswerAll(waiters, result, {});
    // Somebody joined late and still has time: the fetch goes on for them.
    if (submit_(flight.get())) {
      static_cast<void>(flight.release());
      return;
    }
    return FailAll(cache_->Finish(flight.get(), {}, now).waiters, ErrorCode::kBusy, kQueueFullText);
  }
  bool storable = false;
  const cache::EntryRef entry = MakeEntry(*flight, result, now, &storable);
  const auto finished = cache_->Finish(flight.get(), storable ? entry : cache::EntryRef(), now);
  if (finished.deadline != kNever) on_deadline_(finished.deadline);
  if (result.kind == redis::FetchResult::Kind::kValue && !entry) {
    return FailAll(finished.waiters, ErrorCode::kBusy, "out of memory for this value");
  }
  AnswerAll(finished.waiters, result, entry);
}

cache::EntryRef ReadThrough::MakeEntry(const Flight& flight, const redis::FetchResult& result,
                                       TimePoint now, bool* storable) const {
  if (result.kind != redis::FetchResult::Kind::kValue) return {};
  TimePoint hard_deadline = kNever;
  if (options_.max_age != Duration::zero())
    hard_deadline = DeadlineAfter(result.sent_at, options_.max_age);
  if (result.ttl_ms >= 0) {
    const Duration ttl =
        result.ttl_ms >
                std::chrono::duration_cast<std::chrono::milliseconds>(Duration::max()).count()
            ? Duration::max()
            : Duration(std::chrono::milliseconds(result.ttl_ms));
    hard_deadline = std::min(hard_deadline, DeadlineAfter(result.sent_at, ttl));
  }
  *storable = result.ttl_ms != kTtlGone && result.value.size() <= options_.value_bytes &&
              hard_deadline > now;
  return cache::MakeEntry(flight.hash, flight.key_bytes, result.value, result.sent_at,
                          hard_deadline);
}

void ReadThrough::AnswerAll(cache::Waiter* waiters, const redis::FetchResult& result,
                            const cache::EntryRef& entry) {
  while (waiters != nullptr) {
    auto* request = static_cast<Request*>(waiters);
    waiters = waiters->next_waiter;
    Answer(request, result, entry);
    request->home->Deliver(request, request);
  }
}

void ReadThrough::FailAll(cache::Waiter* waiters, ErrorCode code, std::string_view text) {
  redis::FetchResult result{};
  result.kind = redis::FetchResult::Kind::kError;
  result.error_code = code;
  result.error_text = text;
  AnswerAll(waiters, result, {});
}

}  // namespace rp::proxy
