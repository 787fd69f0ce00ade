#include "test/simulation/deployment.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace rp::simulation {
namespace {

using redis::ServerIdentity;
using std::chrono::milliseconds;

constexpr int kServers = 2;

}  // namespace

Deployment::Deployment(World* world, Network* network)
    : world_(world),
      network_(network),
      servers_{ModelRedis(
                   world, network, 0, [this] { return ++versions_; },
                   [this](size_t key, const Record& record) { OnChange(0, key, record); }),
               ModelRedis(
                   world, network, 1, [this] { return ++versions_; },
                   [this](size_t key, const Record& record) { OnChange(1, key, record); })},
      told_(world->plan.keys.size(), {Record{}}) {
  servers_[1].DemoteTo(&servers_[0]);
  for (int id = 0; id < kServers; ++id) ScheduleReplication(id);
}

uint64_t Deployment::AddressId() const {
  return world_->plan.moves_by_name ? static_cast<uint64_t>(at_address_) + 1 : 1;
}

ServerIdentity Deployment::IdentityOf(const ModelRedis& server) const {
  if (world_->plan.identity == ServerIdentity::Kind::kAddress) {
    return {ServerIdentity::Kind::kAddress, static_cast<uint64_t>(server.id()) + 1};
  }
  if (world_->Happens(world_->plan.unknown)) return {};
  return {ServerIdentity::Kind::kRunId, server.run_id()};
}

void Deployment::OnChange(int id, size_t key, const Record& record) {
  if (id == service_) told_[key].push_back(record);
}

void Deployment::OnChanged() {
  int next = service_;
  if (servers_[static_cast<size_t>(at_address_)].IsMaster()) {
    next = at_address_;
  } else if (servers_[static_cast<size_t>(1 - at_address_)].IsMaster()) {
    next = 1 - at_address_;
  }
  if (next == service_) return;
  world_->Trace("service: redis %d", next);
  service_ = next;
  for (size_t key = 0; key < told_.size(); ++key) {
    Record record = server(next).Current(key);
    if (told_[key].back().version == record.version) continue;
    record.from = world_->now();
    told_[key].push_back(record);
  }
}

void Deployment::MoveAddress(int to) {
  if (to == at_address_) return;
  world_->Trace("the address leads to redis %d", to);
  moves_.push_back({world_->now(), at_address_});
  at_address_ = to;
  OnChanged();
}

void Deployment::Connect(std::function<void(std::optional<Connected>)> done) {
  struct Attempt {
    std::function<void(std::optional<Connected>)> done;
    LinkRef link;
  };
  auto attempt = std::make_shared<Attempt>(Attempt{std::move(done), nullptr});
  const auto end = [](Attempt* each, std::optional<Connected> outcome) {
    if (!each->done) return;
    if (!outcome && each->link) Network::Close(each->link);
    std::exchange(each->done, nullptr)(std::move(outcome));
  };
  world_->scheduler.After(world_->plan.timeout,
                          [attempt, end] { end(attempt.get(), std::nullopt); });
  world_->scheduler.After(network_->Delay(), [this, attempt, end] {
    if (!attempt->done) return;
    ModelRedis& reached = server(at_address_);
    const bool is_refused = reached.state() == ModelRedis::State::kDown;
    if (world_->now() < refusing_until_ || is_refused) {
      if (is_refused || world_->random.Chance(0.5)) end(attempt.get(), std::nullopt);
      return;
    }
    const uint64_t address = AddressId();
    const LinkRef link = network_->Open(at_address_);
    attempt->link = link;
    link->on_lost = [attempt, end] { end(attempt.get(), std::nullopt); };
    network_->ToServer(link, [this, attempt, end, link, address, &reached] {
      reached.Submit(link, [this, attempt, end, link, address, &reached] {
        const ServerIdentity identity = IdentityOf(reached);
        reached.Reply(link, [attempt, end, link, identity, address] {
          if (!attempt->done) return;
          link->on_lost = nullptr;
          end(attempt.get(), Connected{link, identity, address});
        });
      });
    });
  });
}

// --- Writes ---

void Deployment::StartWriting() {
  writes_ = Writes::kOn;
  WriteSome();
}

void Deployment::HoldWrites(bool are_held) {
  if (writes_ != Writes::kNone) writes_ = are_held ? Writes::kHeld : Writes::kOn;
}

void Deployment::WriteSome() {
  if (writes_ == Writes::kNone) return;
  const Duration mean = world_->plan.write_interval;
  world_->scheduler.After(world_->random.Wait(mean / 10, 2 * mean), [this] { WriteSome(); });
  Random& random = world_->random;
  const int to = random.Chance(0.8) ? service_ : 1 - service_;
  const size_t key = random.Index(world_->plan.keys.size());
  TimePoint expires_at = kNever;
  if (random.Chance(world_->plan.expiring)) {
    expires_at = world_->now() + random.Wait(milliseconds(20), milliseconds(2000));
  }
  const int64_t choice = random.Number(0, 99);
  server(to).Submit(nullptr, [this, to, key, expires_at, choice] {
    // Whoever writes to a master that is not the service's has an old connection.
    if (writes_ != Writes::kOn) return;
    if (choice < 2) return server(to).FlushAll();
    const cache::Kind kind = choice < 12   ? cache::Kind::kMissing
                             : choice < 17 ? cache::Kind::kWrongType
                                           : cache::Kind::kValue;
    server(to).Write(key, kind, kind == cache::Kind::kMissing ? kNever : expires_at);
  });
}

void Deployment::ScheduleReplication(int id) {
  world_->scheduler.After(world_->random.MostlyShort(world_->plan.lag) + milliseconds(1),
                          [this, id] {
                            server(id).Replicate();
                            ScheduleReplication(id);
                          });
}

}  // namespace rp::simulation
