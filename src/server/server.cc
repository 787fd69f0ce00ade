#include "server/server.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "base/resident.h"
#include "config/version.h"
#include "http_front/http_session.h"
#include "net/socket.h"
#include "resp_front/resp_session.h"
#include "server/descriptors.h"

namespace rp::server {
namespace {

// Maximum time that the start waits for the first attempt to follow Redis. Until then no signal is
// read and nothing is served, and a hung Redis may not answer for all of -timeout.
constexpr Duration kMaxWaitToFollow = std::chrono::seconds(1);

// Maximum time of one attempt to find out where the address of Redis leads.
constexpr Duration kMaxProbe = std::chrono::seconds(1);

cache::CacheOptions CacheOptionsOf(const config::Options& options) {
  return {.capacity = options.capacity,
          .memory_bytes = options.max_memory_bytes,
          .value_bytes = options.max_value_bytes,
          .expire = options.expire,
          .stale = options.stale_if_error,
          .coherent = options.coherent != config::Coherent::kNo};
}

redis::Options RedisOptionsOf(const config::Options& options) {
  redis::Options redis;
  redis.endpoint = options.redis;
  redis.database = options.redis_db;
  redis.username = options.redis_username;
  redis.password = options.redis_password;
  redis.connections = options.redis_connections;
  redis.ops_limit = options.redis_ops_limit;
  redis.timeout = options.timeout;
  redis.asks_identity = options.coherent != config::Coherent::kNo;
  return redis;
}

redis::ConnectOptions TargetOf(const config::Options& options) {
  redis::ConnectOptions target;
  target.endpoint = options.redis;
  target.username = options.redis_username;
  target.password = options.redis_password;
  return target;
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
       .credentials = options.http_auth ? options.proxy_auth : Credentials(),
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

// Returns a socket for each reactor, or none without an address.
Result<std::vector<UniqueFd>> ListenOn(const std::optional<HostPort>& address, int reactors) {
  if (!address) return std::vector<UniqueFd>();
  return net::ListenTogether(*address, reactors);
}

}  // namespace

class Server::View final : public resp_front::ServerView {
 public:
  explicit View(Server* server) : server_(server) {}

