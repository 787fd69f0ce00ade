#include "redis/endpoint.h"

#include <gtest/gtest.h>

#include <string>

namespace rp::redis {
namespace {

TEST(EndpointTest, ReadsEveryForm) {
  const struct {
    std::string text, host;
    uint16_t port;
    std::string path, printed;
  } rows[] = {
      {"localhost:6380", "localhost", 6380, "", "localhost:6380"},
      {"redis", "redis", 6379, "", "redis:6379"},
      {":7000", "localhost", 7000, "", "localhost:7000"},
      {"10.0.0.1:1", "10.0.0.1", 1, "", "10.0.0.1:1"},
      {"host:65535", "host", 65535, "", "host:65535"},
      {"[::1]:6380", "::1", 6380, "", "[::1]:6380"},
      {"[fe80::1%eth0]", "fe80::1%eth0", 6379, "", "[fe80::1%eth0]:6379"},
      {"/run/redis.sock", "", 6379, "/run/redis.sock", "/run/redis.sock"},
      {"/a b:c", "", 6379, "/a b:c", "/a b:c"},
  };
  for (const auto& row : rows) {
    Result<Endpoint> endpoint = ParseEndpoint(row.text);
    ASSERT_TRUE(endpoint.ok()) << row.text;
    EXPECT_EQ(endpoint->host, row.host) << row.text;
    EXPECT_EQ(endpoint->port, row.port) << row.text;
    EXPECT_EQ(endpoint->path, row.path) << row.text;
    EXPECT_EQ(endpoint->ToString(), row.printed);
  }
}

TEST(EndpointTest, RefusesWhatIsNeitherAddressNorPath) {
  for (const std::string text :
       {"", "host:", "host:0", "host:65536", "host:12x", "host:-1", "host: 1", "a b:1", "::1",
        "::1:6379", "[::1", "[]:1", "[::1]6379", "[::1]x:1", "host:99999999999999999999"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

TEST(EndpointTest, SaysWhatWasExpectedAndGiven) {
  EXPECT_EQ(ParseEndpoint("h:0").error().message,
            "expected HOST[:PORT], [IPV6][:PORT] or /PATH with a port from 1 to 65535, got 'h:0'");
  EXPECT_EQ(ParseEndpoint("/" + std::string(107, 'p')).error().message,
            "expected a path of at most 107 bytes, got '/" + std::string(63, 'p') + "...'");
}

TEST(EndpointTest, LimitsThePathToWhatASocketAddressHolds) {
  EXPECT_TRUE(ParseEndpoint("/" + std::string(106, 'p')).ok());
  EXPECT_FALSE(ParseEndpoint("/" + std::string(107, 'p')).ok());
}

TEST(EndpointTest, LimitsTheHostToWhatDnsHolds) {
  EXPECT_TRUE(ParseEndpoint(std::string(253, 'h') + ":1").ok());
  EXPECT_FALSE(ParseEndpoint(std::string(254, 'h') + ":1").ok());
}

TEST(EndpointTest, RefusesNulInAPath) {
  EXPECT_FALSE(ParseEndpoint(std::string_view("/a\0b", 4)).ok());
}

}  // namespace
}  // namespace rp::redis
