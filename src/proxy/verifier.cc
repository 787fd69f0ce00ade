#include "proxy/verifier.h"

#include <memory>
#include <utility>

#include "base/fnv1a.h"
#include "base/log.h"
#include "proxy/entry_kind.h"

namespace rp::proxy {
namespace {

// Returns whether Redis has said something else than the entry.
bool Differs(const cache::Entry& entry, const redis::FetchResult& result) {
  return EntryKind(result) != entry.kind ||
         (entry.kind == cache::Kind::kValue && result.value != entry.value());
}

}  // namespace

// A fetch under way, of the key of `entry`.
struct Verifier::Verification : redis::Fetch {
  cache::EntryRef entry;
};

Verifier::Verifier(const VerifierOptions& options, const Hasher& hasher, cache::Cache* cache,
                   const Coherence* coherence, SubmitFetches submit,
                   std::function<void()> on_violation)
    : options_(options),
      hasher_(hasher),
      cache_(cache),
      coherence_(coherence),
      submit_(std::move(submit)),
      on_violation_(std::move(on_violation)) {}

Verifier::~Verifier() = default;

void Verifier::Check(const cache::EntryRef& entry, TimePoint now) {
  if (!coherence_->follows()) return;
  if (under_way_.fetch_add(1, std::memory_order_relaxed) >= kMaxUnderWay) {
    under_way_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  auto verification = std::make_unique<Verification>();
  verification->entry = entry;
  verification->key = entry->key();
  verification->sink = this;
  verification->SetDeadline(DeadlineAfter(now, options_.timeout));
  redis::FetchQueue one;
  // The fetchers own it from here on, until OnFetched takes it back.
  one.PushBack(verification.release());
  if (submit_(&one, Blocking::kNo) && one.empty()) return;
  verification.reset(static_cast<Verification*>(one.PopFront()));
  under_way_.fetch_sub(1, std::memory_order_relaxed);
}

void Verifier::OnFetched(redis::Fetch* fetch, const redis::FetchResult& result, TimePoint now) {
  const std::unique_ptr<Verification> verification(static_cast<Verification*>(fetch));
  under_way_.fetch_sub(1, std::memory_order_relaxed);
  if (!result.IsAboutKey() || !coherence_->ReportsOf(result.server)) return;
  checked_.fetch_add(1, std::memory_order_relaxed);
  if (!Differs(*verification->entry.get(), result)) return;
  MutexLock lock(&mutex_);
  if (differences_.size() >= kMaxUnderWay) return;
  differences_.push_back(
      {.entry = std::move(verification->entry), .due = DeadlineAfter(now, options_.max_stale)});
}

void Verifier::Judge(TimePoint now) {
  std::vector<Difference> due;
  {
    MutexLock lock(&mutex_);
    while (!differences_.empty() && differences_.front().due <= now) {
      due.push_back(std::move(differences_.front()));
      differences_.erase(differences_.begin());
    }
  }
  for (const Difference& difference : due) {
    const std::string_view key = difference.entry->key();
    if (!cache_->Serves(hasher_(key), difference.entry, now)) continue;
    violations_.fetch_add(1, std::memory_order_relaxed);
    uint64_t suppressed = 0;
    if (log_limiter_.Allow(now, &suppressed)) {
      Log(LogLevel::kError,
          "-verify: the key whose FNV-1a hash is %016llx was changed in Redis, and no report of "
          "that has come within -max-stale; the cache begins anew (%llu more since the last line)",
          static_cast<unsigned long long>(Fnv1a(key)), static_cast<unsigned long long>(suppressed));
    }
    on_violation_();
  }
}

}  // namespace rp::proxy
