#include "test/simulation/model_redis.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::simulation {

using std::chrono::milliseconds;

TimePoint EndIn(const std::vector<Record>& history, const Record& found) {
  const bool is_missing = found.kind == cache::Kind::kMissing;
  for (size_t i = history.size(); i-- > 0;) {
    if (history[i].version != found.version) continue;
    // What has expired may have been deleted since.
    const bool was_value = history[i].kind != cache::Kind::kMissing;
    if (is_missing && was_value && i + 1 < history.size() &&
        history[i + 1].kind == cache::Kind::kMissing) {
      ++i;
    }
    const TimePoint next = i + 1 < history.size() ? history[i + 1].from : kNever;
    return is_missing ? next : std::min(next, found.expires_at);
  }
  return TimePoint::min();
}

ModelRedis::ModelRedis(World* world, Network* network, int id,
                       std::function<uint64_t()> next_version,
                       std::function<void(size_t key, const Record& record)> on_change)
    : world_(world),
      network_(network),
      id_(id),
      next_version_(std::move(next_version)),
      on_change_(std::move(on_change)),
      run_id_(world->random.Bits() | 1),
      lineage_(0),
      histories_(world->plan.keys.size(), {Record{}}) {}

// --- Turns ---

void ModelRedis::Submit(const LinkRef& link, std::function<void()> command) {
  if (state_ == State::kDown) return;
  inbox_.push_back({link, std::move(command)});
  if (std::exchange(is_turn_due_, true)) return;
  const TimePoint begin = std::max(
      paused_until_, world_->now() + world_->random.MostlyShort(std::chrono::microseconds(500)));
  world_->scheduler.At(begin, [this, process = process_] {
    if (process == process_) BeginTurn();
  });
}

void ModelRedis::BeginTurn() {
  if (world_->now() < paused_until_) {
    return world_->scheduler.At(paused_until_, [this, process = process_] {
      if (process == process_) BeginTurn();
    });
  }
  RunInbox();
  // It is the turns with writes that matter.
  if (!world_->Happens(world_->plan.slow_turns * (modified_.empty() ? 1 : 5))) return EndTurn();
  // What arrives during a slow command is still read in the same turn.
  const Duration slow = world_->random.Wait(milliseconds(1), 2 * world_->plan.max_stale);
  world_->Trace("redis %d: a turn of %lld ms", id_, static_cast<long long>(slow / milliseconds(1)));
  world_->scheduler.After(slow, [this, process = process_] {
    if (process != process_) return;
    RunInbox();
    EndTurn();
  });
}

// Commands of a connection keep their order.
void ModelRedis::RunInbox() {
  std::vector<Command> inbox = std::exchange(inbox_, {});
  while (!inbox.empty()) {
    size_t i = world_->random.Index(inbox.size());
    if (const Link* link = inbox[i].link.get(); link != nullptr) {
      i = 0;
      while (inbox[i].link.get() != link) ++i;
    }
    const Command command = std::move(inbox[i]);
    inbox.erase(inbox.begin() + static_cast<std::ptrdiff_t>(i));
    command.run();
  }
}

void ModelRedis::EndTurn() {
  is_turn_due_ = false;
  for (Output& output : std::exchange(outputs_, {})) {
    network_->ToProxy(output.link, std::move(output.arrive));
  }
  std::erase_if(trackers_,
                [](const Tracker& tracker) { return tracker.link->state == Link::State::kClosed; });
  for (const Tracker& tracker : trackers_) {
    if (tracker.is_on && !modified_.empty()) SendReports(tracker);
  }
  modified_.clear();
  if (!inbox_.empty()) {
    std::vector<Command> left = std::exchange(inbox_, {});
    for (Command& command : left) Submit(command.link, std::move(command.run));
  }
}

void ModelRedis::Reply(const LinkRef& link, std::function<void()> arrive) {
  outputs_.push_back({link, std::move(arrive)});
}

// --- Keys ---

void ModelRedis::Apply(size_t key, const Record& record) {
  world_->Trace("redis %d: %s = %llu%s", id_, world_->plan.keys[key].c_str(),
                static_cast<unsigned long long>(record.version),
                record.kind == cache::Kind::kMissing ? " (deleted)" : "");
  histories_[key].push_back(record);
  log_.push_back({key, record.version, record});
  if (std::find(modified_.begin(), modified_.end(), key) == modified_.end()) {
    modified_.push_back(key);
  }
  if (role_ == Role::kMaster) on_change_(key, record);
}

Record ModelRedis::Get(size_t key) {
  Record record = Current(key);
  if (record.expires_at > world_->now()) return record;
  if (role_ == Role::kMaster) {
    Apply(key,
          {.version = next_version_(), .kind = cache::Kind::kMissing, .from = record.expires_at});
    return Current(key);
  }
  record.kind = cache::Kind::kMissing;
  return record;
}

int64_t ModelRedis::Pttl(size_t key) {
  const Record record = Get(key);
  if (record.kind == cache::Kind::kMissing) return redis::kTtlGone;
  if (record.expires_at == kNever) return redis::kTtlNone;
  const auto ms = [](TimePoint time) {
    return std::chrono::floor<milliseconds>(time.time_since_epoch());
  };
  return (ms(record.expires_at) - ms(world_->now())).count();
}

