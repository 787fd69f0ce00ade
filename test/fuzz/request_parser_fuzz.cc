// libFuzzer entry, which has to be built with `clang++ -fsanitize=fuzzer,address,undefined`.
#include <cstddef>
#include <cstdint>

#include "test/fuzz/request_parser_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rp::http::fuzz::CheckRequestParser({reinterpret_cast<const char*>(data), size});
  return 0;
}
