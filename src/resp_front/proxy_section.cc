#include "resp_front/proxy_section.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/ascii.h"
#include "resp/writer.h"

namespace rp::resp_front {

size_t PutProxySection(const ServerFacts& facts, std::string_view version, char* out) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(facts.uptime).count();
  const auto numbers = std::to_array<std::pair<std::string_view, uint64_t>>({
      {"proxy_process_id", facts.process_id},
      {"proxy_uptime_in_seconds", static_cast<uint64_t>(seconds)},
      {"proxy_connected_clients", facts.clients},
      {"proxy_maxclients", facts.max_clients},
      {"proxy_total_connections_received", facts.connections_received},
      {"proxy_resident_memory", facts.resident_bytes},
      {"proxy_cache_entries", facts.cache.entries},
      {"proxy_cache_memory", facts.cache.bytes},
      {"proxy_cache_hits", facts.cache.hits},
      {"proxy_cache_misses", facts.cache.misses},
      {"proxy_cache_evicted_keys", facts.cache.evictions},
      {"proxy_cache_expired_keys", facts.cache.expirations},
      {"proxy_verified_hits", facts.verified_hits},
      {"proxy_verify_violations", facts.verify_violations},
  });
  char* end = out;
  const auto put = [&end](std::string_view text) {
    end = std::copy(text.begin(), text.end(), end);
  };
  put("# Proxy\r\nproxy_version:");
  put(version.substr(0, kMaxShownVersionBytes));
  put(resp::kCrLf);
  for (const auto& [name, number] : numbers) {
    put(name);
    // A line of INFO ends as an integer of the protocol begins and ends: ":1\r\n".
    end = resp::PutHeader(':', static_cast<int64_t>(number), end);
  }
  return static_cast<size_t>(end - out);
}

bool AsksForSection(const resp::Command& info, std::string_view section) {
  if (info.size() == 1) return true;
  for (size_t i = 1; i < info.size(); ++i) {
    for (const std::string_view name : {section, std::string_view("default"),
                                        std::string_view("all"), std::string_view("everything")}) {
      if (EqualsIgnoreCase(info[i], name)) return true;
    }
  }
  return false;
}

}  // namespace rp::resp_front
