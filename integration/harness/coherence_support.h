// What the tests of -coherent share: the names of what Cache-Status says, and the wait for a value
// to be cached.
//
// Thread safety: as HttpClient. Cost: waiting polls every few milliseconds.
#pragma once

#include <string>

#include "integration/harness/http_client.h"

namespace rp::integration {

inline constexpr char kNoLease[] = "redis-proxy; fwd=bypass; detail=no-lease";
inline constexpr char kNotPrimary[] = "redis-proxy; fwd=bypass; detail=not-primary";
inline constexpr char kNoPrefix[] = "redis-proxy; fwd=bypass; detail=no-prefix";
inline constexpr char kStaleHit[] = "redis-proxy; hit; fwd=stale";

// Whether the key is answered from the cache with `status`, and with `body` if that is 200, sooner
// or later: the report of a write that was made before a fetch may come after it.
[[nodiscard]] inline bool BecomesHit(HttpClient* client, const std::string& key, int status,
                                     const std::string& body = "") {
  return Eventually([&] {
    const HttpResponse response = client->Get(key);
    return response.IsHit() && response.status == status &&
           (status != 200 || response.body == body);
  });
}

[[nodiscard]] inline bool BecomesHit(HttpClient* client, const std::string& key,
                                     const std::string& body) {
  return BecomesHit(client, key, 200, body);
}

}  // namespace rp::integration
