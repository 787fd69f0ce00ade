#include "proxy/read_through.h"

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "base/memory.h"
#include "proxy/entry_kind.h"

namespace rp::proxy {
namespace {

using Kind = redis::FetchResult::Kind;

constexpr int kMaxRefetches = 2;

constexpr std::string_view kTooOldText = "Redis took longer than -max-stale to answer";

// Failures in which an old value is better than none (RFC 5861 section 4).
bool AllowsStale(ErrorCode code) {
  return code == ErrorCode::kTimeout || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kProtocol || IsTransient(code);
}

void AnswerFromCache(Request* request, Source source) {
  request->answer.source = source;
  switch (request->answer.value->kind) {
    case cache::Kind::kValue:
      request->answer.outcome = Outcome::kValue;
      return;
    case cache::Kind::kMissing:
      request->answer.outcome = Outcome::kMissing;
      break;
    case cache::Kind::kWrongType:
      request->answer.outcome = Outcome::kError;
      request->answer.error = ErrorCode::kWrongType;
      request->answer.error_text = request->answer.value->value();
      break;
  }
  request->answer.value = {};
}

// Adds the TTL to the time before the GET was sent, so that an entry never outlives its key.
TimePoint EndInRedis(const redis::FetchResult& result) {
  if (result.ttl_ms < 0) return kNever;
  constexpr int64_t kMaxMs = std::chrono::floor<std::chrono::milliseconds>(Duration::max()).count();
  if (result.ttl_ms > kMaxMs) return kTooFar;  // not kNever, because the key has an end
  const std::chrono::milliseconds ttl(result.ttl_ms);
  return std::min(kTooFar, DeadlineAfter(result.sent_at, ttl));
}

}  // namespace

// A fetch under way. One allocation holds the part of the cache and the part of the fetchers.
struct ReadThrough::Flight : cache::Flight, redis::Fetch {
  int refetches = 0;  // because an answer was too old when it came, or another server's
};

ReadThrough::ReadThrough(const ReadThroughOptions& options, const Hasher& hasher,
                         cache::Cache* cache, const Coherence* coherence, SubmitFetches submit,
                         std::function<void(TimePoint)> on_deadline,
                         std::function<void()> wake_homes)
    : options_(options),
      hasher_(hasher),
      cache_(cache),
      coherence_(coherence),
      submit_(std::move(submit)),
      on_deadline_(std::move(on_deadline)),
      wake_homes_(std::move(wake_homes)) {}

cache::EntryRef ReadThrough::TryFind(std::string_view key, TimePoint now) const {
  cache::EntryRef entry = cache_->Get(hasher_(key), key, now, Blocking::kNo);
  Verify(entry, now);
  return entry;
}

bool ReadThrough::TryHit(Request* request, TimePoint now) const {
  request->answer.value = TryFind(request->question.key, now);
  if (!request->answer.value) return false;
  AnswerFromCache(request, Source::kCache);
  return true;
}

bool ReadThrough::Peek(Request* request, TimePoint now) const {
  const std::string& key = request->question.key;
  cache::EntryRef entry = cache_->Get(hasher_(key), key, now);
  Verify(entry, now);
  if (!entry || entry->kind == cache::Kind::kWrongType) return false;
  const bool asks_for_end = request->question.kind == Question::Kind::kEndOrCommand;
  if (asks_for_end && entry->hard_deadline == kTooFar) return false;
  request->answer.value = std::move(entry);
  AnswerFromCache(request, Source::kCache);
  return true;
}

ReadThrough::Started ReadThrough::Start(Request* request, TimePoint now, Blocking blocking,
                                        redis::FetchQueue* fetches) {
  RP_DCHECK(request->answer.outcome == Outcome::kPending);
  request->hash = hasher_(request->question.key);
  if (blocking == Blocking::kYes) {
    request->answer.value = cache_->Get(request->hash, request->question.key, now);
    Verify(request->answer.value, now);
    if (request->answer.value) {
      AnswerFromCache(request, Source::kCache);
      return Started::kAnswered;
    }
  }
  return StartMiss(request, now, blocking, fetches);
}

ReadThrough::Started ReadThrough::StartMiss(Request* request, TimePoint now, Blocking blocking,
                                            redis::FetchQueue* fetches) {
  auto flight = std::make_unique<Flight>();
  flight->hash = request->hash;
  if (!TryAllocate(request->question.key.size(),
                   [&] { flight->key_bytes = request->question.key; })) {
    request->Fail(ErrorCode::kNoMemory);
    return Started::kAnswered;
  }
  flight->redis::Fetch::key = flight->key_bytes;
  flight->redis::Fetch::deadline.store(request->deadline, std::memory_order_relaxed);
  flight->cache::Flight::deadline = &flight->redis::Fetch::deadline;
  request->answer.source = Source::kRedis;
  if (coherence_ != nullptr) {
    if (!cache_->Trusted(now)) request->answer.source = WithoutLease();
    if (coherence_->follows() && !coherence_->Reports(request->question.key)) {
      request->answer.source = Source::kRedisNoPrefix;
      flight->storable = false;
    }
  }
  // Once the request waits, another thread may answer and reuse it, so it is not touched again.
  switch (cache_->JoinOrStart(flight.get(), request, request->deadline, now, &request->answer.value,
                              blocking)) {
    case cache::LookupResult::kHit:
      AnswerFromCache(request, Source::kCache);
      return Started::kAnswered;
    case cache::LookupResult::kBusy:
      return Started::kBusy;
    case cache::LookupResult::kJoined:
      return Started::kInFlight;
    case cache::LookupResult::kStarted:
      break;
  }
  // The fetchers own the flight from Submit on, until OnFetched takes it back.
  fetches->PushBack(flight.release());
  return Started::kInFlight;
}

bool ReadThrough::Submit(redis::FetchQueue* fetches, Blocking blocking) {
  if (fetches->empty()) return true;
  if (!submit_(fetches, blocking)) return false;
  FailAll(fetches);
  return true;
}

// Fails the fetches for which the fetchers have no room.
void ReadThrough::FailAll(redis::FetchQueue* refused) {
  if (refused->empty()) return;
  const TimePoint now = Now();
  while (!refused->empty()) {
    const std::unique_ptr<Flight> flight(static_cast<Flight*>(refused->PopFront()));
    Fail(flight.get(), ErrorCode::kBusy, kQueueFullText, now);
  }
  wake_homes_();
}

// Computes the hash again, because a worker may be writing request->hash at this moment.
bool ReadThrough::TakeBack(Request* request) const {
  return cache_->Leave(hasher_(request->question.key), request);
}

cache::EntryRef ReadThrough::Stale(std::string_view key, TimePoint now) const {
  return cache_->GetStale(hasher_(key), key, now);
}

void ReadThrough::FreeMemory() {
  cache_->Shrink();
  FillReserve();
}

void ReadThrough::SubmitAgain(std::unique_ptr<Flight> flight) {
  redis::FetchQueue one;
  one.PushBack(flight.release());
  RP_CHECK(Submit(&one, Blocking::kYes));
}

void ReadThrough::OnFetched(redis::Fetch* fetch, const redis::FetchResult& result, TimePoint now) {
  std::unique_ptr<Flight> flight(static_cast<Flight*>(fetch));
  if (result.kind == Kind::kError && result.error_code == ErrorCode::kTimeout) {
    cache::WaiterList waiters;
    // If a request joined late and still has time, the fetch goes on for it.
    if (!cache_->TryAbandon(flight.get(), now, &waiters)) return SubmitAgain(std::move(flight));
    return AnswerAll(std::move(waiters), result, Stale(flight->key_bytes, now), now);
  }
  if (!result.IsAboutKey()) {
    return Fail(flight.get(), result.error_code, result.error_text, now);
  }
  if (result.kind == Kind::kValue && result.value.size() > cache::kMaxValueBytes) {
    return Fail(flight.get(), ErrorCode::kTooLarge, Describe(ErrorCode::kTooLarge).text, now);
  }
  // An answer that took longer than the lease, and is not known to be current, may be too old:
  // fetch again. If Redis is never fast enough for the lease, this must end at some time.
  if (coherence_ != nullptr && coherence_->follows() &&
      now - result.sent_at > coherence_->max_stale() && !IsVouchedFor(flight.get(), result, now)) {
    if (++flight->refetches <= kMaxRefetches) return SubmitAgain(std::move(flight));
    return Fail(flight.get(), ErrorCode::kTimeout, kTooOldText, now);
  }
  // A late answer from the server before a move could be newer than what the other one has.
  if (coherence_ != nullptr && !coherence_->MayBeCurrent(result.server) &&
      ++flight->refetches <= kMaxRefetches) {
    return SubmitAgain(std::move(flight));
  }
  const TimePoint hard_deadline = HardDeadline(result);
  const std::string_view bytes = result.kind == Kind::kError ? result.error_text : result.value;
  const bool may_store = MayStore(*flight, result, hard_deadline, now);
  cache::EntryRef entry;
  if (may_store || result.kind == Kind::kValue) {
    // Only the cache looks at an entry's key.
    const std::string_view key =
        may_store ? std::string_view(flight->key_bytes) : std::string_view();
    const auto make_entry = [&] {
      return cache::MakeEntry(flight->hash, key, bytes, result.sent_at, hard_deadline,
                              EntryKind(result));
    };
    const uint64_t charge_bytes = cache::ChargeBytes(key.size(), bytes.size());
    if (cache_->MayMake(charge_bytes)) {
      entry = make_entry();
      if (!entry) {
        cache_->Shrink();
        entry = make_entry();
      }
    }
  }
  auto finished =
      cache_->Finish(flight.get(), may_store ? entry : cache::EntryRef(), now, result.sent_at);
  if (finished.is_too_old) return SubmitAgain(std::move(flight));
  if (finished.deadline != kNever) on_deadline_(finished.deadline);
  if (result.kind == Kind::kValue && !entry) {
    redis::FetchResult failure{};
    failure.error_code = ErrorCode::kNoMemory;
    return AnswerAll(std::move(finished.waiters), failure, {}, now);
  }
  AnswerAll(std::move(finished.waiters), result,
            result.kind == Kind::kValue ? entry : cache::EntryRef(), now);
}

// Returns where an answer comes from that Redis gave while its writes are not reported.
Source ReadThrough::WithoutLease() const {
  return coherence_->state() == Coherence::State::kNotPrimary ? Source::kRedisNotPrimary
                                                              : Source::kRedisNoLease;
}

// Returns whether a change of the key since the GET would be known: a write would have been
// reported. That it has expired Redis may report much later.
bool ReadThrough::IsVouchedFor(const Flight* flight, const redis::FetchResult& result,
                               TimePoint now) const {
  const bool may_have_ended = result.kind != Kind::kMissing &&
                              (result.ttl_ms == redis::kTtlGone || EndInRedis(result) <= now);
  return !may_have_ended && coherence_->Reports(flight->key_bytes) &&
         coherence_->ReportsOf(result.server) && cache_->IsCurrent(flight, now);
}

bool ReadThrough::MayStore(const Flight& flight, const redis::FetchResult& result,
                           TimePoint hard_deadline, TimePoint now) const {
  const bool follows = coherence_ != nullptr && coherence_->follows();
  // Checked again here, because follows() may have changed since the flight started.
  if (follows && (!coherence_->Reports(flight.key_bytes) || !coherence_->ReportsOf(result.server)))
    return false;
  if (result.kind != Kind::kValue && !follows) return false;
  if (!cache_->Admits(EntryKind(result), flight.key_bytes.size(), result.value.size()))
    return false;
  if (result.kind == Kind::kMissing) return true;
  return result.ttl_ms != redis::kTtlGone && hard_deadline > now;
}

TimePoint ReadThrough::HardDeadline(const redis::FetchResult& result) const {
  const TimePoint end = EndInRedis(result);
  return options_.max_age == Duration::zero()
             ? end
             : std::min(end, DeadlineAfter(result.sent_at, options_.max_age));
}

void ReadThrough::Fail(Flight* flight, ErrorCode code, std::string_view text, TimePoint now) {
  redis::FetchResult failure{};
  failure.error_code = code;
  failure.error_text = text;
  cache::WaiterList waiters = cache_->Finish(flight, {}, now).waiters;
  AnswerAll(std::move(waiters), failure,
            AllowsStale(code) ? Stale(flight->key_bytes, now) : cache::EntryRef(), now);
}

// `value` is the fetched value, or with an error the one that may be served in its place.
void ReadThrough::AnswerAll(cache::WaiterList waiters, const redis::FetchResult& result,
                            const cache::EntryRef& value, TimePoint now) {
  // The lease may have ended since the requests came, or the answer be another server's.
  const bool is_bypass = coherence_ != nullptr && result.IsAboutKey() &&
                         (!cache_->Trusted(now) || !coherence_->ReportsOf(result.server));
  while (!waiters.empty()) {
    auto* request = static_cast<Request*>(waiters.PopFront());
    request->answer.value = value;
    if (is_bypass && request->answer.source == Source::kRedis) {
      request->answer.source = WithoutLease();
    }
    if (value) {
      request->answer.outcome = Outcome::kValue;
      if (result.kind == Kind::kError) request->answer.source = Source::kStale;
    } else if (result.kind == Kind::kMissing) {
      request->answer.outcome = Outcome::kMissing;
    } else {
      request->answer.outcome = Outcome::kError;
      request->answer.error = result.error_code;
      request->answer.error_text = result.error_text;
    }
    request->home->Deliver(request, request);
  }
}

}  // namespace rp::proxy
