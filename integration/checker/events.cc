#include "integration/checker/events.h"

#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include "integration/harness/http_client.h"

namespace rp::integration {
namespace {

constexpr int kHangingTries = 3;

// What stands behind `name` in a line of CLIENT LIST.
std::string Field(const std::string& line, const std::string& name) {
  const size_t at = (" " + line).find(" " + name + "=");
  if (at == std::string::npos) return "";
  const size_t start = at + name.size() + 1;
  return line.substr(start, line.find(' ', start) - start);
}

}  // namespace

const std::vector<Events::Event>& Events::All() {
  static const std::vector<Event> all = {
      {"subscriber killed", &Events::KillSubscriber},
      {"data connections killed", &Events::KillDataConnections},
      {"all connections cut", &Events::CutAll},
      {"all connections half-open", &Events::HalfOpenAll},
      {"subscriber half-open", &Events::HalfOpenSubscriber},
      {"Redis stopped", &Events::StopRedis},
      {"Redis restarted", &Events::RestartRedis},
      {"Redis restarted unseen", &Events::RestartUnseen},
      {"flushed", &Events::Flush},
      {"demoted and promoted", &Events::DemoteAndPromote},
      {"failover", &Events::FailOver},
      {"failover behind the address", &Events::FailOverBehindAddress},
      {"replica with a cut link", &Events::CutReplicasLink},
      {"address of new connections moved", &Events::MoveNewConnections},
      {"name re-pointed", &Events::RepointName},
      {"fetch hangs across a loss", &Events::HangAcrossLoss},
      {"answer comes late", &Events::AnswerLate},
  };
  return all;
}

std::vector<std::string> Events::Names() {
  std::vector<std::string> names;
  for (const Event& event : All()) names.emplace_back(event.name);
  return names;
}

Events::Events(World* world, const StaleCheckOptions& options)
    : world_(world), max_stale_(options.max_stale), random_(options.seed) {
  for (const Event& event : All()) {
    if (!options.events.empty() && std::find(options.events.begin(), options.events.end(),
                                             event.name) == options.events.end()) {
      continue;
    }
    if (event.happen == &Events::RepointName && !world_->address.has_name()) {
      left_out_ = event.name + (" (" + world_->address.why_no_name() + ")");
      continue;
    }
    chosen_.push_back(event);
  }
}

void Events::Run(TimePoint until, const std::function<bool()>& enough) {
  const auto over = [&] { return Now() >= until || enough(); };
  while (!over()) {
    if (chosen_.empty()) Hold();
    std::shuffle(chosen_.begin(), chosen_.end(), random_);
    for (const Event& event : chosen_) {
      // Mostly one thing upon the other; but what is cached in error shows only if it may grow old,
      // and whatever breaks empties the cache.
      random_() % 3 == 0 ? Wait(2, 5) : Wait(0, 1);
      if (over()) break;
      const TimePoint start = Now();
      (this->*event.happen)();
      ++counts_[event.name];
      world_->history.Add({.op = "event", .key = event.name, .start = start, .end = Now()});
    }
  }
}

Duration Events::Draw(double from, double to) {
  const double factor = std::uniform_real_distribution<double>(from, to)(random_);
  return std::chrono::duration_cast<Duration>(factor * max_stale_);
}

void Events::Wait(double from, double to) { std::this_thread::sleep_for(Draw(from, to)); }

void Events::KillSubscriber() {
  Kill(&world_->servers.master(), Clients::kTracking);
  Kill(&world_->servers.other(), Clients::kTracking);
}

void Events::KillDataConnections() { Kill(&world_->servers.master(), Clients::kData); }

void Events::CutAll() { world_->address.relay().DropAll(); }

void Events::HalfOpenAll() {
  world_->address.relay().Freeze();
  Hold();
  world_->address.relay().Thaw();
}

void Events::HalfOpenSubscriber() {
  world_->address.relay().FreezeSubscribers();
  HoldLong();
  world_->address.relay().Thaw();
}

void Events::StopRedis() {
  world_->servers.master().Freeze();
  Hold();
  world_->servers.master().Thaw();
}

void Events::RestartRedis() { Restart(); }

void Events::RestartUnseen() {
  world_->address.relay().Freeze();
  Wait(0, 0.5);
  Restart();
  Hold();
  world_->address.relay().Thaw();
}

void Events::Restart() {
  RedisServer& redis = world_->servers.master();
  const TimePoint start = Now();
  world_->oracle.BeginWipe(start);
  redis.Kill();
  world_->oracle.EndWipe(true, Now());
  world_->history.Add({.op = "wipe", .start = start, .end = Now(), .outcome = "ok"});
  redis.Restart();
}

void Events::Flush() {
  const TimePoint start = Now();
  world_->oracle.BeginWipe(start);
  const bool flushed = world_->servers.master().Command({"FLUSHALL"}) == "OK";
  world_->oracle.EndWipe(flushed, Now());
  world_->history.Add({.op = "wipe",
                       .start = start,
                       .end = Now(),
                       .protocol = "redis",
                       .outcome = flushed ? "ok" : "unknown"});
}

// Nobody is master meanwhile, and no write succeeds.
void Events::DemoteAndPromote() {
  RedisServer& redis = world_->servers.master();
  redis.Command({"REPLICAOF", "127.0.0.1", "1"});
  Hold();
  redis.Command({"REPLICAOF", "NO", "ONE"});
}

// The address moves with the role. The old master is not read any more: it follows, so that the
// connections to it say so, or they are cut.
void Events::FailOver() {
  const bool follows = TossCoin();
  const auto fate = follows ? ServerPair::Fate::kReplica : ServerPair::Fate::kMasterInName;
  if (!world_->servers.Promote(fate, [] {})) return;
  world_->address.relay().TurnTo(world_->servers.master().port());
  if (!follows || TossCoin()) world_->address.relay().DropAll();
  Hold();
  if (!follows) world_->servers.Follow();
}

// The address stays with the old master, which hears nothing of the writes at the new one; later it
// takes over again.
void Events::FailOverBehindAddress() {
  Takeovers& takeovers = world_->takeovers;
  ServerPair& servers = world_->servers;
  if (!servers.Promote(ServerPair::Fate::kLostReplica, [&] { takeovers.BeginReplica(Now()); })) {
    return;
  }
  HoldLong();
  servers.Follow();
  Wait(0, 1);
  if (!servers.Promote(ServerPair::Fate::kReplica, [] {})) {
    world_->address.relay().TurnTo(servers.master().port());
    world_->address.relay().DropAll();
  }
  takeovers.EndReplica(Now() + world_->bound);
}

// The address leads to a replica that answers everything, and hears nothing of its master.
void Events::CutReplicasLink() {
  Relay& relay = world_->address.relay();
  world_->servers.CutLink();
  Wait(0, 1);
  world_->takeovers.BeginReplica(Now());
  relay.TurnTo(world_->servers.other().port());
  relay.DropAll();
  HoldLong();
  relay.TurnTo(world_->servers.master().port());
  relay.DropAll();
  world_->takeovers.EndReplica(Now() + world_->bound);
  world_->servers.MendLink();
}

void Events::MoveNewConnections() {
  TimePoint moved;
  if (!world_->servers.Promote(ServerPair::Fate::kMasterInName, [&] {
        moved = Now();
        world_->takeovers.OnMove(moved);
        world_->address.relay().TurnTo(world_->servers.other().port());
      })) {
    return;
  }
  OutliveMove(moved);
}

void Events::RepointName() {
  Relay& old_relay = world_->address.relay();
  TimePoint moved;
  if (!world_->servers.Promote(ServerPair::Fate::kMasterInName, [&] {
        moved = Now();
        world_->takeovers.OnMove(moved);
        world_->address.Repoint(world_->servers.other().port());
      })) {
    return;
  }
  OutliveMove(moved);
  old_relay.DropAll();
}

void Events::OutliveMove(TimePoint moved) {
  if (TossCoin()) {
    Wait(1, 4);
    Kill(&world_->servers.other(), Clients::kData);
  }
  std::this_thread::sleep_until(moved + kSecondBound);
  HoldLong();
  world_->servers.Follow();
}

void Events::HangAcrossLoss() {
  for (int i = 0; i < kHangingTries; ++i) {
    if (AskAcrossLoss() != Answered::kNo) return;
  }
  ++hung_;
}

// A fetch whose reply hangs is under way when the reports are lost. Who asks for its key after the
// loss must not wait for it, and so has its answer before whoever has waited since before. On a
// busy machine that may fail for once.
Events::Answered Events::AskAcrossLoss() {
  Relay& relay = world_->address.relay();
  HttpClient client(world_->proxy.port());
  const std::string key = NewKey();
  const std::string other_key = NewKey();
  // What broke before is mended.
  if (!Eventually([&] { return client.Get(other_key).IsHit(); })) return Answered::kUnknown;
  relay.HoldRepliesTo(key);
  std::atomic<bool> first_ended = false;
  std::thread first([&] {
    HttpClient(world_->proxy.port()).Get(key);
    first_ended = true;
  });
  Answered answered = Answered::kUnknown;
  if (Eventually([&] { return relay.IsHolding(); }, max_stale_)) {
    // A new one is held before its tracking begins, so that the loss lasts.
    relay.FreezeSubscribers();
    relay.DropSubscribers();
    const bool lost = Eventually(
        [&] {
          const HttpResponse response = client.Get(other_key);
          return response.status == 404 && !response.IsHit() && !response.IsMiss();
        },
        max_stale_);
    if (lost && !first_ended) {
      client.Get(key);
      answered = first_ended ? Answered::kNo : Answered::kYes;
    }
  }
  relay.Thaw();
  first.join();
  return answered;
}

// A request waits on its way to Redis, and what a write makes of its key meanwhile is cached. The
// next write is not reported yet when the request arrives and brings its value. Nobody may get the
// one before after that.
void Events::AnswerLate() {
  Relay& relay = world_->address.relay();
  RedisServer& redis = world_->servers.master();
  HttpClient client(world_->proxy.port());
  const std::string key = NewKey();
  const std::string mark = NewKey();
  if (!Eventually([&] { return client.Get(mark).IsHit(); })) return;
  relay.HoldRequest(key);
  std::string late;
  std::thread first([&] { late = HttpClient(world_->proxy.port()).Get(key).body; });
  if (Eventually([&] { return relay.IsHolding(); }, max_stale_)) {
    redis.Command({"SET", key, "1"});
    redis.Command({"SET", mark, "1"});
    // Then the report of the write before has come too, and nobody joins the request that waits.
    static_cast<void>(Eventually([&] { return client.Get(mark).body == "1"; }, max_stale_));
    static_cast<void>(Eventually([&] { return client.Get(key).IsHit(); }, max_stale_));
    relay.FreezeSubscribers();
    redis.Command({"SET", key, "2"});
  }
  relay.Release();
  first.join();
  if (late == "2" && client.Get(key).body == "1") ++backwards_;
  relay.Thaw();
  redis.Command({"DEL", key, mark});
}

// It is part of no other name.
std::string Events::NewKey() { return "own" + std::to_string(++own_keys_) + "x"; }

void Events::Kill(RedisServer* server, Clients clients) {
  std::istringstream lines(server->Command({"CLIENT", "LIST"}));
  for (std::string line; std::getline(lines, line);) {
    const std::string flags = Field(line, "flags");
    const bool tracks = flags.find('t') != std::string::npos;
    const bool is_data = flags == "N" && !Field(line, "cmd").starts_with("client");
    if (clients == Clients::kTracking ? tracks : is_data) {
      server->Command({"CLIENT", "KILL", "ID", Field(line, "id")});
    }
  }
}

}  // namespace rp::integration
