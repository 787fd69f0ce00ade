// How much memory the process uses (its resident set), as the kernel counts it.
//
// Owner: nobody; a function.
// Thread safety: any thread.
// Cost: reads a file of /proc, about 10 us.
#pragma once

#include <cstdint>

namespace rp {

// Returns the bytes of the pages in memory, or 0 if /proc cannot be read.
[[nodiscard]] uint64_t ResidentBytes();

}  // namespace rp
