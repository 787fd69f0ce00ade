// The size of a cache line. Data that different threads write is aligned to it, so that they do not
// share a line (false sharing).
//
// std::hardware_destructive_interference_size is not used: g++ warns that it may differ between
// two compilations of one program.
//
// Owner: nobody; a constant.
// Thread safety: any thread.
// Cost: padding in the data that uses it.
#pragma once

#include <cstddef>

namespace rp {

inline constexpr size_t kCacheLineBytes = 64;

}  // namespace rp
