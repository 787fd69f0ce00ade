#include "test/simulation/judge.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"

namespace rp::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The bound for an address that has moved. A look of the watch that fails lets it look again.
constexpr Duration kMoveBound = seconds(5);
constexpr Duration kLookInterval = seconds(2);
// Redis's clock has milliseconds, and its PTTL rounds down what the clock says.
constexpr Duration kTtlSlack = milliseconds(2);
constexpr size_t kCandidates = 4;

size_t ParseNumber(std::string_view text) {
  size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Judge::Judge(World* world, Deployment* deployment)
    : world_(world),
      deployment_(deployment),
      reads_(1),
      missing_(world->plan.keys.size()),
      traced_hit_(world->plan.keys.size()),
      seen_(world->plan.keys.size()),
      reported_(world->plan.keys.size()) {
  ended_.push_back(0);
  flushed_.push_back(0);
  moved_.push_back(0);
}

size_t Judge::AddRead(const Read& read) {
  reads_.push_back(read);
  return reads_.size() - 1;
}

void Judge::OnReported(const Report& report) {
  reported_[report.key].push_back({report.server, report.lineage, report.version, world_->Step()});
}

Arrival Judge::OnAsked(size_t key) {
  return {.key = key, .at = world_->now(), .step = world_->Step()};
}

// Returns the reads that may have brought the answer. A missing key has no value: in the cache it
// is from one of the last answers that said so.
std::vector<size_t> Judge::CandidatesOf(const Arrival& arrival, const proxy::Answer& answer) const {
  switch (answer.outcome) {
    case proxy::Outcome::kValue:
      return {ParseNumber(answer.value->value())};
    case proxy::Outcome::kMissing:
      if (answer.source != proxy::Source::kCache) return {delivered_};
      return {missing_[arrival.key].begin(), missing_[arrival.key].end()};
    case proxy::Outcome::kError:
      if (answer.error != ErrorCode::kWrongType) return {};
      return {ParseNumber(std::string_view(answer.error_text).substr(sizeof("WRONGTYPE")))};
    case proxy::Outcome::kPending:
    case proxy::Outcome::kReply:
      break;
  }
  RP_CHECK(false);
  return {};
}

void Judge::OnFetched(size_t number) {
  delivered_ = number;
  if (reads_[number].record.kind != cache::Kind::kMissing) return;
  std::deque<size_t>& missing = missing_[reads_[number].key];
  missing.push_front(number);
  if (missing.size() > kCandidates) missing.pop_back();
}

void Judge::OnAnswered(const Arrival& arrival, const proxy::Answer& answer, bool is_trusted) {
  ++answers_;
  if (answer.source == proxy::Source::kCache) ++hits_;
  Verdict first;
  for (const size_t number : CandidatesOf(arrival, answer)) {
    const Read& read = reads_[number];
    RP_CHECK(read.key == arrival.key);
    Mark mark = Mark::kFetchedWithoutLease;
    if (answer.source == proxy::Source::kCache) mark = Mark::kHit;
    if (answer.source == proxy::Source::kStale) mark = Mark::kStale;
    // What a server says that could not tell who it is counts as that of a replica.
    if (answer.source == proxy::Source::kRedis && is_trusted && read.server_id != 0) {
      mark = Mark::kFetched;
    }
    const Verdict verdict = Check(arrival, read, mark);
    if (verdict.promise.empty()) {
      TraceAnswer(arrival, number, mark);
      seen_[read.key].push_back({read.server, read.lineage, read.record.version, world_->Step()});
      return;
    }
    if (first.promise.empty()) first = verdict;
  }
  if (!first.promise.empty()) Find(first.promise, first.text);
}

Judge::Verdict Judge::Check(const Arrival& arrival, const Read& read, Mark mark) const {
  for (const auto& check : {&Judge::CheckAge, &Judge::CheckOrder, &Judge::CheckEpoch}) {
    const Verdict verdict = (this->*check)(arrival, read, mark);
    if (!verdict.promise.empty()) return verdict;
  }
  return CheckHit(read, mark);
}

// The first of many hits in a row is enough.
void Judge::TraceAnswer(const Arrival& arrival, size_t number, Mark mark) {
  size_t& hit = traced_hit_[arrival.key];
  if (mark == Mark::kHit && hit == number) return;
  hit = mark == Mark::kHit ? number : 0;
  world_->Trace("answer: %s, %s, asked %.6f s ago",
                mark == Mark::kHit       ? "hit"
                : mark == Mark::kFetched ? "fetched"
                : mark == Mark::kStale   ? "stale"
                                         : "fetched without a lease",
                Text(reads_[number]).c_str(),
                std::chrono::duration<double>(world_->now() - arrival.at).count());
}

Judge::Verdict Judge::CheckAge(const Arrival& arrival, const Read& read, Mark mark) const {
  // The key expired between GET and PTTL and was written again: the proxy cannot know when it
  // ended, but the report of that write will come.
  const bool is_mixed =
      read.pttl_version != read.record.version && read.record.expires_at != kNever;
  if (mark == Mark::kStale || is_mixed) return {};
  const TimePoint earliest = arrival.at - world_->plan.max_stale;
  const TimePoint own_end = deployment_->server(read.server).EndOf(read.key, read.record);
  if (own_end < earliest) return {"source", Text(read)};
  if (mark == Mark::kFetchedWithoutLease) return {};
  if (deployment_->EndInService(read.key, read.record) >= earliest) return {};
  return HasMoved(arrival, read) ? Verdict() : Verdict{"bound", Text(read)};
}

// Returns whether the server of the read was left behind by a move that need not be noticed yet.
bool Judge::HasMoved(const Arrival& arrival, const Read& read) const {
  return std::any_of(
      deployment_->moves().begin(), deployment_->moves().end(), [&](const Deployment::Move& move) {
        if (move.from != read.server) return false;
        const auto failed = std::count_if(failed_looks_.begin(), failed_looks_.end(),
                                          [&](TimePoint look) { return look >= move.at; });
        return arrival.at <= move.at + kMoveBound + failed * (kLookInterval + seconds(1));
      });
}

Judge::Verdict Judge::CheckOrder(const Arrival& arrival, const Read& read, Mark mark) const {
  const auto newest_before = [&](const std::vector<Seen>& all, int server) {
    uint64_t newest = 0;
    for (size_t i = all.size(); i-- > 0;) {
      const Seen& each = all[i];
      if (each.step >= arrival.step || each.lineage != read.lineage) continue;
      if (server >= 0 && each.server != server) continue;
      newest = std::max(newest, each.version);
      if (all.size() - i > 64) break;
    }
    return newest;
  };
  const uint64_t reported = newest_before(reported_[read.key], read.server);
  if (reported > read.record.version) {
    return {"reported", Text(read) + " after " + std::to_string(reported) + " was reported"};
  }
  const bool is_only_said = read.is_of_replica || read.server_id == 0;
  if (mark == Mark::kStale || (is_only_said && mark == Mark::kFetchedWithoutLease)) return {};
  const uint64_t seen = newest_before(seen_[read.key], -1);
  if (seen > read.record.version) {
    return {"backwards", Text(read) + " after " + std::to_string(seen) + " was read"};
  }
  return {};
}

Judge::Verdict Judge::CheckEpoch(const Arrival& arrival, const Read& read, Mark mark) const {
  const auto last_before = [&arrival](const std::vector<uint64_t>& steps) {
    return *std::prev(std::upper_bound(steps.begin(), steps.end(), arrival.step));
  };
  if (read.sent_step < last_before(mark == Mark::kStale ? flushed_ : ended_)) {
    return {"epoch", Text(read)};
  }
  const bool is_outdated = mark != Mark::kStale && read.begun_step < last_before(moved_);
  return is_outdated ? Verdict{"connection", Text(read)} : Verdict();
}

Judge::Verdict Judge::CheckHit(const Read& read, Mark mark) const {
  if (mark != Mark::kHit && mark != Mark::kStale) return {};
  if (mark == Mark::kHit && read.server_id != live_server_id_) return {"mixed", Text(read)};
  if (read.pttl_version == read.record.version && read.record.kind != cache::Kind::kMissing &&
      world_->now() > DeadlineAfter(read.record.expires_at, kTtlSlack)) {
    return {"expired", Text(read)};
  }
  return {};
}

void Judge::OnUnanswered(const Arrival& arrival) {
  Find("unanswered", "a request for " + world_->plan.keys[arrival.key]);
}

void Judge::Find(const std::string& promise, const std::string& text) {
  if (!finding_.empty()) return;
  finding_ = promise + ": " + text;
  world_->Trace("BROKEN: %s", finding_.c_str());
}

std::string Judge::Text(const Read& read) const {
  return world_->plan.keys[read.key] + " = " + std::to_string(read.record.version) +
         (read.record.kind == cache::Kind::kMissing ? " (missing)" : "") + " from redis " +
         std::to_string(read.server) + ", lineage " + std::to_string(read.lineage);
}

}  // namespace rp::simulation
