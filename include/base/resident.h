// How much memory the process has, as the kernel counts it.
//
// Thread safety: any thread. Cost: reading a file of /proc, some 10 us.
#pragma once

#include <cstdint>

namespace rp {

// Bytes of pages in memory; 0 if /proc cannot be read.
[[nodiscard]] uint64_t ResidentBytes();

}  // namespace rp
