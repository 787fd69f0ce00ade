// The size of a cache line, for data that different threads write. It costs padding and nothing
// else.
//
// std::hardware_destructive_interference_size is not used: g++ warns that it may differ between
// two compilations of one program.
//
// Thread safety: a constant.
#pragma once

#include <cstddef>

namespace rp {

inline constexpr size_t kCacheLineBytes = 64;

}  // namespace rp
