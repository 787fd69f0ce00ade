// The scripted Redis of the unit tests that can track, in which every key K holds "value of K" from
// the start.
//
// Owner: the test. Thread safety: as redis::TrackingRedis. Cost: one thread.
#pragma once

#include "integration/harness/support.h"
#include "test/support/tracking_redis.h"

namespace rp::integration {

class TrackingRedis : public redis::TrackingRedis {
 public:
  TrackingRedis() { server().SetAllOthers("value of "); }
};

}  // namespace rp::integration
