// A short form of `make simulation`, which also runs under the sanitizers.
#include "test/simulation/simulation.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace rp::simulation {
namespace {

class SimulationTest : public ::testing::Test {
 protected:
  // What goes wrong in a run is logged by what it happens to, and is no news here.
  void SetUp() override {
    SetLogLevel(static_cast<LogLevel>(static_cast<int>(LogLevel::kError) + 1));
  }
  void TearDown() override { SetLogLevel(LogLevel::kInfo); }
};

TEST_F(SimulationTest, KeepsAllPromises) {
  uint64_t hits = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Outcome outcome = Simulate(seed, /*is_traced=*/false);
    hits += outcome.hits;
    EXPECT_EQ(outcome.finding, "") << "make simulation SEED=" << seed;
  }
  EXPECT_GT(hits, 1000U);
}

TEST_F(SimulationTest, RepeatsASeed) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome first = Simulate(seed, /*is_traced=*/true);
    const Outcome again = Simulate(seed, /*is_traced=*/true);
    EXPECT_EQ(first.trace, again.trace);
    EXPECT_EQ(first.hits, again.hits);
    EXPECT_NE(first.trace, "");
  }
}

}  // namespace
}  // namespace rp::simulation
