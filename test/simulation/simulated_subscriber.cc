#include "test/simulation/simulated_subscriber.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/back_off.h"
#include "base/check.h"

namespace rp::simulation {

using redis::ServerIdentity;
using redis::Tracking;
using std::chrono::milliseconds;
using std::chrono::seconds;

SimulatedSubscriber::SimulatedSubscriber(World* world, Network* network, Deployment* deployment,
                                         Judge* judge, redis::CurrentServer* server,
                                         redis::InvalidationSink* sink)
    : world_(world),
      network_(network),
      deployment_(deployment),
      judge_(judge),
      server_(server),
      sink_(sink) {}

void SimulatedSubscriber::Start() {
  Attempt();
  world_->scheduler.After(seconds(2), [this] { Look(); });
}

void SimulatedSubscriber::Attempt() {
  const uint64_t since = server_->generation();
  deployment_->Connect([this, since](std::optional<Deployment::Connected> made) {
    OnConnected(since, std::move(made));
  });
}

void SimulatedSubscriber::OnConnected(uint64_t since, std::optional<Deployment::Connected> made) {
  if (!made) return Retry();
  if (made->identity.kind == ServerIdentity::Kind::kUnknown) {
    Network::Close(made->link);
    return Retry();
  }
  if (made->identity.kind == ServerIdentity::Kind::kAddress) {
    server_->Outdate(world_->now());
    since = server_->generation();
  }
  generation_ = server_->OnConnected(made->identity, made->address, since, world_->now());
  world_->Trace("subscriber: connection %llu to redis %d, generation %llu",
                static_cast<unsigned long long>(made->link->id), made->link->server,
                static_cast<unsigned long long>(generation_));
  link_ = made->link;
  received_.clear();
  is_closed_ = false;
  link_->on_bytes = [this](Bytes bytes) { OnBytes(std::move(bytes)); };
  link_->on_lost = [this, attempt = attempts_] {
    is_closed_ = true;
    Wake(attempt);
  };
  tracking_.emplace(redis::TrackingOptions{.max_stale = world_->plan.max_stale,
                                           .timeout = world_->plan.timeout,
                                           .prefixes = world_->plan.prefixes,
                                           .server = made->identity.id,
                                           .generation = generation_},
                    sink_, world_->now());
  Run();
}

void SimulatedSubscriber::OnBytes(Bytes bytes) {
  received_.push_back(std::move(bytes));
  Wake(attempts_);
}

// The thread wakes, and may have to wait for the processor.
void SimulatedSubscriber::Wake(uint64_t attempt) {
  if (world_->Happens(world_->plan.pauses)) {
    paused_until_ = world_->now() + world_->random.MostlyShort(2 * world_->plan.max_stale);
  }
  world_->scheduler.At(paused_until_, [this, attempt] {
    if (attempt == attempts_ && tracking_) Run();
  });
}

// One turn of Subscriber::Follow.
void SimulatedSubscriber::Run() {
  if (Result<void> fine = Receive(); !fine) return End(fine.error());
  if (is_closed_) return End(Error{ErrorCode::kUnavailable, std::string("closed")});
  if (generation_ != server_->generation()) {
    return End(Error{ErrorCode::kStopping, std::string("outdated")});
  }
  if (Result<void> fine = tracking_->OnTime(world_->now()); !fine) return End(fine.error());
  while (!tracking_->output().empty()) {
    const std::string output(tracking_->output());
    // A write may arrive in pieces.
    const size_t taken =
        world_->random.Chance(0.1) ? world_->random.Index(output.size()) + 1 : output.size();
    tracking_->OnSent(taken);
    ModelRedis* const redis = &deployment_->server(link_->server);
    network_->ToServer(link_, [link = link_, redis, text = output.substr(0, taken)] {
      redis->OnBytes(link, text);
    });
  }
  // Later turns have a timer of their own.
  const TimePoint limit =
      std::max(tracking_->WaitLimit(), world_->now() + std::chrono::microseconds(1));
  world_->scheduler.At(limit, [this, turn = ++turns_] {
    if (turn == turns_) Wake(attempts_);
  });
}

Result<void> SimulatedSubscriber::Receive() {
  while (!received_.empty()) {
    const Bytes bytes = std::move(received_.front());
    received_.pop_front();
    const bool was_live = tracking_->state() == Tracking::State::kLive;
    const std::string_view text = bytes.text;
    const size_t first = world_->random.Chance(0.1) ? world_->random.Index(text.size()) + 1 : 0;
    for (const std::string_view part : {text.substr(0, first), text.substr(first)}) {
      if (part.empty()) continue;
      if (Result<void> fine = Take(part); !fine) return fine;
    }
    if (!was_live) continue;
    for (const Report& report : bytes.reports) judge_->OnReported(report);
  }
  return {};
}

Result<void> SimulatedSubscriber::Take(std::string_view text) {
  const std::span<char> room = tracking_->Room();
  RP_CHECK(room.size() >= text.size());
  std::memcpy(room.data(), text.data(), text.size());
  return tracking_->OnReceived(text.size(), world_->now());
}

void SimulatedSubscriber::End(const Error& reason) {
  const bool was_live = tracking_->state() == Tracking::State::kLive;
  world_->Trace("subscriber: %s ends: %s", was_live ? "the lease" : "the set-up",
                reason.message.c_str());
  if (was_live) {
    sink_->OnLost(reason, world_->now());
    if (tracking_->was_renewed()) failures_ = 0;
    unsupported_.clear();
  } else if (reason.code == ErrorCode::kReadOnly &&
             std::exchange(unsupported_, reason.message) != reason.message) {
    sink_->OnUnsupported(reason, world_->now());
  }
  tracking_.reset();
  Network::Close(std::exchange(link_, nullptr));
  Retry();
}

void SimulatedSubscriber::Retry() {
  const uint64_t attempt = ++attempts_;
  const Duration limit = BackOff::Limit(milliseconds(10), milliseconds(500), ++failures_);
  world_->scheduler.After(world_->random.Wait(limit / 2, limit), [this, attempt] {
    if (attempt == attempts_) Attempt();
  });
}

void SimulatedSubscriber::Look() {
  const uint64_t generation = server_->generation();
  const std::vector<uint64_t> in_use = server_->addresses();
  const uint64_t answer = deployment_->AddressId();
  // The answer of the resolver takes its time.
  world_->scheduler.After(world_->random.MostlyShort(milliseconds(50)), [=, this] {
    const bool is_gone = std::any_of(in_use.begin(), in_use.end(),
                                     [&](uint64_t address) { return address != answer; });
    if (is_gone && generation == server_->generation()) {
      world_->Trace("watch: the name has another address");
      server_->Outdate(world_->now());
    }
    Probe();
  });
}

void SimulatedSubscriber::Probe() {
  const uint64_t since = server_->generation();
  deployment_->Connect([this, since](std::optional<Deployment::Connected> made) {
    if (made) {
      world_->Trace("watch: redis %d answers", made->link->server);
      static_cast<void>(server_->OnConnected(made->identity, made->address, since, world_->now()));
      Network::Close(made->link);
    }
    if (!made || made->identity.kind == ServerIdentity::Kind::kUnknown) judge_->OnLookFailed();
    world_->scheduler.After(seconds(2), [this] { Look(); });
  });
}

}  // namespace rp::simulation
