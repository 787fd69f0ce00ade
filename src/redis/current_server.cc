#include "redis/current_server.h"

#include <algorithm>

namespace rp::redis {

CurrentServer::CurrentServer(std::string name, std::function<void(TimePoint now)> on_moved)
    : name_(std::move(name)), on_moved_(std::move(on_moved)) {}

uint64_t CurrentServer::OnConnected(const ServerIdentity& server, uint64_t address, uint64_t since,
                                    TimePoint now) {
  bool has_moved = false;
  uint64_t generation = since;
  {
    MutexLock lock(&mutex_);
    // This one may have been made before those that it would outdate.
    if (since != generation_.load(std::memory_order_relaxed)) return since;
    const bool is_known = server.kind != ServerIdentity::Kind::kUnknown;
    has_moved = is_known && server_.kind != ServerIdentity::Kind::kUnknown && server_ != server;
    if (has_moved) OutdateLocked(now);
    if (is_known) {
      server_ = server;
      current_id_.store(server.id, std::memory_order_release);
    }
    if (std::find(addresses_.begin(), addresses_.end(), address) == addresses_.end()) {
      addresses_.push_back(address);
    }
    generation = generation_.load(std::memory_order_relaxed);
  }
  uint64_t suppressed = 0;
  if (has_moved && moved_limiter_.Allow(now, &suppressed)) {
    Log(LogLevel::kWarn,
        "redis: %s leads to another server now, or to one that was started anew; values from "
        "before are not served any more",
        name_.c_str());
  }
  return generation;
}

void CurrentServer::Outdate(TimePoint now) {
  MutexLock lock(&mutex_);
  OutdateLocked(now);
}

std::vector<uint64_t> CurrentServer::addresses() const {
  MutexLock lock(&mutex_);
  return addresses_;
}

void CurrentServer::OutdateLocked(TimePoint now) {
  generation_.fetch_add(1, std::memory_order_acq_rel);
  server_ = {};
  current_id_.store(0, std::memory_order_release);
  addresses_.clear();
  if (on_moved_) on_moved_(now);
}

}  // namespace rp::redis
