// ScarceMemory: while it exists, the process gets no more address space, and malloc has no large
// block left from other tests: mmap fails, and malloc fails for large sizes. Small blocks may still
// come from the memory that malloc has.
//
// Owner: the test.
// Thread safety: it affects the whole process.
// Cost: some calls of malloc.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "base/check.h"
#include "base/memory.h"

namespace rp {

class ScarceMemory {
 public:
  ScarceMemory() {
    RP_CHECK(getrlimit(RLIMIT_AS, &before_) == 0);
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit now = before_;
    now.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
    RP_CHECK(setrlimit(RLIMIT_AS, &now) == 0);
    for (size_t bytes = size_t{256} << 20; bytes >= kLargeBytes; bytes /= 2) {
      while (count_ < blocks_.size() && (blocks_[count_] = std::malloc(bytes)) != nullptr) ++count_;
    }
  }
  ~ScarceMemory() {
    RP_CHECK(setrlimit(RLIMIT_AS, &before_) == 0);
    for (size_t i = 0; i < count_; ++i) std::free(blocks_[i]);
    FillReserve();
  }
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;

 private:
  static constexpr size_t kLargeBytes = 128 * 1024;

  rlimit before_{};
  std::array<void*, 4096> blocks_{};
  size_t count_ = 0;
};

}  // namespace rp
