#include "redis/renewal.h"

#include <algorithm>

namespace rp::redis {

bool Renewal::IsDue(ErrorCode code, TimePoint now) {
  switch (code) {
    case ErrorCode::kReadOnly:
      break;
    case ErrorCode::kLoading:
    case ErrorCode::kMasterDown:
      if (!idle_at_ || now - *idle_at_ > kPatience) idle_since_ = now;
      idle_at_ = now;
      if (now - idle_since_ < kPatience) return false;
      break;
    default:
      return false;
  }
  if (now < next_) return false;
  wait_ = now - next_ > kLongestWait ? kFirstWait : std::clamp(2 * wait_, kFirstWait, kLongestWait);
  next_ = now + wait_;
  return true;
}

}  // namespace rp::redis
