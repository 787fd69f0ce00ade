#include "server/server.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "config/version.h"
#include "http_front/http_session.h"
#include "net/socket.h"
#include "resp_front/resp_session.h"
#include "server/descriptors.h"

namespace rp::server {
namespace {

// A slice of the sweep: about a millisecond of one worker, so that requests come in between.
constexpr int kSweepBudget = 2048;

// How long the start waits at most for what the first attempt to follow Redis says. Until then no
// signal is read and nothing is served, and a Redis that hangs may say nothing for all of -timeout.
constexpr Duration kMostWaitToFollow = std::chrono::seconds(1);

// The signals that stop the server; all others have no meaning as yet.
constexpr std::array<int, 3> kStopSignals = {SIGTERM, SIGINT, SIGQUIT};

// How long threads may take to end, when everything in flight has been finished.
constexpr unsigned kMostSecondsToJoin = 2;

cache::CacheOptions CacheOptionsOf(const config::Options& options) {
  return {.capacity = options.capacity,
          .memory_bytes = options.max_memory_bytes,
          .value_bytes = options.max_value_bytes,
          .expire = options.expire,
          .stale = options.stale_if_error,
          .coherent = options.coherent != config::Coherent::kNo};
}

redis::Options RedisOptionsOf(const config::Options& options, const proxy::Coherence* coherence) {
  redis::Options redis;
  redis.endpoint = options.redis;
  redis.database = options.redis_db;
  redis.username = options.redis_username;
  redis.password = options.redis_password;
  redis.connections = options.redis_connections;
  redis.ops_limit = options.redis_ops_limit;
  redis.timeout = options.timeout;
  if (coherence != nullptr) redis.generation = coherence->generation();
  return redis;
}

core::ReactorOptions ReactorOptionsOf(const config::Options& options) {
  core::ReactorOptions reactor;
  reactor.timeout = options.timeout;
  reactor.answers_inline = options.answers_inline;
  reactor.clients = {.header = options.header_timeout,
                     .idle = options.idle_timeout,
                     .write = options.write_timeout,
                     .resp_idle = options.resp_idle_timeout};
  return reactor;
}

core::SessionFactory HttpSessionsOf(const config::Options& options) {
  return http_front::HttpSessions(
      {.limits = {},
       .credentials = options.http_auth ? options.proxy_auth : core::Credentials(),
       .keep_alive = options.idle_timeout != Duration::zero(),
       .content_type = options.content_type});
}

core::SessionFactory RespSessionsOf(const config::Options& options,
                                    const resp_front::ServerView* view) {
  return resp_front::RespSessions({.server = view,
                                   .version = config::Version(),
                                   .credentials = options.proxy_auth,
                                   .forward = options.forward,
                                   .knows_ttl = options.max_age == Duration::zero(),
                                   .idle_timeout = options.resp_idle_timeout,
                                   .limits = {}});
}

// A socket for each reactor; none without an address.
Result<std::vector<UniqueFd>> ListenOn(const std::optional<HostPort>& address, int reactors) {
  if (!address) return std::vector<UniqueFd>();
  return net::ListenTogether(*address, reactors);
}

// Also called by signal handlers.
[[noreturn]] void EndAtOnce(int status) {
  FlushLog();
  _exit(status);
}

// SIGHUP and so on; the number of a real-time signal.
std::string NameOfSignal(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

void HandleFromNowOn(int signal, void (*handler)(int)) {
  std::signal(signal, handler);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
}

}  // namespace

class Server::View final : public resp_front::ServerView {
 public:
  explicit View(Server* server) : server_(server) {}

  [[nodiscard]] resp_front::ServerFacts Facts() const override {
    return {.cache = server_->cache_.stats(),
            .clients = server_->clients_.served(),
            .max_clients = server_->clients_.limit(),
            .connections_received = server_->clients_.received(),
            .uptime = Now() - server_->started_};
  }
  [[nodiscard]] uint64_t CacheSize() const override { return server_->cache_.size(); }

