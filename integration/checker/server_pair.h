// The two redis-servers of a check: a master, and its replica until it takes over. It hides
// replication, and keeps the writers to the master that all agree on.
//
// No write is lost when they change places: the writers wait at the gate, and the replica has all
// that they wrote before it is promoted. The replica reaches its master through a relay, so that
// its link can be cut.
//
//   other(), the replica --Promote--> the master, and the old master is of one Fate
//             ^                                             |
//             +-------------------- Follow -----------------+
//
// Owner: the checker.
// Thread safety: WriteGate and address may be called from any thread; the rest belongs to the main
// thread. Cost: two processes and a relay; a change of places takes some milliseconds.
#pragma once

#include <array>
#include <shared_mutex>
#include <string>
#include <utility>

#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"

namespace rp::integration {

class ServerPair {
 public:
  ServerPair();

  [[nodiscard]] RedisServer& master() { return servers_[master_]; }
  [[nodiscard]] RedisServer& other() { return servers_[1 - master_]; }

  // Who holds the gate may write to the server of this number: it stays the master meanwhile.
  struct Gate {
    std::shared_lock<std::shared_mutex> lock;
    size_t master;
  };
  [[nodiscard]] Gate WriteGate() {
    std::shared_lock<std::shared_mutex> lock(gate_);
    return {std::move(lock), master_};
  }
  [[nodiscard]] const std::string& address(size_t number) const {
    return servers_[number].address();
  }

  // What becomes of the old master.
  enum class Fate {
    kReplica,       // of the new one
    kLostReplica,   // of a master that does not exist
    kMasterInName,  // nobody writes to it any more
  };
  // Makes the replica the master once it has caught up; `before` is called before the writers go
  // on, and before either server changes. Returns false, and changes nothing, if it does not.
  template <typename Function>
  [[nodiscard]] bool Promote(Fate fate, Function before) {
    if (!IsLinked()) return false;
    const std::unique_lock<std::shared_mutex> closed(gate_);
    if (!CaughtUp()) return false;
    before();
    Exchange(fate);
    return true;
  }
  // Makes the other one the master's replica, whatever it was.
  void Follow();
  // Cuts the link of the replica, which notices nothing; and mends it.
  void CutLink() { link_.Freeze(); }
  void MendLink() { link_.Thaw(); }

 private:
  // Waits until the link to the master is up.
  [[nodiscard]] bool IsLinked();
  // Waits until both have the same data.
  [[nodiscard]] bool CaughtUp();
  void Exchange(Fate fate);

  std::array<RedisServer, 2> servers_;
  size_t master_ = 0;  // changed by the main thread, with the gate closed
  Relay link_;
  std::shared_mutex gate_;
};

}  // namespace rp::integration
