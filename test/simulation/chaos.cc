#include "test/simulation/chaos.h"

#include <utility>
#include <vector>

namespace rp::simulation {

using std::chrono::milliseconds;

Chaos::Chaos(World* world, Network* network, Deployment* deployment)
    : world_(world), network_(network), deployment_(deployment) {}

void Chaos::Later(Duration least, Duration most, std::function<void()> action) {
  world_->scheduler.After(world_->random.Wait(least, most), [this, action = std::move(action)] {
    if (!is_healed_) action();
  });
}

void Chaos::Schedule() {
  const Duration interval = world_->plan.fault_interval;
  if (interval == Duration::zero()) return;
  Later(interval / 4, 2 * interval, [this] {
    Strike();
    Schedule();
  });
}

void Chaos::Strike() {
  const Plan& plan = world_->plan;
  std::vector<void (Chaos::*)()> kinds;
  if (plan.breaks_links) kinds.push_back(&Chaos::BreakLinks);
  if (plan.stops_servers) kinds.push_back(&Chaos::StopServer);
  if (plan.changes_roles) kinds.push_back(&Chaos::ChangeRoles);
  if (plan.moves_address) kinds.push_back(&Chaos::MoveAddress);
  if (kinds.empty()) return;
  (this->*kinds[world_->random.Index(kinds.size())])();
}

void Chaos::BreakLinks() {
  Random& random = world_->random;
  const LinkRef link = network_->AnyOpen();
  switch (random.Number(0, 5)) {
    case 0:
      if (link != nullptr) network_->Break(link);
      break;
    case 1:
      if (link == nullptr) break;
      world_->Trace("network: connection %llu is half-open",
                    static_cast<unsigned long long>(link->id));
      link->state = Link::State::kHalfOpen;
      break;
    case 2:
      if (link != nullptr) {
        network_->Stall(link, random.Wait(milliseconds(20), 4 * world_->plan.max_stale));
      }
      break;
    case 3:
      network_->BreakAll(static_cast<int>(random.Number(0, 1)), random.Chance(0.5) ? 0.5 : 0);
      break;
    case 4:
      network_->Slow(2 * world_->plan.max_stale,
                     random.Wait(milliseconds(200), milliseconds(3000)));
      break;
    default:
      deployment_->RefuseConnections(random.Wait(milliseconds(20), milliseconds(2000)));
  }
}

void Chaos::StopServer() {
  Random& random = world_->random;
  ModelRedis& service = deployment_->server(deployment_->service());
  switch (random.Number(0, 3)) {
    case 0:
    case 1:
      deployment_->server(static_cast<int>(random.Number(0, 1)))
          .Pause(random.Wait(milliseconds(20), milliseconds(3000)));
      break;
    case 2:
      if (operation_ == Operation::kNone) Restart(&service);
      break;
    default:
      if (!world_->plan.is_cluster) break;
      service.SetClusterState(false);
      Later(milliseconds(50), milliseconds(2000), [&service] { service.SetClusterState(true); });
  }
}

void Chaos::ChangeRoles() {
  if (operation_ != Operation::kNone) return;
  ModelRedis* const service = &deployment_->server(deployment_->service());
  ModelRedis* const other = &deployment_->server(1 - deployment_->service());
  if (!service->IsMaster() || other->IsMaster()) return;
  switch (world_->random.Number(0, 4)) {
    case 0:
      return Demote(service);
    case 1:
    case 2:
      return FailOver(service, other);
    case 3:
      return CrashOver(service, other);
    default:
      other->CutReplication(true);
      Later(milliseconds(100), milliseconds(3000), [other] { other->CutReplication(false); });
  }
}

void Chaos::MoveAddress() {
  if (operation_ != Operation::kNone) return;
  const int back = deployment_->at_address();
  ModelRedis* const service = &deployment_->server(deployment_->service());
  ModelRedis* const other = &deployment_->server(1 - deployment_->service());
  if (world_->random.Chance(0.6) && service->IsMaster() && !other->IsMaster() &&
      other->state() == ModelRedis::State::kUp) {
    return Split(service, other);
  }
  // Perhaps to a replica, and back.
  operation_ = Operation::kUnderWay;
  deployment_->MoveAddress(1 - back);
  Later(milliseconds(50), milliseconds(5000), [this, back] {
    deployment_->MoveAddress(back);
    EndOperation();
  });
}

// --- Operations ---

void Chaos::EndOperation() {
  deployment_->HoldWrites(false);
  operation_ = Operation::kNone;
}

void Chaos::WhenCaughtUp(ModelRedis* service, ModelRedis* other, int tries,
                         std::function<void()> action) {
  deployment_->HoldWrites(true);
  const bool has_all = service->last_version() == other->last_version();
  if (has_all || world_->random.Chance(world_->plan.losing)) return action();
  if (tries == 0) return EndOperation();
  Later(milliseconds(5), milliseconds(20),
        [this, service, other, tries, action = std::move(action)]() mutable {
          WhenCaughtUp(service, other, tries - 1, std::move(action));
        });
}

// It is a replica for a time, which answers everything but PING's question.
void Chaos::Demote(ModelRedis* service) {
  operation_ = Operation::kUnderWay;
  service->DemoteTo(nullptr);
  deployment_->OnChanged();
  Later(milliseconds(20), milliseconds(3000), [this, service] {
    service->Promote(*service);
    deployment_->OnChanged();
    EndOperation();
  });
}

void Chaos::FailOver(ModelRedis* service, ModelRedis* other) {
  operation_ = Operation::kUnderWay;
  WhenCaughtUp(service, other, 50, [this, service, other] { FailOverFrom(service, other); });
}

void Chaos::FailOverFrom(ModelRedis* service, ModelRedis* other) {
  if (!service->IsMaster() || other->state() == ModelRedis::State::kDown) return EndOperation();
  const bool moves_address = world_->plan.moves_address;
  const auto move = [this, other] { deployment_->MoveAddress(other->id()); };
  if (moves_address && world_->random.Chance(0.3)) move();
  service->DemoteTo(world_->random.Chance(0.5) ? other : nullptr);
  deployment_->OnChanged();
  Later(Duration::zero(), milliseconds(500), [this, service, other, moves_address, move] {
    other->Promote(*service);
    deployment_->OnChanged();
    deployment_->HoldWrites(false);
    if (moves_address) Later(Duration::zero(), milliseconds(1000), move);
    Later(milliseconds(1000), milliseconds(3000), [this, service, other] {
      service->DemoteTo(other);
      EndOperation();
    });
  });
}

void Chaos::CrashOver(ModelRedis* service, ModelRedis* other) {
  operation_ = Operation::kUnderWay;
  WhenCaughtUp(service, other, 50, [this, service, other] {
    if (!service->IsMaster() || other->state() == ModelRedis::State::kDown) return EndOperation();
    service->Crash();
    network_->BreakAll(service->id(), world_->random.Chance(0.5) ? 1 : 0);
    deployment_->OnChanged();
    Later(milliseconds(20), milliseconds(1500), [this, service, other] {
      other->Promote(*service);
      deployment_->OnChanged();
      deployment_->HoldWrites(false);
      if (world_->plan.moves_address) {
        Later(Duration::zero(), milliseconds(500),
              [this, other] { deployment_->MoveAddress(other->id()); });
      }
      Later(milliseconds(500), milliseconds(3000), [this, service, other] {
        service->DemoteTo(other);
        service->Restart(/*loses_data=*/false);
        service->SetLoaded();
        EndOperation();
      });
    });
  });
}

void Chaos::Restart(ModelRedis* server) {
  operation_ = Operation::kUnderWay;
  server->Crash();
  network_->BreakAll(server->id(), world_->random.Chance(0.3) ? 0.5 : 0);
  deployment_->OnChanged();
  Later(milliseconds(10), milliseconds(2000), [this, server] {
    server->Restart(world_->random.Chance(world_->plan.losing));
    deployment_->OnChanged();
    Later(Duration::zero(), milliseconds(1000), [this, server] {
      server->SetLoaded();
      EndOperation();
    });
  });
}

// The address leads to another master while the one before lives on, and takes writes.
void Chaos::Split(ModelRedis* service, ModelRedis* other) {
  operation_ = Operation::kUnderWay;
  other->Promote(*service);
  deployment_->OnChanged();
  Later(Duration::zero(), milliseconds(300), [this, service, other] {
    deployment_->MoveAddress(other->id());
    Later(milliseconds(500), milliseconds(9000), [this, service, other] {
      service->DemoteTo(other);
      deployment_->OnChanged();
      EndOperation();
    });
  });
}

void Chaos::Heal() {
  is_healed_ = true;
  EndOperation();
  deployment_->RefuseConnections(Duration::zero());
  network_->Slow(world_->plan.latency, Duration::zero());
  ModelRedis& master = deployment_->server(deployment_->at_address());
  ModelRedis& other = deployment_->server(1 - deployment_->at_address());
  for (ModelRedis* server : {&master, &other}) {
    if (server->state() == ModelRedis::State::kDown) server->Restart(/*loses_data=*/false);
    server->SetLoaded();
    server->SetClusterState(true);
    server->CutReplication(false);
  }
  master.Promote(other);
  other.DemoteTo(&master);
  deployment_->OnChanged();
}

}  // namespace rp::simulation
