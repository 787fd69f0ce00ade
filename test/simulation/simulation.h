// The deterministic simulation of what keeps -coherent's promises: the real cache, read-through,
// coherence, tracking, lease and current server, against two model Redis servers and a network that
// delay, lose, stop and change hands, under a virtual clock. A seed is one run.
//
// Owner: nobody; a function. Thread safety: one thread at a time. Cost: a few milliseconds.
#pragma once

#include <cstdint>
#include <string>

namespace rp::simulation {

struct Outcome {
  std::string finding;  // the promise that was broken, and how; empty if all were kept
  std::string trace;    // the last events, if the run is traced
  uint64_t answers = 0;
  uint64_t hits = 0;
};

[[nodiscard]] Outcome Simulate(uint64_t seed, bool is_traced);

}  // namespace rp::simulation