void ModelRedis::Write(size_t key, cache::Kind kind, TimePoint expires_at) {
  if (role_ != Role::kMaster || state_ != State::kUp) return;
  const Record present = Get(key);
  if (kind == cache::Kind::kMissing && present.kind == kind) return;
  Apply(
      key,
      {.version = next_version_(), .kind = kind, .from = world_->now(), .expires_at = expires_at});
  if (expires_at == kNever) return;
  // Redis deletes an expired key when it comes by, or when somebody asks for it.
  const Duration late = world_->random.Wait(Duration::zero(), std::chrono::seconds(4));
  world_->scheduler.At(expires_at + late, [this, key] {
    Submit(nullptr, [this, key] { static_cast<void>(Get(key)); });
  });
}

void ModelRedis::FlushAll() {
  if (role_ != Role::kMaster || state_ != State::kUp) return;
  world_->Trace("redis %d: FLUSHALL", id_);
  for (size_t key = 0; key < histories_.size(); ++key) {
    if (Get(key).kind == cache::Kind::kMissing) continue;
    Apply(key, {.version = next_version_(), .kind = cache::Kind::kMissing, .from = world_->now()});
  }
  modified_.clear();
  SendFlushReports();
}

// --- Faults ---

void ModelRedis::DemoteTo(ModelRedis* master) {
  world_->Trace("redis %d: becomes a replica of %s", id_,
                master == nullptr ? "a dead host" : std::to_string(master->id_).c_str());
  role_ = Role::kReplica;
  master_ = master;
  is_synced_ = false;
  ++sync_;
}

void ModelRedis::Promote(const ModelRedis& last_master) {
  // One that was down while the other one was promoted lacks what that one was told.
  const bool has_rival = &last_master != this && last_master.IsMaster();
  if (role_ == Role::kMaster && !has_rival) return;
  role_ = Role::kMaster;
  master_ = nullptr;
  ++sync_;
  const bool has_all = last_version() == last_master.last_version();
  if (!has_all || has_rival) lineage_ = next_version_();
  world_->Trace("redis %d: becomes the master%s", id_, has_all ? "" : ", without some writes");
}

void ModelRedis::Pause(Duration time) {
  world_->Trace("redis %d: stops for %lld ms", id_, static_cast<long long>(time / milliseconds(1)));
  paused_until_ = std::max(paused_until_, world_->now() + time);
}

void ModelRedis::Crash() {
  world_->Trace("redis %d: ends", id_);
  state_ = State::kDown;
  ++process_;
  is_turn_due_ = false;
  inbox_.clear();
  outputs_.clear();
  modified_.clear();
  trackers_.clear();
  is_synced_ = false;
  ++sync_;
}

void ModelRedis::Restart(bool loses_data) {
  world_->Trace("redis %d: starts as another process%s", id_, loses_data ? " without data" : "");
  run_id_ = world_->random.Bits() | 1;
  state_ = world_->random.Chance(0.3) ? State::kLoading : State::kUp;
  paused_until_ = world_->now();
  if (!loses_data) return;
  lineage_ = next_version_();
  for (size_t key = 0; key < histories_.size(); ++key) {
    Apply(key, {.version = next_version_(), .kind = cache::Kind::kMissing, .from = world_->now()});
  }
  modified_.clear();
}

void ModelRedis::Replicate() {
  if (role_ != Role::kReplica || master_ == nullptr || is_link_cut_ || state_ == State::kDown ||
      !master_->IsMaster() || world_->now() < paused_until_) {
    return;
  }
  if (!is_synced_) {
    return Submit(nullptr, [this, sync = sync_] {
      if (sync == sync_) FullSync();
    });
  }
  const size_t missing = master_->log_.size() - replicated_;
  if (missing == 0 || is_turn_due_) return;
  const auto taken = static_cast<size_t>(world_->random.Number(1, static_cast<int64_t>(missing)));
  Submit(nullptr, [this, taken, sync = sync_] {
    if (sync != sync_) return;
    for (size_t i = 0; i < taken; ++i) {
      Written written = master_->log_[replicated_++];
      written.record.from = world_->now();
      Apply(written.key, written.record);
    }
  });
}

// Goes on where it was if its last write is one of the master's; else takes over all data.
void ModelRedis::FullSync() {
  is_synced_ = true;
  ++sync_;
  const bool is_same_lineage = std::exchange(lineage_, master_->lineage_) == master_->lineage_;
  replicated_ = 0;
  if (last_version() == 0) return;
  for (size_t i = master_->log_.size(); i-- > 0;) {
    if (master_->log_[i].version != last_version()) continue;
    replicated_ = i + 1;
    world_->Trace("redis %d: goes on as a replica", id_);
    return;
  }
  world_->Trace("redis %d: takes over all data of its master", id_);
  replicated_ = master_->log_.size();
  // Its last writes are lost.
  if (is_same_lineage) lineage_ = master_->lineage_ = next_version_();
  for (size_t key = 0; key < histories_.size(); ++key) {
    Record record = master_->Current(key);
    if (record.version == Current(key).version) continue;
    record.from = world_->now();
    histories_[key].push_back(record);
    on_change_(key, record);
  }
  log_ = master_->log_;
  SendFlushReports();
}

}  // namespace rp::simulation
