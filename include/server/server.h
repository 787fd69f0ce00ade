// Server: all the parts of the program and who depends on whom.
//
// Parts are members in the order in which they depend on each other, so that destruction takes them
// down the other way round: reactors stop first (Run), then the workers, then the fetchers, and
// what they still hold comes home to nobody.
//
// Owned by main. Thread safety: main's thread, which becomes the first reactor; it has the signals
// and the timer of the sweep.
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
#include "redis/fetchers.h"
#include "redis/subscriber.h"
#include "server/stop_signals.h"
#include "server/sweeper.h"

namespace rp::server {

class Server {
 public:
  // Listens and starts the threads, for fewer clients than -max-clients where file descriptors are
  // few. The error says in one line what could not be had.
  // REQUIRES: the signals of net::Signals::Mask are blocked, SIGPIPE is ignored.
  [[nodiscard]] static Result<std::unique_ptr<Server>> Create(const config::Options& wanted);
  ~Server();

  // Serves until SIGTERM, SIGINT or SIGQUIT and until what was in flight then is finished.
  void Run();

 private:
  Server(const config::Options& options, size_t most_refused);

  [[nodiscard]] std::unique_ptr<proxy::Coherence> MakeCoherence(const config::Options& options);
  [[nodiscard]] std::vector<std::unique_ptr<core::Reactor>> MakeReactors(
      const config::Options& options);
  [[nodiscard]] Result<void> StartThreads(const config::Options& options);
  [[nodiscard]] Result<void> StartFollowing(const config::Options& options);
  void StartReactors();
  void JoinReactors();
  void Stop();

  class View;  // what the sessions of the Redis protocol may ask about the server

  const TimePoint started_ = Now();
  const Hasher hasher_;
  cache::Cache cache_;
  std::unique_ptr<proxy::Coherence> coherence_;  // null without -coherent
  proxy::ReadThrough read_through_;
  proxy::Forwarder forwarder_;
  proxy::Router router_;
  std::unique_ptr<redis::Fetchers> fetchers_;
  std::unique_ptr<redis::Subscriber> subscriber_;  // null without -coherent
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
