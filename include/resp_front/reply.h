// Reply: the bytes that answer a command which this endpoint carries out itself.
//
// Owner: the caller; a value. Thread safety: values and pure functions. Cost: a constant reply
// takes no allocation.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/shared_bytes.h"

namespace rp::resp_front {

struct Reply {
  enum class Then : unsigned char { kGoOn, kClose };

  std::string_view constant;  // sent if `bytes` is empty
  std::string bytes;
  Then then = Then::kGoOn;  // what follows after this has been sent
  SharedBytes large = {};   // sent in place of `bytes`, if there are any
};

inline constexpr std::string_view kOk = "+OK\r\n";
inline constexpr std::string_view kOutOfMemory = "-OOM out of memory\r\n";
inline constexpr std::string_view kSyntax = "syntax error";
inline constexpr std::string_view kNotAnInteger = "value is not an integer or out of range";

[[nodiscard]] inline Reply Constant(std::string_view constant) {
  return {.constant = constant, .bytes = {}};
}
[[nodiscard]] inline Reply Bytes(std::string bytes) {
  return {.constant = {}, .bytes = std::move(bytes)};
}
[[nodiscard]] inline Reply Large(SharedBytes bytes) {
  return {.constant = {}, .bytes = {}, .large = std::move(bytes)};
}
// Returns the error "-ERR " and `text`, whose CR and LF become spaces.
[[nodiscard]] Reply ErrorReply(std::string_view text);
// Returns the error for a command, or a subcommand as in "config|set", that this endpoint lacks.
[[nodiscard]] Reply NotAvailable(std::string_view full_name);

}  // namespace rp::resp_front
