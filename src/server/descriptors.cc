#include "server/descriptors.h"

#include <poll.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/client_count.h"
#include "redis/address.h"

namespace rp::server {
namespace {

// For each reactor: epoll, the waker, and a client that is accepted but not counted yet.
constexpr int kPerReactor = 3;

// The timer of the sweep and the signals.
constexpr int kOfFirstReactor = 2;

// Files and sockets of the resolver, while a fetcher, the subscriber and the watch resolve Redis's
// name.
constexpr int kForResolver = 12;

// The eventfd that interrupts the fetchers, another for the subscriber, and one for the watch.
constexpr int kInterrupt = 1;

// Inherited descriptors of this number and above are not counted.
constexpr rlim_t kMaxScannedDescriptors = 1 << 16;

// If descriptors are few, one place of this many is for refusing a client with an answer.
constexpr rlim_t kServedPerRefused = 8;

// Returns how many descriptors the server needs besides its clients and those open before.
rlim_t OwnDescriptors(const config::Options& options) {
  const int listening = options.resp ? 2 : 1;
  const int fetchers = std::min(options.redis_connections, options.redis_ops_limit) + kInterrupt;
  const int subscriber = options.coherent == config::Coherent::kNo ? 0 : 1 + kInterrupt;
  const int probe = options.coherent == config::Coherent::kNo ? 0 : 1;
  const int watch = WatchesAddress(options) ? probe + kInterrupt : 0;
  const int own = options.reactors * (kPerReactor + listening) + kOfFirstReactor + fetchers +
                  subscriber + watch + kForResolver;
  return static_cast<rlim_t>(own);
}

// Counts the open descriptors: poll(2) sets POLLNVAL for all others.
rlim_t CountOpen(rlim_t limit) {
  std::vector<pollfd> all(std::min(limit, kMaxScannedDescriptors));
  for (size_t i = 0; i < all.size(); ++i) all[i].fd = static_cast<int>(i);
  if (poll(all.data(), all.size(), 0) < 0) return 0;
  return static_cast<rlim_t>(std::count_if(
      all.begin(), all.end(), [](const pollfd& fd) { return (fd.revents & POLLNVAL) == 0; }));
}

}  // namespace

bool WatchesAddress(const config::Options& options) {
  return options.coherent != config::Coherent::kNo || redis::HasName(options.redis);
}

rlim_t WantedDescriptors(const config::Options& options, rlim_t open) {
  return open + OwnDescriptors(options) + static_cast<rlim_t>(options.max_clients) +
         core::ClientCount::kMaxRefused;
}

Descriptors RaiseDescriptorLimit(const config::Options& options) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {RLIM_INFINITY, 0};
  const rlim_t open = CountOpen(limit.rlim_cur);
  const rlim_t wanted = std::min(WantedDescriptors(options, open), limit.rlim_max);
  if (limit.rlim_cur < wanted) {
    const rlimit raised{wanted, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return {wanted, CountOpen(wanted)};
  }
  return {limit.rlim_cur, open};
}

Result<ClientPlaces> PlaceClients(const config::Options& options, const Descriptors& descriptors) {
  const rlim_t others = descriptors.open + OwnDescriptors(options);
  const rlim_t needed = others + 2;
  if (descriptors.limit < needed) {
    return Error{ErrorCode::kUnavailable,
                 "only " + std::to_string(descriptors.limit) +
                     " file descriptors may be open (ulimit -n), and at least " +
                     std::to_string(needed) + " are needed"};
  }
  const rlim_t room = descriptors.limit - others;
  const auto most = static_cast<rlim_t>(core::ClientCount::kMaxRefused);
  const rlim_t told = std::clamp<rlim_t>(room / kServedPerRefused, 1, most);
  const rlim_t served = std::min(static_cast<rlim_t>(options.max_clients), room - told);
  return ClientPlaces{.served = served, .refused = std::min(most, room - served)};
}

}  // namespace rp::server
