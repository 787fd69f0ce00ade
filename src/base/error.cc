#include "base/error.h"

#include <array>

#include "base/check.h"

namespace rp {
namespace {

constexpr std::array<ErrorInfo, 22> kErrors = {{
    {409, false, "WRONGTYPE", "wrong_type", "the key holds a value that is not a string"},
    {403, false, "NOPERM", "no_permission", "Redis does not permit reading this key"},
    {502, false, "ERR", "too_large",
     "the value has 4 GB or more, which this proxy does not support"},
    {502, false, "ERR", "upstream", "Redis answered with an error"},
    {504, false, "TIMEOUT", "timeout", "Redis did not answer in time"},
    {502, false, "ERR", "unavailable", "Redis cannot be reached"},
    {503, true, "BUSY", "away", "Redis is unavailable, try again soon"},
    {502, false, "ERR", "protocol", "Redis sent an invalid reply"},
    {502, false, "ERR", "auth", "Redis refused this proxy's credentials"},
    {502, false, "ERR", "refused", "Redis refuses this proxy's connections; see the proxy's log"},
    {502, false, "ERR", "moved", "Redis is a cluster, and another node has this key"},
    {502, false, "READONLY", "read_only", "Redis is a replica, which refuses writes"},
    {503, true, "LOADING", "loading", "Redis is loading its data"},
    {503, true, "MASTERDOWN", "master_down", "Redis is a replica that has lost its master"},
    {503, true, "CLUSTERDOWN", "cluster_down", "the Redis cluster is down"},
    {503, true, "TRYAGAIN", "try_again", "the Redis cluster is moving keys"},
    {503, true, "BUSY", "script_runs", "Redis is busy running a script"},
    {503, true, "BUSY", "too_many_clients", "Redis has too many clients"},
    {503, true, "BUSY", "busy", "overloaded, try again soon"},
    {503, true, "OOM", "no_memory", "out of memory"},
    {503, true, "BUSY", "stopping", "this proxy is shutting down"},
    {500, false, "ERR", "internal", "internal error"},
}};

}  // namespace

const ErrorInfo& Describe(ErrorCode code) {
  const auto index = static_cast<size_t>(code);
  RP_CHECK(index < kErrors.size());
  return kErrors[index];
}

}  // namespace rp
