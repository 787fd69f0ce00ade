// ModelRedis: one Redis server. It has a few keys with versions instead of values, and works in
// turns as Redis does: it carries out what has arrived on all connections, then sends the replies,
// and behind these the reports of what was written in the turn. So a PONG overtakes the report of a
// write that was carried out before the PING.
//
//   role      event                                            next role
//   kMaster   DemoteTo: it follows another server, or none     kReplica
//   kReplica  Promote                                          kMaster
//
// A lineage is a sequence of writes. A server that becomes a master without having all writes of
// the one before, or beside one that goes on, begins another lineage.
//
// Owner: the deployment. Thread safety: one thread at a time. Cost: one event per turn.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/entry.h"
#include "redis/fetch.h"
#include "test/simulation/simulated_network.h"
#include "test/simulation/world.h"

namespace rp::simulation {

// What a key was from some time on. An expired key that a replica has not been told to delete is
// found missing, with the version of its value.
struct Record {
  uint64_t version = 0;
  cache::Kind kind = cache::Kind::kMissing;
  TimePoint from = TimePoint::min();
  TimePoint expires_at = kNever;
};

// Returns until when the key was what `found`, the result of a Get, says, if it was in turn what
// `history` says: kNever if it still is, and TimePoint::min() if it never was.
[[nodiscard]] TimePoint EndIn(const std::vector<Record>& history, const Record& found);

class ModelRedis {
 public:
  enum class Role : uint8_t { kMaster, kReplica };
  enum class State : uint8_t { kUp, kLoading, kDown };

  // `next_version` gives each write its number. `on_change` is told of each write of a
  // master, and of what a replica has lost.
  ModelRedis(World* world, Network* network, int id, std::function<uint64_t()> next_version,
             std::function<void(size_t key, const Record& record)> on_change);

  [[nodiscard]] int id() const { return id_; }
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool IsMaster() const { return role_ == Role::kMaster && state_ != State::kDown; }
  [[nodiscard]] uint64_t run_id() const { return run_id_; }
  [[nodiscard]] uint64_t lineage() const { return lineage_; }
  [[nodiscard]] uint64_t last_version() const { return log_.empty() ? 0 : log_.back().version; }
  [[nodiscard]] Record Current(size_t key) const { return histories_[key].back(); }
  [[nodiscard]] TimePoint EndOf(size_t key, const Record& found) const {
    return EndIn(histories_[key], found);
  }

  // --- What a connection does. Commands run in a later turn. ---

  // `link` may be null, for one whose replies nobody waits for.
  void Submit(const LinkRef& link, std::function<void()> command);
  // The reply of the command that runs.
  void Reply(const LinkRef& link, std::function<void()> arrive);
  // Returns what GET finds, and deletes an expired key as Redis does.
  [[nodiscard]] Record Get(size_t key);
  [[nodiscard]] int64_t Pttl(size_t key);
  // Sets the key, or deletes it (kMissing). Does nothing on a replica.
  void Write(size_t key, cache::Kind kind, TimePoint expires_at);
  void FlushAll();
  // Bytes of the tracking connection have arrived.
  void OnBytes(const LinkRef& link, std::string_view bytes);

  // --- What an operator or a fault does ---

  void DemoteTo(ModelRedis* master);  // null: a host that does not answer
  void Promote(const ModelRedis& last_master);
  void Pause(Duration time);
  void Crash();
  // Comes up as another process, perhaps without its data.
  void Restart(bool loses_data);
  void SetLoaded() { state_ = state_ == State::kLoading ? State::kUp : state_; }
  void SetClusterState(bool is_ok) { is_cluster_ok_ = is_ok; }
  [[nodiscard]] bool is_cluster_ok() const { return is_cluster_ok_; }
  // Takes over some of its master's writes, unless the link between them is cut.
  void Replicate();
  void CutReplication(bool is_cut) { is_link_cut_ = is_cut; }

 private:
  struct Written {
    size_t key;
    uint64_t version;
    Record record;
  };
  struct Command {
    LinkRef link;
    std::function<void()> run;
  };
  struct Output {
    LinkRef link;
    std::function<void()> arrive;
  };
  struct Tracker {
    LinkRef link;
    std::string input;
    bool is_on = false;
    std::vector<std::string> prefixes;
  };

  void BeginTurn();
  void RunInbox();
  void EndTurn();
  void Apply(size_t key, const Record& record);
  void RunCommand(const LinkRef& link, const std::vector<std::string>& words);
  [[nodiscard]] std::string HelloReply() const;
  void ReplyBytes(const LinkRef& link, std::string text);
  void SendReports(const Tracker& tracker);
  void SendFlushReports();
  void FullSync();

  World* const world_;
  Network* const network_;
  const int id_;
  const std::function<uint64_t()> next_version_;
  const std::function<void(size_t key, const Record& record)> on_change_;
  Role role_ = Role::kMaster;
  State state_ = State::kUp;
  uint64_t process_ = 0;  // counts the restarts: events of a former process do nothing
  uint64_t run_id_ = 0;
  uint64_t lineage_ = 0;
  bool is_cluster_ok_ = true;
  std::vector<std::vector<Record>> histories_;  // by key
  std::vector<Written> log_;

  ModelRedis* master_ = nullptr;
  bool is_link_cut_ = false;
  bool is_synced_ = false;
  uint64_t sync_ = 0;      // counts the changes of these: what was under way before is dropped
  size_t replicated_ = 0;  // writes of the master's log

  TimePoint paused_until_;
  bool is_turn_due_ = false;
  std::vector<Command> inbox_;
  std::vector<Output> outputs_;   // of this turn
  std::vector<size_t> modified_;  // keys, in this turn
  std::vector<Tracker> trackers_;
};

}  // namespace rp::simulation
