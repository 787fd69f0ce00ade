// SimulatedSubscriber: plays the loop of redis::Subscriber around the real redis::Tracking, and the
// looks of the address watch: every 2 s it resolves the name and asks who answers at the address.
//
// Owner: the simulated proxy. Thread safety: one thread at a time. Cost: a few events per proof.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "redis/current_server.h"
#include "redis/tracking.h"
#include "test/simulation/deployment.h"
#include "test/simulation/judge.h"
#include "test/simulation/world.h"

namespace rp::simulation {

class SimulatedSubscriber {
 public:
  SimulatedSubscriber(World* world, Network* network, Deployment* deployment, Judge* judge,
                      redis::CurrentServer* server, redis::InvalidationSink* sink);

  void Start();

 private:
  void Attempt();
  void OnConnected(uint64_t since, std::optional<Deployment::Connected> made);
  void OnBytes(Bytes bytes);
  void Wake(uint64_t attempt);
  void Run();
  [[nodiscard]] Result<void> Receive();
  [[nodiscard]] Result<void> Take(std::string_view text);
  void End(const Error& reason);
  void Retry();
  void Look();
  void Probe();

  World* const world_;
  Network* const network_;
  Deployment* const deployment_;
  Judge* const judge_;
  redis::CurrentServer* const server_;
  redis::InvalidationSink* const sink_;
  LinkRef link_;  // null: none
  uint64_t generation_ = 0;
  uint64_t attempts_ = 0;  // events of an earlier one do nothing
  uint64_t turns_ = 0;
  unsigned failures_ = 0;
  std::string unsupported_;
  std::optional<redis::Tracking> tracking_;
  std::deque<Bytes> received_;
  bool is_closed_ = false;  // by the other end
  TimePoint paused_until_;
};

}  // namespace rp::simulation