  [[nodiscard]] resp_front::ServerFacts Facts() const override {
    return {
        .cache = server_->cache_.stats(),
        .clients = server_->clients_.served(),
        .max_clients = server_->clients_.limit(),
        .connections_received = server_->clients_.received(),
        .uptime = Now() - server_->started_,
        .resident_bytes = ResidentBytes(),
        .process_id = static_cast<uint64_t>(getpid()),
        .verified_hits = server_->verifier_ != nullptr ? server_->verifier_->checked() : 0,
        .verify_violations = server_->verifier_ != nullptr ? server_->verifier_->violations() : 0};
  }
  [[nodiscard]] std::string RedisVersion() const override {
    const std::string told = server_->redis_version_.ToString();
    return told.empty() ? std::string(resp_front::kRedisVersion) : told;
  }

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

Server::Server(const config::Options& options, size_t max_refused)
    : hasher_(Hasher::Random()),
      cache_(CacheOptionsOf(options)),
      redis_server_(options.redis.ToString(),
                    [this](TimePoint now) {
                      if (coherence_ != nullptr) coherence_->OnMoved(now);
                    }),
      coherence_(MakeCoherence(options)),
      verifier_(MakeVerifier(options)),
      read_through_(
          {.max_age = options.max_age, .verifier = verifier_.get()}, hasher_, &cache_,
          coherence_.get(), SubmitToFetchers(),
          [this](TimePoint deadline) { sweeper_.Schedule(deadline); },
          [this] {
            for (const auto& reactor : reactors_) reactor->Wake();
          }),
      forwarder_(
          hasher_, &cache_, [this](redis::Fetch* fetch) { return fetchers_->Submit(fetch); },
          [this] { sweeper_.Schedule(TimePoint::min()); }),
      router_(&read_through_, &forwarder_),
      workers_(&router_, [this] { sweeper_.Run(); }),
      clients_(static_cast<size_t>(options.max_clients), max_refused),
      view_(std::make_unique<View>(this)),
      reactors_(MakeReactors(options)),
      sweeper_(&cache_, &workers_, reactors_[0]->loop()),
      signals_(reactors_[0]->loop(), [this] { Stop(); }) {}

std::vector<std::unique_ptr<core::Reactor>> Server::MakeReactors(const config::Options& options) {
  std::vector<std::unique_ptr<core::Reactor>> reactors;
  for (int i = 0; i < options.reactors; ++i) {
    core::ReactorOptions reactor = ReactorOptionsOf(options);
    reactor.on_freed = [this](uint64_t bytes) { sweeper_.OnFreed(bytes); };
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
                              .prefixes = options.prefixes,
                              .on_lease =
                                  [this] {
                                    if (verifier_ != nullptr) verifier_->Judge(Now());
                                  }},
      hasher_, &redis_server_, &cache_, [this] { sweeper_.Schedule(TimePoint::min()); });
}

std::unique_ptr<proxy::Verifier> Server::MakeVerifier(const config::Options& options) {
  if (options.verify == 0) return nullptr;
  return std::make_unique<proxy::Verifier>(
      proxy::VerifierOptions{
          .every = options.verify, .timeout = options.timeout, .max_stale = options.max_stale},
      hasher_, &cache_, coherence_.get(), SubmitToFetchers(),
      [this] { redis_server_.Outdate(Now()); });
}

proxy::SubmitFetches Server::SubmitToFetchers() {
  return [this](redis::FetchQueue* fetches, Blocking blocking) {
    return fetchers_->Submit(fetches, blocking);
  };
}

// Reactors still run here only if the start has failed.
Server::~Server() {
  for (size_t i = 1; i <= reactor_threads_.size(); ++i) reactors_[i]->RequestDrain();
  JoinReactors();
  workers_.Stop();
  if (watch_ != nullptr) watch_->Stop();
  if (subscriber_ != nullptr) subscriber_->Stop();
  if (fetchers_ != nullptr) fetchers_->Stop();
}

Result<void> Server::StartThreads(const config::Options& options) {
  if (coherence_ != nullptr) {
    Result<void> following = StartFollowing(options);
    if (!following) return following;
  }
  redis::Options redis = RedisOptionsOf(options);
  redis.version = &redis_version_;
  redis.server = &redis_server_;
  fetchers_ = redis::Fetchers::Start(std::move(redis), &read_through_);
  if (WatchesAddress(options)) StartWatch(options);
  if (options.forward) forwarder_.LoadTable(DeadlineAfter(Now(), options.timeout));
  workers_.Start(options.workers);
  StartReactors();
  return {};
}

// If Redis answers but cannot report its writes, that is an error in the settings, and the start
// fails. If Redis is away, it may come later.
Result<void> Server::StartFollowing(const config::Options& options) {
  redis::SubscriberOptions subscriber;
  subscriber.target = TargetOf(options);
  subscriber.max_stale = options.max_stale;
  subscriber.timeout = options.timeout;
  subscriber.prefixes = options.prefixes;
  subscriber_ = redis::Subscriber::Start(std::move(subscriber), &redis_server_, coherence_.get());
  const Duration wait = std::min(options.timeout, kMaxWaitToFollow);
  static_cast<void>(subscriber_->AwaitFirst(DeadlineAfter(Now(), wait)));
  const std::string refusal = coherence_->Refusal();
  if (!refusal.empty() && options.coherent == config::Coherent::kYes) {
    return Error{ErrorCode::kUpstream,
                 "-coherent: " + refusal + "; -coherent=auto would cache by time alone"};
  }
  return {};
}

void Server::StartWatch(const config::Options& options) {
  redis::AddressWatchOptions watch;
  watch.target = TargetOf(options);
  if (coherence_ == nullptr) watch.probes = redis::AddressWatchOptions::Probes::kNo;
  watch.timeout = std::min(options.timeout, kMaxProbe);
  watch_ = redis::AddressWatch::Start(std::move(watch), &redis_server_);
}

// Starts all reactors but the first, which runs in the main thread.
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
  StopSignals::EndAtOnceFromNowOn();
  // The others have the same time to drain as the first.
  JoinReactors();
  Log(LogLevel::kInfo, "stopped");
  // A thread that resolves a name cannot be interrupted.
  StopSignals::EndSoon();
}

void Server::Stop() {
  for (size_t i = 1; i < reactors_.size(); ++i) reactors_[i]->RequestDrain();
  reactors_[0]->Drain();
}

}  // namespace rp::server
