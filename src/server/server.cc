#include "server/server.h"

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

cache::CacheOptions CacheOptionsOf(const Options& options) {
  return {.capacity = options.capacity,
          .memory_bytes = options.max_memory_bytes,
          .value_bytes = options.max_value_bytes,
          .expire = options.expire};
}

redis::Options RedisOptionsOf(const Options& options) {
  redis::Options redis;
  redis.address = options.redis;
  redis.database = options.redis_db;
  redis.username = options.redis_username;
  redis.password = options.redis_password;
  redis.connections = options.redis_connections;
  redis.ops_limit = options.redis_ops_limit;
  redis.timeout = options.timeout;
  return redis;
}

ReactorOptions ReactorOptionsOf(const Options& options) {
  return {.max_clients = static_cast<size_t>(options.max_clients),
          .timeout = options.timeout,
          .content_type = options.content_type,
          .limits = {}};
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
  const auto address = ParseHostPort(options.http);
  if (!address) return address.error();
  auto listening = net::Listen(*address);
  if (!listening) return listening.error();
  RaiseDescriptorLimit(options);
  std::unique_ptr<Server> server(new Server(options));
  const std::string name = net::LocalName(listening->get());
  server->reactor_.ServeHttp(std::move(*listening));
  server->StartThreads(options);
  Log(LogLevel::kInfo, "redis-proxy %s serving HTTP on %s: %s", Version(), name.c_str(),
      DescribeSettings(options).c_str());
  return server;
}

Server::Server(const Options& options)
    : cache_(CacheOptionsOf(options)),
      read_through_(
          {.value_bytes = options.max_value_bytes, .max_age = options.max_age}, Hasher::Random(),
          &cache_, [this](redis::Fetch* fetch) { return fetchers_->Submit(fetch); },
          [this](TimePoint deadline) { sweep_timer_.Schedule(deadline, Now()); }),
      workers_(&read_through_, [this] { Sweep(); }),
      reactor_(ReactorOptionsOf(options), &workers_),
      timer_(reactor_.loop(),
             [this] {
               sweep_timer_.OnFired();
               // With a full queue this thread frees a slice itself; it takes no longer than any
               // other job.
               if (!workers_.TrySubmitSweep()) Sweep();
             }),
      sweep_timer_(&timer_),
      signals_(reactor_.loop(), [this](int signal) { OnSignal(signal); }) {}

Server::~Server() {
  workers_.Stop();
  if (fetchers_ != nullptr) fetchers_->Stop();
}

void Server::StartThreads(const Options& options) {
  fetchers_ = redis::Fetchers::Start(RedisOptionsOf(options), &read_through_);
  workers_.Start(options.workers);
}

void Server::Run() {
  reactor_.Run();
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
