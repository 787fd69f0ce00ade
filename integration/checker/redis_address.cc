#include "integration/checker/redis_address.h"

namespace rp::integration {

RedisAddress::RedisAddress(int target_port, Duration most_delay, unsigned seed)
    : first_(target_port, most_delay, seed) {
  if (!has_name()) return;
  UniqueFd listener = ListenOnSecondLoopback(first_.port());
  if (listener) {
    second_ = std::make_unique<Relay>(std::move(listener), target_port, most_delay, seed + 1);
  } else {
    why_no_name_ = "the port is taken on 127.0.0.2";
  }
}

std::string RedisAddress::text() const {
  return has_name() ? host_.name() + ":" + std::to_string(first_.port()) : first_.address();
}

std::vector<std::string> RedisAddress::environment() const {
  return has_name() ? host_.Environment() : std::vector<std::string>();
}

void RedisAddress::Repoint(int target_port) {
  second_in_use_ = !second_in_use_;
  relay().TurnTo(target_port);
  host_.LeadTo({second_in_use_ ? "127.0.0.2" : "127.0.0.1"});
}

}  // namespace rp::integration
