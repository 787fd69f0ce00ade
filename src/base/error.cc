#include "base/error.h"

#include <array>

#include "base/check.h"

namespace rp {
namespace {

constexpr std::array<ErrorInfo, 9> kErrors = {{
    {409, false, "WRONGTYPE", "wrong_type", "the key holds a value that is not a string"},
    {403, false, "NOPERM", "no_permission", "Redis does not permit reading this key"},
    {504, false, "TIMEOUT", "timeout", "Redis did not answer in time"},
    {502, false, "ERR", "unavailable", "Redis cannot be reached"},
    {502, false, "ERR", "protocol", "Redis sent an invalid reply"},
    {502, false, "ERR", "auth", "Redis refused this proxy's credentials"},
    {502, false, "ERR", "upstream", "Redis answered with an error"},
    {503, true, "BUSY", "busy", "overloaded, try again soon"},
    {500, false, "ERR", "internal", "internal error"},
}};

}  // namespace

const ErrorInfo& Describe(ErrorCode code) {
  const auto index = static_cast<size_t>(code);
  RP_CHECK(index < kErrors.size());
  return kErrors[index];
}

}  // namespace rp
