// SimulatedFetchers: plays redis::Fetchers, whose threads and sockets cannot be simulated: a few
// connections that send GET and PTTL in batches. As there, a connection of an older generation is
// closed before its next use, and what a lost connection left unanswered is sent again.
//
// Owner: the simulated proxy. Thread safety: one thread at a time. Cost: a few events per batch.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "redis/current_server.h"
#include "redis/fetch_queue.h"
#include "redis/renewal.h"
#include "test/simulation/deployment.h"
#include "test/simulation/judge.h"
#include "test/simulation/world.h"

namespace rp::simulation {

class SimulatedFetchers {
 public:
  SimulatedFetchers(World* world, Network* network, Deployment* deployment, Judge* judge,
                    redis::CurrentServer* server, redis::FetchSink* sink);

  // Takes all fetches.
  void Submit(redis::FetchQueue* fetches);
  // Fails all that wait or are under way.
  void Stop();

 private:
  enum class State : uint8_t { kUnconnected, kConnecting, kIdle, kBusy };
  struct Batch {
    std::vector<redis::Fetch*> fetches;  // null once answered
    TimePoint sent_at;
    uint64_t sent_step = 0;
  };
  struct Fetcher {
    State state = State::kUnconnected;
    LinkRef link;
    redis::ServerIdentity identity;
    uint64_t generation = 0;
    uint64_t begun_step = 0;  // of the connection
    uint64_t batches = 0;     // so far: events of an earlier one do nothing
    unsigned failures = 0;
    TimePoint paused_until;  // the thread
    bool is_lost = false;
    Batch batch;
  };

  void WakeOne();
  void Connect(Fetcher* fetcher);
  void OnConnected(Fetcher* fetcher, uint64_t since, std::optional<Deployment::Connected> made);
  void Serve(Fetcher* fetcher);
  void Send(Fetcher* fetcher);
  void Ask(Fetcher* fetcher, size_t index);
  void OnReply(Fetcher* fetcher, size_t index, size_t number, int64_t ttl_ms, ErrorCode error);
  void OnLost(Fetcher* fetcher);
  void Lose(Fetcher* fetcher, bool counts);
  void WatchDeadlines(Fetcher* fetcher, uint64_t batch);
  void WatchQueue();
  void Fail(redis::Fetch* fetch, ErrorCode code);
  // Runs `action` now, or after a pause of the thread.
  void AfterPause(std::function<void()> action);

  World* const world_;
  Network* const network_;
  Deployment* const deployment_;
  Judge* const judge_;
  redis::CurrentServer* const server_;
  redis::FetchSink* const sink_;
  redis::Renewal renewal_;
  std::vector<std::unique_ptr<Fetcher>> fetchers_;
  std::deque<redis::Fetch*> waiting_;
  std::map<redis::Fetch*, unsigned> failures_;  // of a fetch
  bool is_queue_watched_ = false;
};

}  // namespace rp::simulation
