// libFuzzer entry, which has to be built with `clang++ -fsanitize=fuzzer,address,undefined`.
#include <cstddef>
#include <cstdint>

#include "test/fuzz/tracking_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rp::redis::fuzz::CheckTracking({reinterpret_cast<const char*>(data), size});
  return 0;
}
