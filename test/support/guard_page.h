// GuardPage: bytes that end at a page that may not be accessed, so that a reader that goes one byte
// too far crashes, with or without a sanitizer.
//
// Owner: the test. It owns its mapping.
// Thread safety: one thread at a time.
// Cost: Hold copies the bytes and clears the rest.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace rp {

class GuardPage {
 public:
  // Makes room for `capacity` bytes, rounded up to whole pages.
  explicit GuardPage(size_t capacity) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    capacity_ = (capacity + page - 1) / page * page;
    void* mapped =
        mmap(nullptr, capacity_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RP_CHECK(mapped != MAP_FAILED);
    start_ = static_cast<char*>(mapped);
    mapped_bytes_ = capacity_ + page;
    RP_CHECK(mprotect(start_ + capacity_, page, PROT_NONE) == 0);
  }
  ~GuardPage() { munmap(start_, mapped_bytes_); }
  GuardPage(const GuardPage&) = delete;
  GuardPage& operator=(const GuardPage&) = delete;

  // A copy of `bytes` that ends at the guard page and lives until the next call, which wipes it: a
  // pointer kept from an earlier call reads rubbish. REQUIRES: it fits, and is not the last copy.
  std::string_view Hold(std::string_view bytes) {
    RP_CHECK(bytes.size() <= capacity_);
    std::memset(start_, 0xAA, capacity_);
    char* copy = start_ + capacity_ - bytes.size();
    if (!bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
    return {copy, bytes.size()};
  }

 private:
  char* start_ = nullptr;
  size_t capacity_ = 0;
  size_t mapped_bytes_ = 0;
};

}  // namespace rp
