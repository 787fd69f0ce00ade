// No more address space for this process than it has: mmap fails, and so does malloc where it needs
// it, as for all that is large. Small blocks may be had from what malloc has already.
//
// Thread safety: of the whole process. Cost: none.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

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
  }
  ~ScarceMemory() {
    RP_CHECK(setrlimit(RLIMIT_AS, &before_) == 0);
    FillReserve();
  }
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;

 private:
  rlimit before_{};
};

}  // namespace rp
