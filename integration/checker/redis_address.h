// The address at which the proxy finds its Redis: a relay on 127.0.0.1, and where the machine can
// do that a name that leads to it. The name can be pointed at a second relay, on 127.0.0.2.
//
// Owner: the checker.
// Thread safety: none; the main thread's. The relays have threads of their own.
// Cost: two relays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "integration/harness/relay.h"
#include "integration/harness/renamed_host.h"

namespace rp::integration {

class RedisAddress {
 public:
  // Leads to 127.0.0.1:target_port. The delays are those of Relay.
  RedisAddress(int target_port, Duration most_delay, unsigned seed);

  // What goes behind -redis, and the environment that the proxy needs for it.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::vector<std::string> environment() const;

  // The relay that the address leads to.
  [[nodiscard]] Relay& relay() { return second_in_use_ ? *second_ : first_; }
  // Whether there is a name; if not, why.
  [[nodiscard]] bool has_name() const { return why_no_name_.empty(); }
  [[nodiscard]] const std::string& why_no_name() const { return why_no_name_; }
  // Points the name at the other relay, and that one at 127.0.0.1:target_port. The one before goes
  // on. REQUIRES: has_name().
  void Repoint(int target_port);

 private:
  Relay first_;
  RenamedHost host_{{"127.0.0.1"}};
  std::string why_no_name_ = RenamedHost::WhyNot();
  std::unique_ptr<Relay> second_;
  bool second_in_use_ = false;
};

}  // namespace rp::integration
