// Plan: the settings of one run, drawn from its seed. Each run has only some of the faults, so that
// the runs differ in kind and not only in detail.
//
// Owner: the world; a value. Thread safety: as any value. Cost: none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "redis/server_identity.h"
#include "test/simulation/random.h"

namespace rp::simulation {

struct Plan {
  // Of the proxy.
  Duration max_stale{};
  Duration timeout{};
  Duration expire{};   // 0: never
  Duration stale{};    // -stale-if-error; 0: off
  Duration max_age{};  // 0: none
  uint64_t capacity = 0;
  std::vector<std::string> prefixes;
  Duration sweep{};  // after this time at most the sweep comes
  int fetchers = 0;
  int share = 0;  // fetches in one batch

  // Of Redis and the network.
  std::vector<std::string> keys;
  redis::ServerIdentity::Kind identity = redis::ServerIdentity::Kind::kRunId;
  bool is_cluster = false;
  bool moves_by_name = false;  // a name is led to another address; else an address to another host
  Duration latency{};          // at most, one way, without faults
  Duration lag{};              // of the replica, at most
  Duration write_interval{};
  double expiring = 0;  // the part of writes that give a key a TTL
  Duration read_interval{};
  int readers = 0;
  double resent = 0;          // the part of messages that are lost and sent again, which takes long
  double slow_turns = 0;      // the part of Redis's turns that take long
  double unknown = 0;         // the part of connections that are not told who answers
  double pauses = 0;          // the part of steps before which a thread of the proxy has to wait
  double losing = 0;          // the part of failovers that may lose writes
  Duration fault_interval{};  // 0: no faults
  bool breaks_links = false;
  bool stops_servers = false;
  bool changes_roles = false;
  bool moves_address = false;
  Duration storm{};

  // Returns whether Redis reports writes of the key.
  [[nodiscard]] bool IsReported(const std::string& key) const {
    if (prefixes.empty()) return true;
    for (const std::string& prefix : prefixes) {
      if (key.starts_with(prefix)) return true;
    }
    return false;
  }
};

[[nodiscard]] Plan DrawPlan(Random* random);

}  // namespace rp::simulation
