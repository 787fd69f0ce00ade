// The stale-read checker: writers, readers and everything that can break between the proxy and its
// Redis, and the question whether a value came back that had been overwritten too long before.
//
// Writers stamp each value with its key's counter and note when the write was sent and when it was
// acknowledged; a flush, and a restart of Redis, count as a write of every key. A read is stale if
// what it brings had been overwritten, acknowledged, before the request was sent; its age is the
// time between the two. A read goes backwards if another that had ended before it began has brought
// a newer version of its key. Writes reach Redis directly; the proxy reaches it through a Relay
// whose delays let invalidations and replies overtake each other.
//
// There are two servers, a master and a replica, that change places without losing a write (see
// Events). What the proxy passes on from a server that is no master is what that server says, and
// is not judged: it is marked in HTTP, and in RESP it is what comes while the address leads there.
// After an address has moved while the old master lives on, what the new one alone was told may be
// missing for the second bound.
//
// Owner: whoever calls it.
// Thread safety: CheckForStaleReads belongs to the main thread, which starts processes and breaks
// things while threads of its own write and read. Cost: it keeps both cores of a small machine
// busy.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "integration/harness/support.h"

namespace rp::integration {

struct StaleCheckOptions {
  Duration run = 60s;
  Duration max_stale = 300ms;
  int keys = 40;
  unsigned seed = 1;
  std::vector<std::string> events{};      // what may happen, by name (Events::Names); empty: all
  std::string history{};                  // the file for a History; empty: none
  bool stops_at_first_violation = false;  // do not go on for long after it
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
  uint64_t after_move = 0;       // stale reads that only the second bound allows
  uint64_t backwards = 0;        // reads that brought an older version than one before
  uint64_t unjudged = 0;         // reads from a server that was no master
  int hung = 0;                  // requests that hung with a fetch from before a loss
  int stale_after_quiet = 0;     // keys that are still wrong when all is quiet
  int uncached_after_quiet = 0;  // keys that are then not served from the cache
  std::map<std::string, int> events;
  std::string left_out;  // an event that cannot happen on this machine, and why

  // Adds what another thread has counted.
  void Add(const StaleCheckReport& part);
  // The reads that the proxy should not have answered so.
  [[nodiscard]] uint64_t Violations() const { return over_bound + alien + backwards; }
  // Whether the proxy has kept its word, and has cached at all.
  [[nodiscard]] bool Kept() const;
  // Lines for people.
  [[nodiscard]] std::string Text() const;
};

// REQUIRES: the history can be written.
StaleCheckReport CheckForStaleReads(const StaleCheckOptions& options);

}  // namespace rp::integration
