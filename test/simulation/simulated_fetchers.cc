#include "test/simulation/simulated_fetchers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/back_off.h"

namespace rp::simulation {
namespace {

using redis::FetchResult;
using std::chrono::milliseconds;

constexpr unsigned kMaxRetries = 2;

}  // namespace

SimulatedFetchers::SimulatedFetchers(World* world, Network* network, Deployment* deployment,
                                     Judge* judge, redis::CurrentServer* server,
                                     redis::FetchSink* sink)
    : world_(world),
      network_(network),
      deployment_(deployment),
      judge_(judge),
      server_(server),
      sink_(sink) {
  for (int i = 0; i < world->plan.fetchers; ++i) fetchers_.push_back(std::make_unique<Fetcher>());
}

void SimulatedFetchers::Submit(redis::FetchQueue* fetches) {
  while (!fetches->empty()) waiting_.push_back(fetches->PopFront());
  WatchQueue();
  WakeOne();
}

void SimulatedFetchers::AfterPause(std::function<void()> action) {
  if (!world_->Happens(world_->plan.pauses)) return action();
  const Duration most = 2 * world_->plan.max_stale;
  world_->scheduler.After(world_->random.MostlyShort(most), std::move(action));
}

void SimulatedFetchers::WakeOne() {
  if (waiting_.empty()) return;
  const auto in = [this](State state) {
    std::vector<Fetcher*> found;
    for (const auto& fetcher : fetchers_) {
      if (fetcher->state == state) found.push_back(fetcher.get());
    }
    return found.empty() ? nullptr : found[world_->random.Index(found.size())];
  };
  if (Fetcher* const idle = in(State::kIdle); idle != nullptr) {
    idle->state = State::kBusy;
    world_->scheduler.After(world_->random.MostlyShort(milliseconds(1)),
                            [this, idle, batches = idle->batches] {
                              if (idle->batches == batches) Serve(idle);
                            });
  } else if (Fetcher* const parked = in(State::kUnconnected); parked != nullptr) {
    Connect(parked);
  }
}

void SimulatedFetchers::Connect(Fetcher* fetcher) {
  fetcher->state = State::kConnecting;
  const Duration wait = fetcher->failures == 0 ? Duration::zero()
                                               : BackOff::Limit(milliseconds(10), milliseconds(500),
                                                                fetcher->failures);
  world_->scheduler.After(wait, [this, fetcher] {
    const uint64_t since = server_->generation();
    fetcher->begun_step = world_->Step();
    deployment_->Connect([this, fetcher, since](std::optional<Deployment::Connected> made) {
      OnConnected(fetcher, since, std::move(made));
    });
  });
}

void SimulatedFetchers::OnConnected(Fetcher* fetcher, uint64_t since,
                                    std::optional<Deployment::Connected> made) {
  if (!made) {
    ++fetcher->failures;
    fetcher->state = State::kUnconnected;
    std::deque<redis::Fetch*> failed;
    for (size_t i = 0; i < waiting_.size();) {
      if (++failures_[waiting_[i]] <= kMaxRetries) {
        ++i;
        continue;
      }
      failed.push_back(waiting_[i]);
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (redis::Fetch* fetch : failed) Fail(fetch, ErrorCode::kUnavailable);
    return WakeOne();
  }
  fetcher->failures = 0;
  fetcher->is_lost = false;
  fetcher->link = made->link;
  fetcher->identity = made->identity;
  fetcher->link->on_lost = [this, fetcher] { OnLost(fetcher); };
  const bool is_newest = since == server_->generation();
  fetcher->generation = server_->OnConnected(made->identity, made->address, since, world_->now());
  // The one that has noticed a move is not outdated by it.
  if (is_newest) fetcher->begun_step = world_->Step();
  world_->Trace("fetcher: connection %llu to redis %d, generation %llu",
                static_cast<unsigned long long>(made->link->id), made->link->server,
                static_cast<unsigned long long>(fetcher->generation));
  fetcher->state = State::kBusy;
  AfterPause([this, fetcher, batches = fetcher->batches] {
    if (fetcher->batches == batches) Serve(fetcher);
  });
}

// Takes a batch, or waits for one.
void SimulatedFetchers::Serve(Fetcher* fetcher) {
  Batch batch;
  std::vector<redis::Fetch*> expired;
  while (!waiting_.empty() && batch.fetches.size() < static_cast<size_t>(world_->plan.share)) {
    redis::Fetch* const fetch = waiting_.front();
    waiting_.pop_front();
    (fetch->DeadlineTime() <= world_->now() ? expired : batch.fetches).push_back(fetch);
  }
  fetcher->batch = std::move(batch);
  ++fetcher->batches;
  for (redis::Fetch* fetch : expired) Fail(fetch, ErrorCode::kTimeout);
  if (fetcher->batch.fetches.empty()) {
    fetcher->state = State::kIdle;
    return WakeOne();
  }
  WakeOne();
  if (fetcher->generation != server_->generation() || fetcher->is_lost) {
    return Lose(fetcher, /*counts=*/false);
  }
  AfterPause([this, fetcher, batch_number = fetcher->batches] {
    if (fetcher->batches == batch_number && fetcher->state == State::kBusy) Send(fetcher);
  });
}

void SimulatedFetchers::Send(Fetcher* fetcher) {
  fetcher->batch.sent_at = world_->now();
  fetcher->batch.sent_step = world_->Step();
  for (size_t i = 0; i < fetcher->batch.fetches.size(); ++i) Ask(fetcher, i);
  WatchDeadlines(fetcher, fetcher->batches);
}

void SimulatedFetchers::Ask(Fetcher* fetcher, size_t index) {
  const LinkRef link = fetcher->link;
  const uint64_t batch = fetcher->batches;
  ModelRedis* const redis = &deployment_->server(link->server);
  const std::string_view name = fetcher->batch.fetches[index]->key;
  const auto& keys = world_->plan.keys;
  const auto key = static_cast<size_t>(std::find(keys.begin(), keys.end(), name) - keys.begin());
  world_->Trace("fetcher: asks for %s on connection %llu", keys[key].c_str(),
                static_cast<unsigned long long>(link->id));
  auto number = std::make_shared<size_t>(0);
  auto error = std::make_shared<ErrorCode>(ErrorCode::kInternal);
  const uint64_t sent_step = fetcher->batch.sent_step;
  const uint64_t begun_step = fetcher->begun_step;
  const uint64_t server_id = fetcher->identity.id;
  network_->ToServer(link, [=, this] {
    redis->Submit(link, [=, this] {
      if (redis->state() == ModelRedis::State::kLoading) *error = ErrorCode::kLoading;
      if (!redis->is_cluster_ok()) *error = ErrorCode::kClusterDown;
      const Record record = redis->Get(key);
      *number = judge_->AddRead({.server = redis->id(),
                                 .server_id = server_id,
                                 .lineage = redis->lineage(),
                                 .key = key,
                                 .record = record,
                                 .is_of_replica = redis->role() == ModelRedis::Role::kReplica,
                                 .sent_step = sent_step,
                                 .begun_step = begun_step});
    });
  });
  network_->ToServer(link, [this, fetcher, link, redis, key, number, error, index, batch] {
    redis->Submit(link, [this, fetcher, link, redis, key, number, error, index, batch] {
      const int64_t ttl_ms = redis->Pttl(key);
      judge_->read(*number).pttl_version = redis->Current(key).version;
      redis->Reply(link, [this, fetcher, index, batch, number, error, ttl_ms] {
        // While the thread has to wait, later replies wait behind this one.
        if (world_->Happens(world_->plan.pauses)) {
          const Duration pause = world_->random.MostlyShort(2 * world_->plan.max_stale);
          fetcher->paused_until = std::max(fetcher->paused_until, world_->now() + pause);
        }
        world_->scheduler.At(fetcher->paused_until, [=, this] {
          if (fetcher->batches == batch) OnReply(fetcher, index, *number, ttl_ms, *error);
        });
      });
    });
  });
}

void SimulatedFetchers::OnReply(Fetcher* fetcher, size_t index, size_t number, int64_t ttl_ms,
                                ErrorCode error) {
  redis::Fetch* const fetch = std::exchange(fetcher->batch.fetches[index], nullptr);
  const Read& read = judge_->read(number);
  const std::string text = std::to_string(number);
  const std::string error_text = "WRONGTYPE " + text;
  if (fetch != nullptr) {
    FetchResult result;
    result.sent_at = fetcher->batch.sent_at;
    result.server = fetcher->identity.id;
    if (error != ErrorCode::kInternal) {
      result.error_code = error;
      if (renewal_.IsDue(error, world_->now())) server_->Outdate(world_->now());
    } else if (read.record.kind == cache::Kind::kValue) {
      result.kind = FetchResult::Kind::kValue;
      result.value = text;
      result.ttl_ms = ttl_ms;
    } else if (read.record.kind == cache::Kind::kMissing) {
      result.kind = FetchResult::Kind::kMissing;
    } else {
      result.error_code = ErrorCode::kWrongType;
      result.error_text = error_text;
      result.ttl_ms = ttl_ms;
    }
    failures_.erase(fetch);
    if (error == ErrorCode::kInternal) judge_->OnFetched(number);
    sink_->OnFetched(fetch, result, world_->now());
  }
  const auto& fetches = fetcher->batch.fetches;
  if (index + 1 < fetches.size()) return;
  fetcher->batch.fetches.clear();
  if (fetcher->identity.kind == redis::ServerIdentity::Kind::kUnknown) {
    return Lose(fetcher, /*counts=*/false);
  }
  Serve(fetcher);
}

void SimulatedFetchers::OnLost(Fetcher* fetcher) {
  fetcher->is_lost = true;
  if (fetcher->state == State::kBusy && !fetcher->batch.fetches.empty()) {
    Lose(fetcher, /*counts=*/true);
  }
}

// Gives up the connection. What it has not answered waits again, before all others, or fails.
void SimulatedFetchers::Lose(Fetcher* fetcher, bool counts) {
  Network::Close(fetcher->link);
  ++fetcher->batches;
  fetcher->state = State::kUnconnected;
  std::vector<redis::Fetch*> left = std::exchange(fetcher->batch.fetches, {});
  std::vector<redis::Fetch*> failed;
  for (size_t i = left.size(); i-- > 0;) {
    if (left[i] == nullptr) continue;
    if (counts && ++failures_[left[i]] > kMaxRetries) {
      failed.push_back(left[i]);
    } else {
      waiting_.push_front(left[i]);
    }
  }
  WatchQueue();
  WakeOne();
  for (redis::Fetch* fetch : failed) Fail(fetch, ErrorCode::kUnavailable);
}

// A fetch fails at its own deadline, and the batch as a whole after -timeout.
void SimulatedFetchers::WatchDeadlines(Fetcher* fetcher, uint64_t batch) {
  if (fetcher->batches != batch) return;
  const TimePoint end = fetcher->batch.sent_at + world_->plan.timeout;
  if (world_->now() >= end) return Lose(fetcher, /*counts=*/true);
  TimePoint next = end;
  for (size_t i = 0; i < fetcher->batch.fetches.size(); ++i) {
    redis::Fetch*& fetch = fetcher->batch.fetches[i];
    if (fetch == nullptr) continue;
    if (fetch->DeadlineTime() > world_->now()) {
      next = std::min(next, fetch->DeadlineTime());
    } else {
      Fail(std::exchange(fetch, nullptr), ErrorCode::kTimeout);
    }
  }
  world_->scheduler.At(next, [this, fetcher, batch] { WatchDeadlines(fetcher, batch); });
}

void SimulatedFetchers::WatchQueue() {
  if (waiting_.empty() || std::exchange(is_queue_watched_, true)) return;
  TimePoint next = kNever;
  for (const redis::Fetch* fetch : waiting_) next = std::min(next, fetch->DeadlineTime());
  world_->scheduler.At(std::max(next, world_->now() + milliseconds(10)), [this] {
    is_queue_watched_ = false;
    std::vector<redis::Fetch*> expired;
    std::erase_if(waiting_, [&](redis::Fetch* fetch) {
      if (fetch->DeadlineTime() > world_->now()) return false;
      expired.push_back(fetch);
      return true;
    });
    for (redis::Fetch* fetch : expired) Fail(fetch, ErrorCode::kTimeout);
    WatchQueue();
  });
}

void SimulatedFetchers::Stop() {
  for (const auto& fetcher : fetchers_) {
    for (redis::Fetch* fetch : std::exchange(fetcher->batch.fetches, {})) {
      if (fetch != nullptr) Fail(fetch, ErrorCode::kStopping);
    }
  }
  for (redis::Fetch* fetch : std::exchange(waiting_, {})) Fail(fetch, ErrorCode::kStopping);
}

void SimulatedFetchers::Fail(redis::Fetch* fetch, ErrorCode code) {
  failures_.erase(fetch);
  world_->Trace("fetcher: a fetch fails (%s)", std::string(Describe(code).name).c_str());
  FetchResult result;
  result.error_code = code;
  sink_->OnFetched(fetch, result, world_->now());
}

}  // namespace rp::simulation
