// Decides when connections that work are to be replaced, because what Redis answers on them says
// that another server may have its name after a failover. Hides the back-off: these errors prove
// nothing, since the name may still lead to the same server and a script may answer anything.
//
// Owner: Fetchers.
// Thread safety: one thread at a time (the fetchers' lock guards it). Time is an argument.
// Cost: O(1), no allocation.
#pragma once

#include <optional>

#include "base/error.h"
#include "base/time.h"

namespace rp::redis {

class Renewal {
 public:
  // A Redis that loads its data or has lost its master mostly serves again soon, so it gets this
  // much time. A pause of this length between its errors means that it did.
  static constexpr Duration kPatience = std::chrono::seconds(5);
  // The first wait between renewals, which each renewal doubles, and the longest. After a longer
  // time without a renewal the wait begins with the first again.
  static constexpr Duration kFirstWait = std::chrono::seconds(1);
  static constexpr Duration kMaxWait = std::chrono::seconds(10);

  // Redis has answered a request with the error `code`. Returns true if all connections are to be
  // replaced now.
  [[nodiscard]] bool IsDue(ErrorCode code, TimePoint now);

 private:
  // The first and the last error that says that Redis does not serve yet.
  TimePoint idle_since_;
  std::optional<TimePoint> idle_at_;
  TimePoint next_;         // no renewal before
  unsigned in_a_row_ = 0;  // renewals with no quiet time between them
};

}  // namespace rp::redis
