#include "test/simulation/simulated_proxy.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace rp::simulation {

using proxy::ReadThrough;
using std::chrono::milliseconds;

// --- SpySink ---

void SpySink::OnLive(uint64_t server, uint64_t generation, TimePoint lease) {
  world_->Trace("live: generation %llu", static_cast<unsigned long long>(generation));
  sink_->OnLive(server, generation, lease);
  live_generation_ = generation;
  if (generation != server_->generation()) return;  // then no epoch has begun
  judge_->OnEpochEnded();
  judge_->OnFlushed();
  judge_->OnLive(server);
}

void SpySink::OnLease(TimePoint lease) {
  const Duration left = lease - world_->now();
  if (left < world_->plan.max_stale / 2) {
    world_->Trace("a lease for another %.6f s only", std::chrono::duration<double>(left).count());
  }
  sink_->OnLease(lease);
}

void SpySink::OnInvalidated(std::string_view key) {
  world_->Trace("report: %.*s", static_cast<int>(key.size()), key.data());
  sink_->OnInvalidated(key);
}

void SpySink::OnFlush() {
  world_->Trace("report: all keys");
  sink_->OnFlush();
  judge_->OnEpochEnded();
  judge_->OnFlushed();
}

void SpySink::OnLost(const Error& reason, TimePoint now) {
  sink_->OnLost(reason, now);
  // A move has ended it before.
  if (live_generation_ == server_->generation()) judge_->OnEpochEnded();
}

// --- SimulatedProxy ---

SimulatedProxy::SimulatedProxy(World* world, Network* network, Deployment* deployment, Judge* judge)
    : world_(world),
      judge_(judge),
      hasher_({world->random.Bits(), world->random.Bits()}),
      cache_({.capacity = world->plan.capacity,
              .expire = world->plan.expire,
              .stale = world->plan.stale,
              .coherent = true}),
      server_("redis",
              [this](TimePoint now) {
                world_->Trace("moved: all connections are outdated");
                coherence_.OnMoved(now);
                judge_->OnEpochEnded();
                judge_->OnFlushed();
                judge_->OnMoved();
              }),
      coherence_({.or_by_time = false,
                  .max_stale = world->plan.max_stale,
                  .prefixes = world->plan.prefixes},
                 hasher_, &server_, &cache_,
                 [this] {
                   ScheduleSweep(world_->now() +
                                 world_->random.Wait(Duration::zero(), world_->plan.sweep));
                 }),
      spy_(world, judge, &server_, &coherence_),
      read_through_(
          {.max_age = world->plan.max_age}, hasher_, &cache_, &coherence_,
          [this](redis::FetchQueue* fetches, Blocking) {
            fetchers_.Submit(fetches);
            return true;
          },
          [this](TimePoint deadline) { ScheduleSweep(deadline); }, [] {}),
      fetchers_(world, network, deployment, judge, &server_, &read_through_),
      subscriber_(world, network, deployment, judge, &server_, &spy_) {}

// A run may end while fetches are under way.
SimulatedProxy::~SimulatedProxy() {
  RP_CHECK(read_through_.Submit(&collected_, Blocking::kYes));
  fetchers_.Stop();
}

void SimulatedProxy::Start() {
  subscriber_.Start();
  for (int i = 0; i < world_->plan.readers; ++i) {
    Read(clients_.emplace_back(std::make_unique<Client>()).get());
  }
  if (world_->random.Chance(0.2)) ShrinkSometimes();
}

// Asks for one key after another.
void SimulatedProxy::Read(Client* client) {
  const Duration mean = world_->plan.read_interval;
  const Duration wait =
      world_->random.Chance(0.2) ? Duration::zero() : world_->random.Wait(mean / 10, 2 * mean);
  world_->scheduler.After(wait, [this, client] {
    if (!is_reading_) return;
    if (client->state == Client::State::kIdle) {
      AskAs(client, world_->random.Index(world_->plan.keys.size()));
    }
    Read(client);
  });
}

void SimulatedProxy::Ask(size_t key) {
  for (const auto& client : clients_) {
    if (client->state == Client::State::kIdle) return AskAs(client.get(), key);
  }
}

