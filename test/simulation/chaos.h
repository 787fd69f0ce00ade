// Chaos: what goes wrong in a run: connections, servers, roles, and the address. At most one
// operation on roles, address or a server's process is under way at a time.
//
// Owner: the simulation. Thread safety: one thread at a time. Cost: a few events per fault.
#pragma once

#include <functional>

#include "test/simulation/deployment.h"
#include "test/simulation/simulated_network.h"
#include "test/simulation/world.h"

namespace rp::simulation {

class Chaos {
 public:
  Chaos(World* world, Network* network, Deployment* deployment);

  void Start() { Schedule(); }
  // Ends all faults. The server at the address is the master then; what is half-open stays so.
  void Heal();

 private:
  enum class Operation : uint8_t { kNone, kUnderWay };

  void Schedule();
  void Strike();
  void BreakLinks();
  void StopServer();
  void ChangeRoles();
  void MoveAddress();

  // The operations. `service` is the master, and `other` follows it.
  void Demote(ModelRedis* service);
  void FailOver(ModelRedis* service, ModelRedis* other);
  void FailOverFrom(ModelRedis* service, ModelRedis* other);
  void CrashOver(ModelRedis* service, ModelRedis* other);
  void Restart(ModelRedis* server);
  void Split(ModelRedis* service, ModelRedis* other);

  // Calls `action` once `other` has all writes of `service`, or at once if the failover may lose
  // some. Writes are held meanwhile, and until the operation ends.
  void WhenCaughtUp(ModelRedis* service, ModelRedis* other, int tries,
                    std::function<void()> action);
  // Calls `action` later unless Heal comes first.
  void Later(Duration least, Duration most, std::function<void()> action);
  void EndOperation();

  World* const world_;
  Network* const network_;
  Deployment* const deployment_;
  Operation operation_ = Operation::kNone;
  bool is_healed_ = false;
};

}  // namespace rp::simulation
