#include "base/resident.h"

#include <unistd.h>

#include <fstream>

namespace rp {

// proc(5): statm has the whole size and the resident part, in pages.
uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace rp
