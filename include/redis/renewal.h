// When connections that work are to be made anew, since what Redis answers on them says that
// another server may have taken its name over. Hides the back-off: the name may lead to the same
// server still, and a script may answer anything, so that these errors prove nothing.
//
// Thread safety: one thread at a time (the fetchers' lock guards it). Time is an argument.
#pragma once

#include <optional>

#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class Renewal {
 public:
  // A Redis that loads its data or has lost its master is mostly back before long: it has so much
  // time. A pause in its errors of the same length means that it was.
  static constexpr Duration kPatience = std::chrono::seconds(5);
  // Between renewals: the first wait, which each renewal doubles, and the longest. A time without
  // one, longer than the longest, begins again with the first.
  static constexpr Duration kFirstWait = std::chrono::seconds(1);
  static constexpr Duration kLongestWait = std::chrono::seconds(10);

  // Redis has answered a request with `code`. True if connections are to be made anew now.
  [[nodiscard]] bool IsDue(ErrorCode code, TimePoint now);

 private:
  // The first and the last of those that say that Redis does not serve yet.
  TimePoint idle_since_;
  std::optional<TimePoint> idle_at_;
  TimePoint next_;         // no renewal before
  unsigned in_a_row_ = 0;  // renewals with no quiet time between them
};

}  // namespace rp::redis
