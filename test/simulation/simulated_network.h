// Network: connections between the proxy and the servers. What is sent over one direction of a
// connection arrives in order; connections are delayed, stalled and lost independently of each
// other. A message is what is to happen on its arrival.
//
// Owner: the simulation. Thread safety: one thread at a time. Cost: one event per message.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/simulation/world.h"

namespace rp::simulation {

// A write that a report tells of.
struct Report {
  int server = 0;
  uint64_t lineage = 0;
  size_t key = 0;
  uint64_t version = 0;
};

// Bytes of the tracking connection, and which writes they report.
struct Bytes {
  std::string text;
  std::vector<Report> reports;
};

struct Link {
  enum class State : uint8_t {
    kOpen,
    kHalfOpen,  // nothing arrives any more, and neither end is told
    kClosed,
  };

  uint64_t id = 0;
  int server = 0;
  State state = State::kOpen;
  TimePoint to_server;  // nothing arrives before what was sent before
  TimePoint to_proxy;
  std::function<void()> on_lost;        // the proxy's end is told that the connection is lost
  std::function<void(Bytes)> on_bytes;  // of the tracking connection
};
using LinkRef = std::shared_ptr<Link>;

class Network {
 public:
  explicit Network(World* world) : world_(world) {}

  [[nodiscard]] LinkRef Open(int server);
  void ToServer(const LinkRef& link, std::function<void()> arrive);
  void ToProxy(const LinkRef& link, std::function<void()> arrive);

  // The proxy closes its end.
  static void Close(const LinkRef& link);
  // The connection breaks. What is under way is lost.
  void Break(const LinkRef& link);
  void BreakAll(int server, double half_open);
  // Nothing arrives for a time.
  void Stall(const LinkRef& link, Duration time);

  // From now on every message may take so long.
  void SetLatency(Duration most) { latency_ = most; }
  void Slow(Duration most, Duration time);

  [[nodiscard]] Duration Delay();
  // Returns a connection that is open, or null.
  [[nodiscard]] LinkRef AnyOpen();

 private:
  void Forget();

  World* const world_;
  Duration latency_ = world_->plan.latency;
  TimePoint slow_until_;
  Duration slow_{};
  uint64_t opened_ = 0;
  std::vector<LinkRef> links_;
};

}  // namespace rp::simulation
