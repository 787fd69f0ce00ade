#include "core/client_count.h"

namespace rp::core {
namespace {

bool AddOneWithin(std::atomic<size_t>* counter, size_t limit) {
  size_t current = counter->load(std::memory_order_relaxed);
  while (current < limit) {
    if (counter->compare_exchange_weak(current, current + 1, std::memory_order_relaxed))
      return true;
  }
  return false;
}

}  // namespace

ClientCount::Place ClientCount::Enter() {
  if (AddOneWithin(&served_, limit_)) return Place::kServed;
  return AddOneWithin(&refused_, refused_limit_) ? Place::kRefused : Place::kNone;
}

void ClientCount::Leave(Place place) {
  if (place == Place::kServed) served_.fetch_sub(1, std::memory_order_relaxed);
  if (place == Place::kRefused) refused_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace rp::core
