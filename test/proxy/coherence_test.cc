#include "proxy/coherence.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/cache_flight.h"

namespace rp::proxy {
namespace {

TEST(CoherenceTest, CallsForTheSweepOnceManyKeysHaveGoneOneByOne) {
  cache::Cache cache({.coherent = true});
  int calls = 0;
  redis::CurrentServer server("redis");
  Coherence coherence({}, cache::TestHasher(), &server, &cache, [&calls] { ++calls; });
  coherence.OnLive(1, server.generation(), kNever);
  calls = 0;
  for (size_t i = 1; i < Coherence::kGarbageKeys; ++i) coherence.OnInvalidated(std::to_string(i));
  EXPECT_EQ(calls, 0);
  coherence.OnInvalidated("one more");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace rp::proxy
