// An allocation of exactly some bytes, so that AddressSanitizer sees a read beyond them. For
// fuzzers.
//
// Owns its bytes. Thread safety: none.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>

namespace rp {

class ExactCopy {
 public:
  explicit ExactCopy(std::string_view bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

}  // namespace rp
