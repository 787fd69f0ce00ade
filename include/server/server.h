// Server: the wiring. It makes all parts of the program, connects them, and starts and ends their
// threads.
//
// Parts are members, and a part comes after those that it borrows. Callbacks that a part gets may
// use a later part, because no thread calls them before all parts are made. The end goes in the
// reverse order: first the reactors (Run), then the workers, then the watch, the subscriber and the
// fetchers.
//
// Owner: main. Thread safety: main's thread, which becomes the first reactor and has the signals
// and the timer of the sweep. Cost: none while the server runs.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "cache/cache.h"
#include "config/options.h"
#include "core/client_count.h"
#include "core/reactor.h"
#include "core/worker_pool.h"
#include "proxy/coherence.h"
#include "proxy/forwarder.h"
#include "proxy/read_through.h"
#include "proxy/router.h"
#include "redis/address_watch.h"
#include "redis/current_server.h"
#include "redis/fetchers.h"
#include "redis/server_version.h"
#include "redis/subscriber.h"
#include "server/stop_signals.h"
#include "server/sweeper.h"

namespace rp::server {

class Server {
 public:
  // Listens and starts the threads. Serves fewer clients than -max-clients if there are too few
  // file descriptors. The error says in one line what failed. REQUIRES: the signals of
  // net::Signals::Mask are blocked, SIGPIPE is ignored.
  [[nodiscard]] static Result<std::unique_ptr<Server>> Create(const config::Options& wanted);
  ~Server();

  // Serves until SIGTERM, SIGINT or SIGQUIT, and then until all that is in flight is answered.
  void Run();

 private:
  Server(const config::Options& options, size_t max_refused);

  [[nodiscard]] std::unique_ptr<proxy::Coherence> MakeCoherence(const config::Options& options);
  [[nodiscard]] std::unique_ptr<proxy::Verifier> MakeVerifier(const config::Options& options);
  [[nodiscard]] proxy::SubmitFetches SubmitToFetchers();
  [[nodiscard]] std::vector<std::unique_ptr<core::Reactor>> MakeReactors(
      const config::Options& options);
  [[nodiscard]] Result<void> StartThreads(const config::Options& options);
  [[nodiscard]] Result<void> StartFollowing(const config::Options& options);
  void StartWatch(const config::Options& options);
  void StartReactors();
  void JoinReactors();
  void Stop();

  class View;  // tells the sessions of the Redis protocol about the server

  const TimePoint started_ = Now();
  const Hasher hasher_;
  cache::Cache cache_;
  redis::CurrentServer redis_server_;
  std::unique_ptr<proxy::Coherence> coherence_;  // null without -coherent
  std::unique_ptr<proxy::Verifier> verifier_;    // null without -verify
  proxy::ReadThrough read_through_;
  proxy::Forwarder forwarder_;
  proxy::Router router_;
  redis::ServerVersion redis_version_;
  std::unique_ptr<redis::Fetchers> fetchers_;
  std::unique_ptr<redis::Subscriber> subscriber_;  // null without -coherent
  std::unique_ptr<redis::AddressWatch> watch_;     // null if nothing can move unnoticed
  core::WorkerPool workers_;
  core::ClientCount clients_;
  const std::unique_ptr<View> view_;
  const std::vector<std::unique_ptr<core::Reactor>>
      reactors_;                              // one at least; Run's thread is the first
  std::vector<std::thread> reactor_threads_;  // of the others
  Sweeper sweeper_;
  StopSignals signals_;
};

}  // namespace rp::server
