// The section `# Proxy` of INFO: the numbers of this program, under names that Redis does not use.
// With -forward it goes behind Redis's own sections, else behind this endpoint's.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: O(bytes), no allocation.
#pragma once

#include <cstddef>
#include <string_view>

#include "resp/request_reader.h"
#include "resp_front/resp_options.h"

namespace rp::resp_front {

// The section is at most this large. Of a longer version than kMaxShownVersionBytes, the beginning
// is shown.
inline constexpr size_t kMaxProxySectionBytes = 1024;
inline constexpr size_t kMaxShownVersionBytes = 64;

// Writes the section to `out` and returns its size in bytes. REQUIRES: `out` has room for
// kMaxProxySectionBytes.
[[nodiscard]] size_t PutProxySection(const ServerFacts& facts, std::string_view version, char* out);

// Returns whether `info`, an INFO command, asks for the section of this name: it has no argument,
// or one of them is `section`, "default", "all" or "everything", in any case.
[[nodiscard]] bool AsksForSection(const resp::Command& info, std::string_view section);

}  // namespace rp::resp_front
