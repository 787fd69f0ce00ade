// ParseStatus: what an incremental parser returns for the bytes it was given.
//
// Owner: nobody; a constant type.
// Thread safety: any thread.
// Cost: none.
#pragma once

namespace rp {

enum class ParseStatus : unsigned char {
  kDone,      // one whole item was parsed
  kNeedMore,  // the bytes are a valid beginning; the caller calls again with more
  kError,     // the bytes are malformed or over a limit; so is every continuation
};

}  // namespace rp
