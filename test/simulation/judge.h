// Judge: says whether an answer keeps what the proxy promises (docs/coherence.md). It knows of each
// answer which GET brought it, since a value is the number of that GET, and what each server had at
// which time.
//
//   bound       no value is served from the cache, or fetched while there is a lease, more than
//               -max-stale after it was overwritten, counted to the arrival of the request; where
//               the address moved and the server before lives on, this holds 5 s later
//   source      a fetched value was the server's own at most -max-stale before the arrival
//   reported    after the report of a write was dealt with, no request gets what was before
//   backwards   no request gets an older value than one that had ended before it started
//   epoch       a request that arrives after an epoch ended gets nothing that was fetched before
//   connection  a request that arrives after a move was noticed gets nothing over a connection that
//               was begun before
//   mixed       a hit came from the server whose writes are reported
//   expired     a hit is no older than its TTL
//   unanswered  every request is answered once, and by its deadline
//
// A value that expired between its GET and its PTTL, and was written again there, has no bound but
// the report of that write. What a replica says, and is not served as a hit, may go backwards. A
// value that is served in place of an error (-stale-if-error) keeps `reported`, `expired`, and
// `epoch` where a new one has begun.
//
// Owner: the simulation. Thread safety: one thread at a time. Cost: O(1) per answer, mostly.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "proxy/request.h"
#include "test/simulation/deployment.h"
#include "test/simulation/world.h"

namespace rp::simulation {

// What one GET found.
struct Read {
  int server = 0;
  uint64_t server_id = 0;
  uint64_t lineage = 0;
  size_t key = 0;
  Record record;
  bool is_of_replica = false;
  uint64_t sent_step = 0;
  uint64_t begun_step = 0;    // when its connection was begun
  uint64_t pttl_version = 0;  // of the key when PTTL ran
};

// A request when it arrived.
struct Arrival {
  size_t key = 0;
  TimePoint at;
  uint64_t step = 0;
};

class Judge {
 public:
  Judge(World* world, Deployment* deployment);

  // Returns the number of the read.
  size_t AddRead(const Read& read);
  [[nodiscard]] Read& read(size_t number) { return reads_[number]; }

  // --- What happens in the proxy ---

  void OnEpochEnded() { ended_.push_back(world_->Step()); }
  // With it, everything older counts as overwritten.
  void OnFlushed() { flushed_.push_back(world_->Step()); }
  // All connections from before are outdated.
  void OnMoved() { moved_.push_back(world_->Step()); }
  void OnLive(uint64_t server_id) { live_server_id_ = server_id; }
  void OnReported(const Report& report);
  // The watch has looked, and may not have found who answers at the address.
  void OnLookFailed() { failed_looks_.push_back(world_->now()); }
  // The answer of a read is about to be passed on, perhaps to nobody.
  void OnFetched(size_t number);

  // --- What clients see ---

  [[nodiscard]] Arrival OnAsked(size_t key);
  // `is_trusted`: there is a lease now.
  void OnAnswered(const Arrival& arrival, const proxy::Answer& answer, bool is_trusted);
  void OnUnanswered(const Arrival& arrival);

  // Ends the run: a promise was broken.
  void Find(const std::string& promise, const std::string& text);
  // Returns the first finding, or an empty text.
  [[nodiscard]] const std::string& finding() const { return finding_; }

  [[nodiscard]] uint64_t hits() const { return hits_; }
  [[nodiscard]] uint64_t answers() const { return answers_; }

 private:
  struct Seen {  // up to which version of a lineage
    int server;
    uint64_t lineage;
    uint64_t version;
    uint64_t step;
  };
  enum class Mark : uint8_t { kHit, kFetched, kFetchedWithoutLease, kStale };

  struct Verdict {
    std::string promise;  // empty: it was kept
    std::string text;
  };

  [[nodiscard]] std::vector<size_t> CandidatesOf(const Arrival& arrival,
                                                 const proxy::Answer& answer) const;
  [[nodiscard]] Verdict Check(const Arrival& arrival, const Read& read, Mark mark) const;
  void TraceAnswer(const Arrival& arrival, size_t number, Mark mark);
  [[nodiscard]] Verdict CheckAge(const Arrival& arrival, const Read& read, Mark mark) const;
  [[nodiscard]] Verdict CheckOrder(const Arrival& arrival, const Read& read, Mark mark) const;
  [[nodiscard]] Verdict CheckEpoch(const Arrival& arrival, const Read& read, Mark mark) const;
  [[nodiscard]] Verdict CheckHit(const Read& read, Mark mark) const;
  [[nodiscard]] bool HasMoved(const Arrival& arrival, const Read& read) const;
  [[nodiscard]] std::string Text(const Read& read) const;

  World* const world_;
  Deployment* const deployment_;
  std::vector<Read> reads_;
  size_t delivered_ = 0;                     // the read whose answer is being passed on
  std::vector<std::deque<size_t>> missing_;  // by key: the last reads that found nothing
  std::vector<size_t> traced_hit_;           // by key
  std::vector<std::vector<Seen>> seen_;      // by key, by requests that have ended
  std::vector<std::vector<Seen>> reported_;  // by key
  std::vector<uint64_t> ended_;              // steps
  std::vector<uint64_t> flushed_;
  std::vector<uint64_t> moved_;
  std::vector<TimePoint> failed_looks_;
  uint64_t live_server_id_ = 0;
  std::string finding_;
  uint64_t hits_ = 0;
  uint64_t answers_ = 0;
};

}  // namespace rp::simulation
