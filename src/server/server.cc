#include "server/server.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "net/socket.h"
#include "server/version.h"

namespace rp::server {
namespace {

// A slice of the sweep: about a millisecond of one worker, so that requests come in between.
constexpr int kSweepBudget = 2048;

// Descriptors beside those of the clients: the standard ones, Redis, the reactor's own.
constexpr rlim_t kOtherDescriptors = 64;

// What connecting to Redis needs for a moment: the resolver's files and sockets, the subscriber.
constexpr int kReconnectDescriptors = 8;

// How long threads may take to end, when everything in flight has been finished.
constexpr unsigned kMostSecondsToJoin = 2;

cache::CacheOptions CacheOptionsOf(const Options& options) {
  return {.capacity = options.capacity,
          .memory_bytes = options.max_memory_bytes,
          .value_bytes = options.max_value_bytes,
          .expire = options.expire,
          .stale = options.stale_if_error,
          .coherent = options.coherent != Coherent::kNo};
}

redis::Options RedisOptionsOf(const Options& options, const proxy::Coherence* coherence) {
  redis::Options redis;
  redis.address = options.redis;
  redis.database = options.redis_db;
  redis.username = options.redis_username;
  redis.password = options.redis_password;
  redis.connections = options.redis_connections;
  redis.ops_limit = options.redis_ops_limit;
  redis.timeout = options.timeout;
  if (coherence != nullptr) redis.generation = coherence->generation();
  return redis;
}

ReactorOptions ReactorOptionsOf(const Options& options) {
  return {
      .max_clients = static_cast<size_t>(options.max_clients),
      .timeout = options.timeout,
      .content_type = options.content_type,
      .reserved_descriptors = options.redis_connections + kReconnectDescriptors,
      .http = {.limits = {}, .credentials = options.http_auth ? options.proxy_auth : Credentials()},
      .resp = {.credentials = options.proxy_auth,
               .forward = options.forward,
               .knows_ttl = options.max_age == Duration::zero(),
               .limits = {}}};
}

// None where `address` is empty.
Result<UniqueFd> ListenOn(const std::string& address) {
  if (address.empty()) return UniqueFd();
  const auto parsed = ParseHostPort(address);
  if (!parsed) return parsed.error();
  return net::Listen(*parsed);
}

// As many descriptors as the clients may need; fewer are no reason not to serve.
void RaiseDescriptorLimit(const Options& options) {
  const rlim_t wanted = static_cast<rlim_t>(options.max_clients) +
                        static_cast<rlim_t>(options.redis_connections) + kOtherDescriptors;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    Log(LogLevel::kWarn,
        "only %llu file descriptors may be open: fewer than -max-clients %d would need",
        static_cast<unsigned long long>(limit.rlim_cur), options.max_clients);
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Create(const Options& options) {
  auto listening = ListenOn(options.http);
  if (!listening) return listening.error();
  auto listening_resp = ListenOn(options.resp);
  if (!listening_resp) return listening_resp.error();
  RaiseDescriptorLimit(options);
  std::unique_ptr<Server> server(new Server(options));
  const std::string name = net::LocalName(listening->get());
  server->reactor_.ServeHttp(std::move(*listening));
  const std::string resp_name = options.resp.empty() ? "" : net::LocalName(listening_resp->get());
  if (!options.resp.empty()) server->reactor_.ServeResp(std::move(*listening_resp));
  const Result<void> started = server->StartThreads(options);
  if (!started) return started.error();
  if (!resp_name.empty())
    Log(LogLevel::kInfo, "serving the Redis protocol on %s", resp_name.c_str());
  Log(LogLevel::kInfo, "redis-proxy %s serving HTTP on %s: %s", Version(), name.c_str(),
      DescribeSettings(options).c_str());
  return server;
}

Server::Server(const Options& options)
    : hasher_(Hasher::Random()),
      cache_(CacheOptionsOf(options)),
      coherence_(MakeCoherence(options)),
      read_through_(
          {.value_bytes = options.max_value_bytes, .max_age = options.max_age}, hasher_, &cache_,
          coherence_.get(), [this](redis::Fetch* fetch) { return fetchers_->Submit(fetch); },
          [this](TimePoint deadline) { ScheduleSweep(deadline); }),
      forwarder_(
          hasher_, &cache_, [this](redis::Fetch* fetch) { return fetchers_->Submit(fetch); },
          [this] { ScheduleSweep(TimePoint::min()); }),
      workers_(
          [this](proxy::Request* request, TimePoint now) {
            return request->command.empty() ? read_through_.Start(request, now)
                                            : forwarder_.Start(request, now);
          },
          [this] { Sweep(); }),
      reactor_(ReactorOptionsOf(options), &read_through_, &workers_),
      timer_(reactor_.loop(),
             [this] {
               sweep_timer_.OnFired();
               // With a full queue this thread frees a slice itself; it takes no longer than any
               // other job.
               if (!workers_.TrySubmitSweep()) Sweep();
             }),
      sweep_timer_(&timer_),
      signals_(reactor_.loop(), [this](int signal) { OnSignal(signal); }) {}

// From here on nobody reads signals, and a thread that resolves a name cannot be interrupted: a
// second signal ends the process at once, and so does the alarm.
void Server::LimitTheEnd() {
  std::signal(SIGALRM, [](int) { _exit(0); });
  std::signal(SIGINT, [](int) { _exit(1); });
  std::signal(SIGTERM, [](int) { _exit(1); });
  sigset_t mask = net::Signals::Mask();
  sigaddset(&mask, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
  alarm(kMostSecondsToJoin);
}

std::unique_ptr<proxy::Coherence> Server::MakeCoherence(const Options& options) {
  if (options.coherent == Coherent::kNo) return nullptr;
  return std::make_unique<proxy::Coherence>(
      proxy::CoherenceOptions{.or_by_time = options.coherent == Coherent::kAuto,
                              .max_stale = options.max_stale,
                              .prefixes = options.prefixes},
      hasher_, &cache_, [this] { ScheduleSweep(TimePoint::min()); });
}

Server::~Server() {
  workers_.Stop();
  if (subscriber_ != nullptr) subscriber_->Stop();
  if (fetchers_ != nullptr) fetchers_->Stop();
}

Result<void> Server::StartThreads(const Options& options) {
  if (coherence_ != nullptr) {
    const Result<void> following = StartFollowing(options);
    if (!following) return following;
  }
  fetchers_ = redis::Fetchers::Start(RedisOptionsOf(options, coherence_.get()), &read_through_);
  if (options.forward) forwarder_.LoadTable(kNever);
  workers_.Start(options.workers);
  return {};
}

// A Redis that answers and cannot be followed is a mistake to be told at once; one that is away may
// come.
Result<void> Server::StartFollowing(const Options& options) {
  const auto endpoint = redis::ParseEndpoint(options.redis);
  if (!endpoint) return endpoint.error();
  redis::SubscriberOptions subscriber;
  subscriber.target = {*endpoint, 0, options.redis_username, options.redis_password};
  subscriber.max_stale = options.max_stale;
  subscriber.timeout = options.timeout;
  subscriber.prefixes = options.prefixes;
  subscriber_ = redis::Subscriber::Start(std::move(subscriber), coherence_.get());
  static_cast<void>(subscriber_->AwaitFirst(DeadlineAfter(Now(), options.timeout)));
  const std::string refusal = coherence_->Refusal();
  if (!refusal.empty() && options.coherent == Coherent::kYes) {
    return Error{ErrorCode::kUpstream, "-coherent: " + refusal};
  }
  return {};
}

void Server::Run() {
  reactor_.Run();
  LimitTheEnd();
  Log(LogLevel::kInfo, "stopped");
}

void Server::Sweep() {
  const TimePoint now = Now();
  sweep_timer_.Schedule(cache_.Sweep(now, kSweepBudget), now);
}

void Server::OnSignal(int signal) {
  const char* name = signal == SIGINT ? "SIGINT" : "SIGTERM";
  if (reactor_.draining()) {
    Log(LogLevel::kWarn, "%s again: stopping at once", name);
    _exit(1);
  }
  Log(LogLevel::kInfo, "%s: finishing what is in flight, then stopping", name);
  reactor_.Drain();
}

}  // namespace rp::server
