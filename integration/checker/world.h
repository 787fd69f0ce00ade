// What a check is made of, beside its threads: the servers, the address that leads to them, the
// proxy, and what is known of what happened.
//
// Owner: the checker.
// Thread safety: that of the members. The main thread makes and breaks it.
// Cost: three processes.
#pragma once

#include "base/parse.h"
#include "integration/checker/history.h"
#include "integration/checker/redis_address.h"
#include "integration/checker/server_pair.h"
#include "integration/checker/stale_checker.h"
#include "integration/checker/stale_oracle.h"
#include "integration/checker/takeovers.h"
#include "integration/harness/proxy_process.h"

namespace rp::integration {

// What a bound may be missed by, because the scheduler is late.
inline constexpr Duration kSlack = 50ms;
// The second bound of docs/coherence.md: so long an address that has moved goes unnoticed.
inline constexpr Duration kSecondBound = 5s;
inline constexpr Duration kMaxRelayDelay = 12ms;

struct World {
  explicit World(const StaleCheckOptions& options)
      : bound(options.max_stale + Patience(kSlack)),
        oracle(options.keys),
        takeovers(kSecondBound + Patience(kSlack)),
        history(options.history),
        address(servers.master().port(), kMaxRelayDelay, options.seed),
        proxy({"-redis", address.text(), "-resp", "127.0.0.1:0", "-coherent", "-max-stale",
               FormatDuration(options.max_stale), "-expire", "0", "-timeout",
               FormatDuration(options.max_stale * 3 / 2)},
              {.environment = address.environment()}) {}

  const Duration bound;  // -max-stale and the slack
  StaleOracle oracle;
  Takeovers takeovers;
  History history;
  ServerPair servers;
  RedisAddress address;
  Proxy proxy;
};

}  // namespace rp::integration
