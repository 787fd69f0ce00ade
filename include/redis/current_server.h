// CurrentServer: which server the connections to Redis lead to. All of them must lead to the same
// one, or values of two servers would be mixed: an address, a name or the path of a socket can
// begin to lead new connections to another server while the old ones live on.
//
// The newest connection decides. Each connection is reported when it has been made and before it is
// used. If it leads to another server than the one before, all older connections are outdated: each
// has the number of its generation, and its owner gives it up before its next use.
//
// Owner: the server.
// Thread safety: any thread. `on_moved` and the actions run under the lock, so they must not wait.
// Cost: O(1) per connection; generation() is one load.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/time.h"
#include "redis/server_identity.h"

namespace rp::redis {

class CurrentServer {
 public:
  // `name` is the endpoint as text, for the log. `on_moved` is called each time that all
  // connections become outdated, before any newer one is used; it may be empty.
  explicit CurrentServer(std::string name, std::function<void(TimePoint now)> on_moved = nullptr);

  // Returns the present generation. Read it before a connection is made.
  [[nodiscard]] uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // Returns false if another server than this one (ServerIdentity::id) is the current one.
  [[nodiscard]] bool MayBe(uint64_t server) const {
    const uint64_t current = current_id_.load(std::memory_order_acquire);
    return current == 0 || current == server;
  }

  // A connection has been made to `server` at the address `address` (Connection::address_id), and
  // generation() was `since` before. Of a server that is kUnknown only the address is noted.
  // Returns its generation, which is outdated already if all connections have become outdated
  // meanwhile.
  [[nodiscard]] uint64_t OnConnected(const ServerIdentity& server, uint64_t address, uint64_t since,
                                     TimePoint now) RP_EXCLUDES(mutex_);

  // Makes all connections outdated: the address may lead to another server now.
  void Outdate(TimePoint now) RP_EXCLUDES(mutex_);

  // Runs `action` and returns true, unless `generation` is outdated. The generation does not end
  // while the action runs.
  template <typename Action>
  bool RunIf(uint64_t generation, Action action) RP_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    if (generation != generation_.load(std::memory_order_relaxed)) return false;
    action();
    return true;
  }

  // Runs `action` while the generation cannot end.
  template <typename Action>
  void Run(Action action) RP_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    action();
  }

  // Returns the addresses at which connections of this generation were made.
  [[nodiscard]] std::vector<uint64_t> addresses() const RP_EXCLUDES(mutex_);

 private:
  void OutdateLocked(TimePoint now) RP_REQUIRES(mutex_);

  const std::string name_;
  const std::function<void(TimePoint now)> on_moved_;
  // Written under the lock:
  std::atomic<uint64_t> generation_ = 0;
  std::atomic<uint64_t> current_id_ = 0;  // of server_
  mutable Mutex mutex_;
  ServerIdentity server_ RP_GUARDED_BY(mutex_);  // kUnknown before the first connection
  std::vector<uint64_t> addresses_ RP_GUARDED_BY(mutex_);
  LogLimiter moved_limiter_{std::chrono::seconds(10)};
};

}  // namespace rp::redis
