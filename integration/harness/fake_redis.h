// The scripted Redis of the unit tests, in which every key K holds "value of K" from the start.
//
// Owner: the test. Thread safety: as redis::FakeRedis. Cost: one thread.
#pragma once

#include <utility>

#include "integration/harness/support.h"
#include "test/support/fake_redis.h"

namespace rp::integration {

class FakeRedis : public redis::FakeRedis {
 public:
  explicit FakeRedis(Script script = {}) : redis::FakeRedis(std::move(script)) {
    SetAllOthers("value of ");
  }
};

}  // namespace rp::integration
