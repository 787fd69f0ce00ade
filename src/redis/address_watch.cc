#include "redis/address_watch.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/signals_blocked.h"
#include "redis/reply.h"

namespace rp::redis {
namespace {

AddressWatchOptions Complete(AddressWatchOptions options) {
  options.target.database = 0;
  // Nobody sees the name of a connection that is closed at once, but Redis logs each user who may
  // not set one.
  options.target.name.clear();
  options.target.asks_version = false;
  options.target.asks_identity = true;
  if (!options.resolve) {
    options.resolve = [endpoint = options.target.endpoint] { return Resolve(endpoint); };
  }
  return options;
}

}  // namespace

AddressWatch::AddressWatch(AddressWatchOptions options, CurrentServer* server)
    : options_(Complete(std::move(options))),
      name_(options_.target.endpoint.ToString()),
      server_(server) {
  RP_CHECK(options_.timeout > Duration::zero());
  RP_CHECK(options_.interval > Duration::zero());
}

std::unique_ptr<AddressWatch> AddressWatch::Start(AddressWatchOptions options,
                                                  CurrentServer* server) {
  std::unique_ptr<AddressWatch> watch(new AddressWatch(std::move(options), server));
  AddressWatch* const self = watch.get();
  const SignalsBlocked blocked;  // for the thread, whose Connection requires it
  self->thread_ = std::thread([self] { self->Run(); });
  pthread_setname_np(self->thread_.native_handle(), "address-watch");
  return watch;
}

AddressWatch::~AddressWatch() { Stop(); }

void AddressWatch::Stop() {
  interrupt_.Raise();
  if (thread_.joinable()) thread_.join();
}

void AddressWatch::Run() noexcept {
  while (interrupt_.Sleep(options_.interval)) Look();
}

void AddressWatch::Look() {
  const Endpoint& endpoint = options_.target.endpoint;
  const bool has_path = !endpoint.path.empty();  // which is its own only address
  // Read before, so that a connection which is made meanwhile is not held against an older answer.
  const uint64_t generation = server_->generation();
  const std::vector<uint64_t> in_use = server_->addresses();
  const Result<std::vector<Address>> answers = has_path ? Resolve(endpoint) : options_.resolve();
  if (!answers) {
    Log(LogLevel::kDebug, "redis: the addresses of %s cannot be checked: %s", name_.c_str(),
        answers.error().message.c_str());
    return;
  }
  if (!has_path) Compare(*answers, in_use, generation);
  if (options_.probes == AddressWatchOptions::Probes::kYes) Probe(*answers);
}

// Outdates all connections if one of the addresses `in_use` is not among the answers.
void AddressWatch::Compare(const std::vector<Address>& answers, const std::vector<uint64_t>& in_use,
                           uint64_t generation) {
  const bool is_gone = std::any_of(in_use.begin(), in_use.end(), [&](uint64_t id) {
    return std::none_of(answers.begin(), answers.end(),
                        [&](const Address& answer) { return answer.id() == id; });
  });
  if (!is_gone || generation != server_->generation()) return;
  const TimePoint now = Now();
  uint64_t suppressed = 0;
  if (gone_limiter_.Allow(now, &suppressed)) {
    Log(LogLevel::kWarn,
        "redis: the name %s no longer has an address that is in use; all connections are made anew",
        name_.c_str());
  }
  server_->Outdate(now);
}

void AddressWatch::Probe(const std::vector<Address>& addresses) {
  const uint64_t since = server_->generation();
  const Result<std::unique_ptr<Connection>> connected = Connection::ConnectTo(
      addresses, options_.target, DeadlineAfter(Now(), options_.timeout), interrupt_.fd());
  if (!connected) {
    Log(LogLevel::kDebug, "redis: who answers at %s cannot be checked: %s", name_.c_str(),
        connected.error().message.c_str());
    const ErrorCode code = connected.error().code;
    uint64_t suppressed = 0;
    if ((IsRefusal(code) || IsTransient(code)) && refused_limiter_.Allow(Now(), &suppressed)) {
      Log(LogLevel::kWarn,
          "redis: %s refuses a new connection (%s): it is not known whether it is the server that "
          "the older connections lead to",
          name_.c_str(), connected.error().message.c_str());
    }
    return;
  }
  const Connection& made = **connected;
  static_cast<void>(server_->OnConnected(made.identity(), made.address_id(), since, Now()));
}

}  // namespace rp::redis
