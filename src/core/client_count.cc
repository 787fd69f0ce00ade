#include "core/client_count.h"

namespace rp::core {

ClientCount::Place ClientCount::Enter() {
  if (served_.TryAdd(1, limit_)) return Place::kServed;
  return refused_.TryAdd(1, refused_limit_) ? Place::kRefused : Place::kNone;
}

void ClientCount::Leave(Place place) {
  if (place == Place::kServed) served_.Subtract(1);
  if (place == Place::kRefused) refused_.Subtract(1);
}

}  // namespace rp::core
