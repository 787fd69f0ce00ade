#include "resp_front/proxy_section.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "resp/writer.h"
#include "test/resp/request_table.h"
#include "test/resp_front/command_runner.h"

namespace rp::resp_front {
namespace {

std::string Section(const ServerFacts& facts, std::string_view version) {
  std::array<char, kMaxProxySectionBytes> out;
  return {out.data(), PutProxySection(facts, version, out.data())};
}

bool Asks(const std::vector<std::string>& words, std::string_view section) {
  const std::string bytes = resp::Array(words);
  resp::RequestReader reader(resp::kDefaultLimits);
  resp::Command command;
  EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  return AsksForSection(command, section);
}

TEST(ProxySectionTest, ShowsEveryNumber) {
  ServerFacts facts = SomeFacts();
  facts.cache.entries = 6;
  facts.cache.bytes = 7;
  facts.cache.misses = 12;
  facts.cache.evictions = 13;
  facts.cache.expirations = 14;
  facts.verified_hits = 15;
  facts.verify_violations = 16;
  EXPECT_EQ(Section(facts, "1.2"),
            "# Proxy\r\nproxy_version:1.2\r\nproxy_process_id:99\r\nproxy_uptime_in_seconds:2\r\n"
            "proxy_connected_clients:3\r\nproxy_maxclients:10\r\n"
            "proxy_total_connections_received:5\r\nproxy_resident_memory:4096\r\n"
            "proxy_cache_entries:6\r\nproxy_cache_memory:7\r\nproxy_cache_hits:11\r\n"
            "proxy_cache_misses:12\r\nproxy_cache_evicted_keys:13\r\n"
            "proxy_cache_expired_keys:14\r\nproxy_verified_hits:15\r\n"
            "proxy_verify_violations:16\r\n");
}

TEST(ProxySectionTest, FitsWithTheLargestNumbers) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  ServerFacts facts{.cache = {},
                    .clients = kMost,
                    .max_clients = kMost,
                    .connections_received = kMost,
                    .uptime = Duration::max(),
                    .resident_bytes = kMost,
                    .process_id = kMost,
                    .verified_hits = kMost,
                    .verify_violations = kMost};
  facts.cache.entries = facts.cache.bytes = facts.cache.hits = kMost;
  facts.cache.misses = facts.cache.evictions = facts.cache.expirations = kMost;
  const std::string longest(kMaxShownVersionBytes, 'v');
  const std::string section = Section(facts, longest);
  EXPECT_LE(section.size() + resp::kMaxHeaderBytes, kMaxProxySectionBytes);
  EXPECT_EQ(Section(facts, longest + "w"), section) << "of a longer version, the beginning";
  EXPECT_NE(Section(facts, longest.substr(1)), section);
}

TEST(ProxySectionTest, IsAskedForByNameOrWithAllOthers) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"INFO"},
                                             {"info", "proxy"},
                                             {"INFO", "PROXY"},
                                             {"INFO", "Default"},
                                             {"INFO", "all"},
                                             {"INFO", "everything"},
                                             {"INFO", "server", "proxy"}}) {
    EXPECT_TRUE(Asks(words, "proxy")) << words.back();
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"INFO", "replication"}, {"INFO", ""}, {"INFO", "proxies"}, {"INFO", "server", "cpu"}}) {
    EXPECT_FALSE(Asks(words, "proxy")) << words.back();
  }
}

}  // namespace
}  // namespace rp::resp_front
