#include "test/simulation/simulation.h"

#include "test/simulation/chaos.h"
#include "test/simulation/deployment.h"
#include "test/simulation/judge.h"
#include "test/simulation/simulated_network.h"
#include "test/simulation/simulated_proxy.h"
#include "test/simulation/world.h"

namespace rp::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Run {
 public:
  Run(uint64_t seed, bool is_traced) : world_(seed, is_traced) {}

  void Storm() {
    proxy_.Start();
    deployment_.StartWriting();
    chaos_.Start();
    RunFor(world_.plan.storm);
    world_.Trace("the faults end");
    chaos_.Heal();
    world_.CalmDown();
    deployment_.StopWriting();
    RunFor(milliseconds(300));
    proxy_.StopReading();
  }

  // Hits must come back by themselves.
  void Calm() {
    const Plan& plan = world_.plan;
    RunFor(4 * plan.max_stale + 2 * plan.timeout + milliseconds(1500));
    for (size_t key = 0; key < plan.keys.size(); ++key) {
      if (plan.IsReported(plan.keys[key])) AwaitHit(key);
    }
    RunFor(2 * plan.timeout + seconds(1));
    if (!IsOver()) proxy_.CheckAllAnswered();
  }

  [[nodiscard]] Outcome Result() {
    Outcome outcome{.finding = judge_.finding(),
                    .trace = {},
                    .answers = judge_.answers(),
                    .hits = judge_.hits()};
    for (const std::string& line : world_.lines()) outcome.trace += line;
    return outcome;
  }

 private:
  static constexpr int kTries = 10;

  [[nodiscard]] bool IsOver() const { return !judge_.finding().empty(); }

  void RunFor(Duration time) {
    world_.scheduler.RunUntil(world_.now() + time, [this] { return IsOver(); });
  }

  void AwaitHit(size_t key) {
    const uint64_t hits = judge_.hits();
    for (int i = 0; i < kTries && !IsOver(); ++i) {
      proxy_.Ask(key);
      for (int wait = 0; wait < 200 && !proxy_.IsIdle(); ++wait) RunFor(milliseconds(5));
      proxy_.Ask(key);
      if (judge_.hits() > hits) return;
      RunFor(milliseconds(100));
    }
    judge_.Find("resume", "no hits of key " + std::to_string(key) + " after the faults");
  }

  World world_;
  Network network_{&world_};
  Deployment deployment_{&world_, &network_};
  Judge judge_{&world_, &deployment_};
  SimulatedProxy proxy_{&world_, &network_, &deployment_, &judge_};
  Chaos chaos_{&world_, &network_, &deployment_};
};

}  // namespace

Outcome Simulate(uint64_t seed, bool is_traced) {
  Run run(seed, is_traced);
  run.Storm();
  run.Calm();
  return run.Result();
}

}  // namespace rp::simulation
