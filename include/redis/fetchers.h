// Sends fetches to Redis: a pool of threads with a connection each, behind a bounded queue. Hides
// connections, pipelining, reconnecting, retries and every failure of Redis. Each fetch that was
// submitted gets exactly one outcome, whatever happens. Fetches overtake each other.
//
// When a connection is lost, a GET on it is sent again, because that is harmless. A command that
// may write is never sent again once Redis may have got it: it fails, and the outcome says that the
// command may have been carried out.
//
// Each fetcher thread owns at most one connection. It takes all that waits, up to 32 fetches,
// without waiting for more, and sends it in one write; a large fetch is sent by itself.
// FetchSchedule decides when a fetcher connects, which fetches it takes and which are sent again;
// this class has the threads, the lock and the connections.
//
// One more thread, the deadline thread, sleeps unless fetches wait that no fetcher can take. It
// fails those whose deadline has passed, and all of them while the circuit is open. So a fetch ends
// in time however long the fetchers hang, even in resolving a name.
//
// Owner: the server.
// Thread safety: any thread, but Start, Stop and the destructor are for the owner alone.
// Cost: Submit is O(1) per fetch, wakes at most one thread, allocates nothing and waits for nothing
// but the queue's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "redis/batch.h"
#include "redis/connection.h"
#include "redis/current_server.h"
#include "redis/endpoint.h"
#include "redis/fetch.h"
#include "redis/fetch_queue.h"
#include "redis/fetch_schedule.h"
#include "redis/interrupt.h"
#include "redis/renewal.h"
#include "redis/server_version.h"
#include "redis/status_log.h"

namespace rp::redis {

struct Options {
  Endpoint endpoint;
  int database = 0;
  std::string username;  // empty: the default user
  std::string password;
  int connections = 4;
  int ops_limit = 128;                         // fetches sent and unanswered, over all connections
  Duration timeout = std::chrono::seconds(1);  // to connect, and for the replies to one batch
  size_t max_pending = 16384;                  // fetches that wait to be sent
  // The largest reply to a command: Redis's own limit for one string, and some framing. A larger
  // reply fails.
  size_t max_reply_bytes = (size_t{512} << 20) + (64 << 10);
  // Is told that all connections are outdated when Redis's answers say that another server may have
  // its name (redis/renewal.h). A connection that is outdated is closed before its next use. Null:
  // the fetchers have one of their own.
  CurrentServer* server = nullptr;
  // Whether each connection asks which server it leads to, and reports that to `server`. It reports
  // its address in any case.
  bool asks_identity = false;
  // Is told the version of Redis by each connection that is made. May be null.
  ServerVersion* version = nullptr;
};

class Fetchers {
 public:
  // Starts min(connections, ops_limit) fetchers, one of which tries to connect at once. Does not
  // wait for the outcome, which is logged. `sink` must outlive the fetchers. REQUIRES: connections
  // >= 1, ops_limit >= 1, timeout > 0.
  static std::unique_ptr<Fetchers> Start(Options options, FetchSink* sink);

  ~Fetchers();  // calls Stop
  Fetchers(const Fetchers&) = delete;
  Fetchers& operator=(const Fetchers&) = delete;

  // Queues `*fetches`; those that do not fit (queue full, or stopped) stay in it. With
  // Blocking::kNo, returns false and does nothing if the queue is locked. REQUIRES: key or command,
  // and deadline, are set.
  [[nodiscard]] bool Submit(FetchQueue* fetches, Blocking blocking) RP_EXCLUDES(mutex_);
  // Queues one fetch. Returns false if it does not fit.
  [[nodiscard]] bool Submit(Fetch* fetch) RP_EXCLUDES(mutex_);

  // Fails all fetches, waiting and under way, with kStopping, and returns when the last OnFetched
  // has returned. Does not wait for Redis; only the resolving of a name can delay it. Idempotent.
  void Stop() RP_EXCLUDES(mutex_);

 private:
  struct Link;

  Fetchers(Options options, FetchSink* sink);

  void RunFetcher(size_t share) noexcept;
  void RunDeadlines() noexcept;

  bool Connect(Link* link) RP_EXCLUDES(mutex_);
  bool AwaitTurn() RP_EXCLUDES(mutex_);
  void OnConnected(bool is_another_server) RP_EXCLUDES(mutex_);
  void OnConnectFailed(const Error& error) RP_EXCLUDES(mutex_);
  bool Serve(Link* link, size_t share) RP_EXCLUDES(mutex_);
  bool TakeBatch(size_t share, TimePoint until, Link* link, Batch* batch) RP_EXCLUDES(mutex_);
  void Exchange(Link* link, Batch* batch) RP_EXCLUDES(mutex_);
  void Lose(Link* link, Batch* batch, const Error& error, FetchSchedule::Loss loss)
      RP_EXCLUDES(mutex_);
  void OnTrouble(const Error& error) RP_EXCLUDES(mutex_);
  void Wake(const FetchSchedule::Wakes& wakes);
  void Fail(FetchQueue fetches, const Error& error, bool maybe_sent = false);

  const Options options_;
  const FetchLimits limits_;
  const ConnectOptions target_;
  FetchSink* const sink_;
  Interrupt interrupt_;  // raised by Stop

  StatusLog log_;
  CurrentServer own_server_;
  CurrentServer* const server_;

  Mutex mutex_;
  CondVar idle_condition_;    // connected fetchers wait for fetches
  CondVar parked_condition_;  // the others wait for their turn to connect
  CondVar deadline_condition_;
  FetchSchedule schedule_ RP_GUARDED_BY(mutex_);
  Renewal renewal_ RP_GUARDED_BY(mutex_);

  std::vector<std::thread> threads_;
};

}  // namespace rp::redis