 private:
  Server* const server_;
};

Result<std::unique_ptr<Server>> Server::Create(const config::Options& wanted) {
  const Descriptors descriptors = RaiseDescriptorLimit(wanted);
  const Result<ClientPlaces> places = PlaceClients(wanted, descriptors);
  if (!places) return places.error();
  config::Options options = wanted;
  options.max_clients = static_cast<int>(places->served);
  auto listening = ListenOn(options.http, options.reactors);
  if (!listening) return listening.error();
  auto listening_resp = ListenOn(options.resp, options.reactors);
  if (!listening_resp) return listening_resp.error();
  if (options.max_clients < wanted.max_clients) {
    Log(LogLevel::kWarn,
        "-max-clients %d takes %llu file descriptors, but only %llu may be open (ulimit -n): "
        "serving %d clients at most",
        wanted.max_clients,
        static_cast<unsigned long long>(WantedDescriptors(wanted, descriptors.open)),
        static_cast<unsigned long long>(descriptors.limit), options.max_clients);
  }
  std::unique_ptr<Server> server(new Server(options, places->refused));
  const std::string name = net::LocalName(listening->front().get());
  const std::string resp_name = options.resp ? net::LocalName(listening_resp->front().get()) : "";
  for (size_t i = 0; i < server->reactors_.size(); ++i) {
    server->reactors_[i]->Serve(std::move((*listening)[i]), "HTTP", HttpSessionsOf(options));
    if (!options.resp) continue;
    server->reactors_[i]->Serve(std::move((*listening_resp)[i]), "the Redis protocol",
                                RespSessionsOf(options, server->view_.get()));
  }
  const Result<void> started = server->StartThreads(options);
  if (!started) return started.error();
  if (!resp_name.empty())
    Log(LogLevel::kInfo, "serving the Redis protocol on %s", resp_name.c_str());
  Log(LogLevel::kInfo, "redis-proxy %s serving HTTP on %s: %s", config::Version(), name.c_str(),
      config::DescribeSettings(options).c_str());
  return server;
}

Server::Server(const config::Options& options, size_t most_refused)
    : hasher_(Hasher::Random()),
      cache_(CacheOptionsOf(options)),
      coherence_(MakeCoherence(options)),
      read_through_(
          {.max_age = options.max_age}, hasher_, &cache_, coherence_.get(),
          [this](redis::FetchQueue* fetches, Wait wait) {
            return fetchers_->Submit(fetches, wait);
          },
          [this](TimePoint deadline) { ScheduleSweep(deadline); },
          [this] {
            for (const auto& reactor : reactors_) reactor->Wake();
          }),
      forwarder_(
          hasher_, &cache_, [this](redis::Fetch* fetch) { return fetchers_->Submit(fetch); },
          [this] { ScheduleSweep(TimePoint::min()); }),
      router_(&read_through_, &forwarder_),
      workers_(&router_, [this] { SweepOn(); }),
      clients_(static_cast<size_t>(options.max_clients), most_refused),
      view_(std::make_unique<View>(this)),
      reactors_(MakeReactors(options)),
      timer_(reactors_[0]->loop(),
             [this] {
               sweep_timer_.OnFired();
               // With a full queue this thread frees a slice itself; it takes no longer than any
               // other job.
               if (!workers_.TrySubmitSweep()) Sweep();
             }),
      sweep_timer_(&timer_),
      signals_(reactors_[0]->loop(), [this](int signal) { OnSignal(signal); }) {}

// When nobody reads signals any more, a second one that stops ends the process at once. The others
// stay blocked.
void Server::EndOnSignals() {
  for (const int signal : kStopSignals) HandleFromNowOn(signal, [](int) { EndAtOnce(1); });
}

std::vector<std::unique_ptr<core::Reactor>> Server::MakeReactors(const config::Options& options) {
  std::vector<std::unique_ptr<core::Reactor>> reactors;
  for (int i = 0; i < options.reactors; ++i) {
    core::ReactorOptions reactor = ReactorOptionsOf(options);
    // A sweep is what brings a worker to the trimmer.
    reactor.on_freed = [this](uint64_t bytes) {
      if (trimmer_.OnFreed(bytes)) ScheduleSweep(TimePoint::min());
    };
    reactors.push_back(
        std::make_unique<core::Reactor>(std::move(reactor), &clients_, &router_, &workers_));
  }
  return reactors;
}

std::unique_ptr<proxy::Coherence> Server::MakeCoherence(const config::Options& options) {
  if (options.coherent == config::Coherent::kNo) return nullptr;
  return std::make_unique<proxy::Coherence>(
      proxy::CoherenceOptions{.or_by_time = options.coherent == config::Coherent::kAuto,
                              .max_stale = options.max_stale,
                              .prefixes = options.prefixes},
      hasher_, &cache_, [this] { ScheduleSweep(TimePoint::min()); });
}

// Reactors still run here only where the start has failed.
Server::~Server() {
  for (size_t i = 1; i <= reactor_threads_.size(); ++i) reactors_[i]->RequestDrain();
  JoinReactors();
  workers_.Stop();
  if (subscriber_ != nullptr) subscriber_->Stop();
  if (fetchers_ != nullptr) fetchers_->Stop();
}

Result<void> Server::StartThreads(const config::Options& options) {
  if (coherence_ != nullptr) {
    const Result<void> following = StartFollowing(options);
    if (!following) return following;
  }
  redis::Options redis = RedisOptionsOf(options, coherence_.get());
  if (subscriber_ != nullptr) redis.on_renewal = [this] { subscriber_->Renew(); };
  fetchers_ = redis::Fetchers::Start(std::move(redis), &read_through_);
  if (options.forward) forwarder_.LoadTable(DeadlineAfter(Now(), options.timeout));
  workers_.Start(options.workers);
  StartReactors();
  return {};
}

// A Redis that answers and cannot be followed is a mistake to be told at once; one that is away may
// come.
Result<void> Server::StartFollowing(const config::Options& options) {
  redis::SubscriberOptions subscriber;
  subscriber.target = {options.redis, 0, options.redis_username, options.redis_password};
  subscriber.max_stale = options.max_stale;
  subscriber.timeout = options.timeout;
  subscriber.prefixes = options.prefixes;
  subscriber_ = redis::Subscriber::Start(std::move(subscriber), coherence_.get());
  const Duration wait = std::min(options.timeout, kMostWaitToFollow);
  static_cast<void>(subscriber_->AwaitFirst(DeadlineAfter(Now(), wait)));
  const std::string refusal = coherence_->Refusal();
  if (!refusal.empty() && options.coherent == config::Coherent::kYes) {
    return Error{ErrorCode::kUpstream, "-coherent: " + refusal};
  }
  return {};
}

// Those but the first.
void Server::StartReactors() {
  reactor_threads_.reserve(reactors_.size() - 1);
  for (size_t i = 1; i < reactors_.size(); ++i) {
    reactor_threads_.emplace_back([reactor = reactors_[i].get()] { reactor->Run(); });
    pthread_setname_np(reactor_threads_.back().native_handle(),
                       ("reactor-" + std::to_string(i)).c_str());
  }
}

void Server::JoinReactors() {
  for (std::thread& thread : reactor_threads_) thread.join();
  reactor_threads_.clear();
}

void Server::Run() {
  reactors_[0]->Run();
  EndOnSignals();
  // They have as long as the first one had.
  JoinReactors();
  Log(LogLevel::kInfo, "stopped");
  // A thread that resolves a name cannot be interrupted.
  HandleFromNowOn(SIGALRM, [](int) { EndAtOnce(0); });
  alarm(kMostSecondsToJoin);
}

void Server::Sweep() {
  const TimePoint now = Now();
  sweep_timer_.Schedule(SweepSlice(now), now);
}

void Server::SweepOn() {
  const TimePoint now = Now();
  const TimePoint next = SweepSlice(now);
  trimmer_.Visit(cache_.bytes());
  if (next <= now && workers_.TrySubmitSweep()) return;
  sweep_timer_.Schedule(next, now);
}

TimePoint Server::SweepSlice(TimePoint now) {
  const uint64_t before = cache_.size();
  const TimePoint next = cache_.Sweep(now, kSweepBudget);
  const uint64_t after = cache_.size();
  if (after < before) {
    Log(LogLevel::kDebug, "sweep: freed what had ended; the cache has %llu keys of %llu",
        static_cast<unsigned long long>(after), static_cast<unsigned long long>(before));
  }
  return next;
}

void Server::OnSignal(int signal) {
  const std::string name = NameOfSignal(signal);
  if (std::find(kStopSignals.begin(), kStopSignals.end(), signal) == kStopSignals.end()) {
    return Log(LogLevel::kInfo, "%s: ignored", name.c_str());
  }
  if (reactors_[0]->draining()) {
    Log(LogLevel::kWarn, "%s again: stopping at once", name.c_str());
    EndAtOnce(1);
  }
  Log(LogLevel::kInfo, "%s: finishing what is in flight, then stopping", name.c_str());
  for (size_t i = 1; i < reactors_.size(); ++i) reactors_[i]->RequestDrain();
  reactors_[0]->Drain();
}

}  // namespace rp::server
