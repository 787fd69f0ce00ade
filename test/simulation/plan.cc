#include "test/simulation/plan.h"

namespace rp::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void DrawProxy(Random* random, Plan* plan) {
  plan->max_stale = random->Wait(milliseconds(150), milliseconds(random->Chance(0.5) ? 300 : 1500));
  plan->timeout = random->Wait(milliseconds(200), milliseconds(1000));
  if (random->Chance(0.3)) plan->expire = random->Wait(milliseconds(20), milliseconds(2000));
  if (random->Chance(0.4)) plan->stale = random->Wait(milliseconds(100), milliseconds(5000));
  if (random->Chance(0.1)) plan->max_age = random->Wait(milliseconds(500), milliseconds(3000));
  plan->capacity = random->Chance(0.2) ? 1 : 100;
  plan->sweep = random->Chance(0.5) ? milliseconds(1) : seconds(5);
  plan->fetchers = static_cast<int>(random->Number(1, 3));
  plan->share = static_cast<int>(random->Number(1, 4));
  plan->pauses = random->Chance(0.5) ? 0.03 : 0;
}

void DrawRedis(Random* random, Plan* plan) {
  const auto keys = static_cast<size_t>(random->Number(1, 3));
  for (size_t i = 0; i < keys; ++i) plan->keys.push_back(i % 2 == 0 ? "apple" : "pear");
  if (keys == 3) plan->keys[2] = "plum";
  if (random->Chance(0.15)) plan->prefixes = {"a", "pe"};
  if (random->Chance(0.15)) plan->identity = redis::ServerIdentity::Kind::kAddress;
  plan->is_cluster = random->Chance(0.1);
  plan->moves_by_name =
      plan->identity == redis::ServerIdentity::Kind::kAddress || random->Chance(0.4);
  plan->latency = random->Wait(microseconds(100), milliseconds(20));
  plan->lag = random->Wait(milliseconds(1), milliseconds(300));
  plan->write_interval = random->Wait(milliseconds(10), milliseconds(400));
  if (random->Chance(0.2)) plan->write_interval *= 5;
  plan->expiring = random->Chance(0.3) ? 0.8 : 0.1;
  plan->read_interval = random->Wait(milliseconds(4), milliseconds(60));
  plan->readers = static_cast<int>(random->Number(1, 4));
  plan->resent = random->Chance(0.4) ? 0.02 : 0;
  plan->slow_turns = random->Chance(0.4) ? 0.02 : 0;
  plan->unknown = random->Chance(0.1) ? 0.2 : 0;
}

void DrawFaults(Random* random, Plan* plan) {
  plan->storm = random->Wait(seconds(2), seconds(7));
  if (random->Chance(0.1)) return;
  plan->fault_interval = random->Wait(milliseconds(150), milliseconds(1500));
  plan->breaks_links = random->Chance(0.7);
  plan->stops_servers = random->Chance(0.4);
  plan->changes_roles = random->Chance(0.5);
  plan->moves_address = random->Chance(0.4);
  if (plan->moves_address) plan->storm += seconds(5);
  plan->losing = random->Chance(0.3) ? 0.5 : 0;
}

}  // namespace

Plan DrawPlan(Random* random) {
  Plan plan;
  DrawProxy(random, &plan);
  DrawRedis(random, &plan);
  DrawFaults(random, &plan);
  return plan;
}

}  // namespace rp::simulation
