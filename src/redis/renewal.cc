#include "redis/renewal.h"

#include "base/back_off.h"

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
  in_a_row_ = now - next_ > kMaxWait ? 1 : in_a_row_ + 1;
  next_ = now + BackOff::Limit(kFirstWait, kMaxWait, in_a_row_);
  return true;
}

}  // namespace rp::redis
