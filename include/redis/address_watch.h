// AddressWatch: notices that the name or the address of Redis leads to another server, while the
// connections from before live on and have nothing to say about it. Hides a thread, which now and
// then does what a new client would do:
//
// * It resolves the name. If a connection leads to an address that the name has no longer, all
//   connections are outdated.
// * With Probes::kYes, it makes a connection, asks which server answers, and tells the record of
//   the current server, which outdates all others if it is another one.
//
// So a move is noticed within an interval, the time to resolve the name and the time to connect. A
// failure of either changes nothing.
//
// Owner: the server.
// Thread safety: any thread, but Start, Stop and the destructor are for the owner alone.
// Cost: one resolution and, with Probes::kYes, one connection for each interval.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "redis/address.h"
#include "redis/connection.h"
#include "redis/current_server.h"
#include "redis/interrupt.h"

namespace rp::redis {

struct AddressWatchOptions {
  enum class Probes : bool { kNo, kYes };

  ConnectOptions target;
  Probes probes = Probes::kYes;
  Duration timeout = std::chrono::seconds(1);   // to connect
  Duration interval = std::chrono::seconds(2);  // from the end of one look to the next
  // Returns the addresses of the target's endpoint. Empty: Resolve does.
  std::function<Result<std::vector<Address>>()> resolve;
};

class AddressWatch {
 public:
  // Starts the thread, which looks for the first time after an interval. `server` must outlive the
  // watch. REQUIRES: timeout > 0, interval > 0.
  static std::unique_ptr<AddressWatch> Start(AddressWatchOptions options, CurrentServer* server);

  ~AddressWatch();  // calls Stop
  AddressWatch(const AddressWatch&) = delete;
  AddressWatch& operator=(const AddressWatch&) = delete;

  // Ends the thread and returns. Does not wait for Redis; only the resolving of a name can delay
  // it. Idempotent.
  void Stop();

 private:
  AddressWatch(AddressWatchOptions options, CurrentServer* server);

  void Run() noexcept;
  void Look();
  void Compare(const std::vector<Address>& answers, const std::vector<uint64_t>& in_use,
               uint64_t generation);
  void Probe(const std::vector<Address>& addresses);

  const AddressWatchOptions options_;
  const std::string name_;  // of the endpoint, for the log
  CurrentServer* const server_;
  Interrupt interrupt_;  // raised by Stop
  LogLimiter gone_limiter_{std::chrono::seconds(10)};
  LogLimiter refused_limiter_{std::chrono::minutes(1)};

  std::thread thread_;
};

}  // namespace rp::redis
