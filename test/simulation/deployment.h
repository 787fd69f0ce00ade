// Deployment: two servers, the address that clients of Redis know, those who write, and what the
// service as a whole said at which time. The service is the server at the address if that is a
// master, else the other one if that is.
//
// Owner: the simulation. Thread safety: one thread at a time. Cost: O(1) per call and event.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "redis/server_identity.h"
#include "test/simulation/model_redis.h"
#include "test/simulation/simulated_network.h"
#include "test/simulation/world.h"

namespace rp::simulation {

class Deployment {
 public:
  struct Connected {
    LinkRef link;
    redis::ServerIdentity identity;
    uint64_t address = 0;
  };
  // The address leads to another server now. The one before may live on.
  struct Move {
    TimePoint at;
    int from = 0;
  };

  Deployment(World* world, Network* network);

  [[nodiscard]] ModelRedis& server(int id) { return servers_[static_cast<size_t>(id)]; }
  [[nodiscard]] int at_address() const { return at_address_; }
  [[nodiscard]] int service() const { return service_; }
  // Returns the id of the address that the name has now.
  [[nodiscard]] uint64_t AddressId() const;
  // As ModelRedis::EndOf, of the service.
  [[nodiscard]] TimePoint EndInService(size_t key, const Record& found) const {
    return EndIn(told_[key], found);
  }
  [[nodiscard]] const std::vector<Move>& moves() const { return moves_; }

  // Connects and asks who it is. Calls `done` once, with nothing where that failed.
  void Connect(std::function<void(std::optional<Connected>)> done);

  void StartWriting();
  void StopWriting() { writes_ = Writes::kNone; }
  // While writes are held, the servers get none.
  void HoldWrites(bool are_held);

  // From now on new connections lead to the other server.
  void MoveAddress(int to);
  // To be called after a change of a server's role or state.
  void OnChanged();
  // Makes new connections fail or hang for a time.
  void RefuseConnections(Duration time) { refusing_until_ = world_->now() + time; }

 private:
  enum class Writes : uint8_t { kNone, kOn, kHeld };
  void WriteSome();
  void ScheduleReplication(int id);
  void OnChange(int id, size_t key, const Record& record);
  [[nodiscard]] redis::ServerIdentity IdentityOf(const ModelRedis& server) const;

  World* const world_;
  Network* const network_;
  uint64_t versions_ = 0;
  std::array<ModelRedis, 2> servers_;
  int at_address_ = 0;
  int service_ = 0;
  Writes writes_ = Writes::kNone;
  TimePoint refusing_until_;
  std::vector<Move> moves_;
  std::vector<std::vector<Record>> told_;  // by key: what the service had from a time on
};

}  // namespace rp::simulation
