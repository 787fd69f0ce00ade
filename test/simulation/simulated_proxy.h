// SimulatedProxy: the real cache, read-through and coherence, with played fetchers, subscriber,
// reactor and clients around them.
//
// Owner: the simulation. Thread safety: one thread at a time. Cost: a few events per request.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "proxy/read_through.h"
#include "test/simulation/simulated_fetchers.h"
#include "test/simulation/simulated_subscriber.h"

namespace rp::simulation {

// SpySink: tells the judge what the subscriber tells Coherence.
class SpySink final : public redis::InvalidationSink {
 public:
  SpySink(World* world, Judge* judge, const redis::CurrentServer* server,
          redis::InvalidationSink* sink)
      : world_(world), judge_(judge), server_(server), sink_(sink) {}

  void OnLive(uint64_t server, uint64_t generation, TimePoint lease) override;
  void OnLease(TimePoint lease) override;
  void OnInvalidated(std::string_view key) override;
  void OnFlush() override;
  void OnLost(const Error& reason, TimePoint now) override;
  void OnUnsupported(const Error& error, TimePoint now) override {
    sink_->OnUnsupported(error, now);
  }

 private:
  World* const world_;
  Judge* const judge_;
  const redis::CurrentServer* const server_;
  redis::InvalidationSink* const sink_;
  uint64_t live_generation_ = 0;  // told by the last OnLive
};

class SimulatedProxy final : public proxy::ReplyBox {
 public:
  SimulatedProxy(World* world, Network* network, Deployment* deployment, Judge* judge);
  ~SimulatedProxy();

  void Start();
  // From now on no request is started.
  void StopReading() { is_reading_ = false; }
  // Asks for the key once.
  void Ask(size_t key);
  // Fails the run for each request that is not answered.
  void CheckAllAnswered();
  // Returns whether no request is under way.
  [[nodiscard]] bool IsIdle() const;

  void Deliver(proxy::Request* first, proxy::Request* last) override;
  void Wake() override {}

 private:
  struct Client : proxy::Request {
    Arrival arrival;
    uint64_t number = 0;
    enum class State : uint8_t { kIdle, kWaiting, kLeft } state = State::kIdle;
  };

  void Read(Client* client);
  void AskAs(Client* client, size_t key);
  void StartAs(Client* client, Blocking blocking);
  void OnDeadline(Client* client, uint64_t number);
  void OnLeave(Client* client, uint64_t number);
  void Answer(Client* client);
  void ScheduleSweep(TimePoint time);
  void ShrinkSometimes();

  World* const world_;
  Judge* const judge_;
  const Hasher hasher_;
  cache::Cache cache_;
  redis::CurrentServer server_;
  proxy::Coherence coherence_;
  SpySink spy_;
  proxy::ReadThrough read_through_;
  SimulatedFetchers fetchers_;
  SimulatedSubscriber subscriber_;
  std::vector<std::unique_ptr<Client>> clients_;
  redis::FetchQueue collected_;  // of this turn of the reactor
  bool is_submit_due_ = false;
  bool is_reading_ = true;
};

}  // namespace rp::simulation