void SimulatedProxy::AskAs(Client* client, size_t key) {
  client->arrival = judge_->OnAsked(key);
  client->state = Client::State::kWaiting;
  client->home = this;
  client->question.key = world_->plan.keys[key];
  client->answer.Clear();
  client->deadline = world_->now() + world_->plan.timeout;
  const uint64_t number = ++client->number;
  if (read_through_.TryHit(client, world_->now())) return Answer(client);
  world_->scheduler.At(client->deadline, [this, client, number] { OnDeadline(client, number); });
  if (world_->random.Chance(0.05)) {
    world_->scheduler.After(world_->random.Wait(Duration::zero(), world_->plan.timeout),
                            [this, client, number] { OnLeave(client, number); });
  }
  if (world_->random.Chance(0.8)) return StartAs(client, Blocking::kNo);
  // By a worker, which may come a little later.
  world_->scheduler.After(world_->random.MostlyShort(milliseconds(20)),
                          [this, client] { StartAs(client, Blocking::kYes); });
}

void SimulatedProxy::StartAs(Client* client, Blocking blocking) {
  const ReadThrough::Started started =
      read_through_.Start(client, world_->now(), blocking, &collected_);
  RP_CHECK(started != ReadThrough::Started::kBusy);
  if (started == ReadThrough::Started::kAnswered) Answer(client);
  if (collected_.empty() || std::exchange(is_submit_due_, true)) return;
  world_->scheduler.After(world_->random.MostlyShort(milliseconds(2)), [this] {
    is_submit_due_ = false;
    RP_CHECK(read_through_.Submit(&collected_, Blocking::kYes));
  });
}

// What Dispatcher::EndWait does.
void SimulatedProxy::OnDeadline(Client* client, uint64_t number) {
  if (client->number != number || client->state == Client::State::kIdle) return;
  if (!read_through_.TakeBack(client)) {
    // No worker has it yet.
    world_->scheduler.After(milliseconds(1),
                            [this, client, number] { OnDeadline(client, number); });
    return;
  }
  client->answer.value = read_through_.Stale(client->question.key, world_->now());
  if (client->answer.value) {
    client->answer.outcome = proxy::Outcome::kValue;
    client->answer.source = proxy::Source::kStale;
  } else {
    client->Fail(ErrorCode::kTimeout);
  }
  Answer(client);
}

void SimulatedProxy::OnLeave(Client* client, uint64_t number) {
  if (client->number != number || client->state != Client::State::kWaiting) return;
  client->state = Client::State::kLeft;
  if (read_through_.TakeBack(client)) client->state = Client::State::kIdle;
}

void SimulatedProxy::Deliver(proxy::Request* first, proxy::Request* last) {
  RP_CHECK(first == last);
  Answer(static_cast<Client*>(first));
}

void SimulatedProxy::Answer(Client* client) {
  RP_CHECK(client->state != Client::State::kIdle);  // or it was answered twice
  RP_CHECK(client->answer.outcome != proxy::Outcome::kPending);
  if (client->state == Client::State::kWaiting) {
    judge_->OnAnswered(client->arrival, client->answer, cache_.Trusted(world_->now()));
    if (world_->now() > client->deadline + milliseconds(100)) {
      judge_->OnUnanswered(client->arrival);
    }
  }
  client->answer.Clear();
  client->state = Client::State::kIdle;
}

bool SimulatedProxy::IsIdle() const {
  return std::all_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->state == Client::State::kIdle; });
}

void SimulatedProxy::CheckAllAnswered() {
  for (const auto& client : clients_) {
    if (client->state == Client::State::kWaiting) judge_->OnUnanswered(client->arrival);
  }
}

void SimulatedProxy::ScheduleSweep(TimePoint time) {
  if (time > world_->now() + std::chrono::seconds(60)) return;
  world_->scheduler.At(time, [this] {
    const TimePoint next = cache_.Sweep(world_->now(), 64);
    if (next <= world_->now()) ScheduleSweep(world_->now() + milliseconds(1));
  });
}

// As if memory were short.
void SimulatedProxy::ShrinkSometimes() {
  world_->scheduler.After(world_->random.Wait(milliseconds(20), milliseconds(1000)), [this] {
    cache_.Shrink();
    ShrinkSometimes();
  });
}

}  // namespace rp::simulation
