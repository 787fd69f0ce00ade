// The stale-read checker: writers, readers and everything that can break between the proxy and its
// Redis, and the question whether a value came back that had been overwritten too long before.
//
// Writers stamp each value with its key's counter and note when the write was sent and when it was
// acknowledged; a flush, and a restart of Redis, count as a write of every key. A read is stale if
// what it brings had been overwritten, acknowledged, before the request was sent; its age is the
// time between the two. Writes reach Redis directly; the proxy reaches it through a Relay whose
// delays let invalidations and replies overtake each other.
//
// Thread safety: CheckForStaleReads belongs to the main thread, which starts processes and breaks
// things while threads of its own write and read. Cost: it keeps both cores of a small machine
// busy.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"
#include "integration/harness/support.h"

namespace rp::integration {

struct StaleCheckOptions {
  Duration run = 60s;
  Duration max_stale = 300ms;
  int keys = 40;
  unsigned seed = 1;
};

struct StaleCheckReport {
  uint64_t reads = 0;     // answered with a value or with "no such key"
  uint64_t hits = 0;      // of these, from the cache
  uint64_t failures = 0;  // reads that no answer came to, or an error
  uint64_t writes = 0;    // acknowledged
  uint64_t stale = 0;
  // Of the stale reads those younger than 1, 10, 100, 1000 ms, and the rest.
  std::array<uint64_t, 5> by_age = {};
  Duration oldest{0};
  Duration bound{0};             // -max-stale and a little for the scheduler
  uint64_t over_bound = 0;       // stale reads older than that
  uint64_t alien = 0;            // answers that were never written, or under another key
  int stale_after_quiet = 0;     // keys that are still wrong when all is quiet
  int uncached_after_quiet = 0;  // keys that are then not served from the cache
  std::map<std::string, int> events;

  // Whether the proxy has kept its word, and has cached at all.
  [[nodiscard]] bool Kept() const;
  // Lines for people.
  [[nodiscard]] std::string Text() const;
};

StaleCheckReport CheckForStaleReads(const StaleCheckOptions& options);

}  // namespace rp::integration
