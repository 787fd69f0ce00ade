// The name of Redis leads to another server while connections to the old one live: the proxy finds
// out by what that one says, and goes where the name leads now. And what operators see of its
// connections.
#include <gtest/gtest.h>

#include <string>

#include "integration/harness/http_client.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"
#include "integration/harness/relay.h"
#include "integration/harness/resp_client.h"

namespace rp::integration {
namespace {

TEST(FailoverTest, WritesGoToTheServerThatTookTheNameOver) {
  RedisServer old_master;
  RedisServer new_master;
  Relay name(old_master.port());
  Proxy proxy({"-redis", name.address(), "-resp", "127.0.0.1:0", "-coherent", "-forward"});
  RespClient client(RespPort(proxy));
  EXPECT_EQ(client.Exchange("SET k old\r\nGET k\r\n"), "+OK\r\n$3\r\nold\r\n");

  // It hears nothing of the new one's writes.
  ASSERT_EQ(old_master.Command({"REPLICAOF", "127.0.0.1", "1"}), "OK");
  name.TurnTo(new_master.port());
  const std::string refusal = client.Exchange("SET k new\r\n");
  EXPECT_TRUE(refusal.starts_with("-READONLY ")) << refusal;
  EXPECT_EQ(client.Exchange("SET k new\r\nGET k\r\n"), "+OK\r\n$3\r\nnew\r\n");
  EXPECT_EQ(new_master.Command({"GET", "k"}), "new");
  EXPECT_TRUE(proxy.WaitForLog("READONLY"));
  EXPECT_EQ(CountOccurrences(proxy.Log(), "READONLY"), 1U);

  // Whoever reports the writes has moved as well.
  HttpClient http(proxy.port());
  ASSERT_TRUE(Eventually([&] { return http.Get("k").IsHit(); }));
  new_master.Set("k", "newer");
  EXPECT_TRUE(Eventually([&] { return http.Get("k").body == "newer"; }, 2s));
  EXPECT_TRUE(Eventually([&] { return http.Get("k").IsHit(); }));
}

TEST(FailoverTest, AReplicaWhoseNameStaysIsNotConnectedToWithoutEnd) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-resp", "127.0.0.1:0", "-coherent", "-forward"});
  RespClient client(RespPort(proxy));
  ASSERT_EQ(client.Exchange("SET k 1\r\n"), "+OK\r\n");
  ASSERT_EQ(redis.Command({"REPLICAOF", "127.0.0.1", "1"}), "OK");
  const std::string count = "total_connections_received:";
  const auto connections = [&] {
    const std::string info = redis.Command({"INFO", "stats"});
    return std::stoi(info.substr(info.find(count) + count.size()));
  };
  const int before = connections();
  int refused = 0;
  for (const TimePoint start = Now(); refused < 300 && Now() - start < 1s; ++refused) {
    ASSERT_TRUE(client.Exchange("SET k 2\r\n").starts_with("-READONLY "));
  }
  EXPECT_GT(refused, 3);
  EXPECT_LE(connections() - before, 20) << "for " << refused << " writes";
  EXPECT_EQ(CountOccurrences(proxy.Log(), "READONLY"), 1U);
}

TEST(ClientListTest, OperatorsSeeWhoseTheConnectionsAre) {
  RedisServer redis;
  Proxy proxy({"-redis", redis.address(), "-coherent"});
  EXPECT_EQ(Fetch(proxy.port(), "k").status, 404);
  const std::string clients = redis.Command({"CLIENT", "LIST"});
  EXPECT_NE(clients.find("name=redis-proxy "), std::string::npos) << clients;
  EXPECT_NE(clients.find("name=redis-proxy-tracking "), std::string::npos) << clients;
}

TEST(ClientListTest, AUserWhoMayNotSetANameIsServed) {
  RedisServer redis;
  redis.Set("k", "value");
  ASSERT_EQ(
      redis.Command({"ACL", "SETUSER", "reader", "on", ">word", "~*", "+get", "+pttl", "+ping"}),
      "OK");
  Proxy proxy({"-redis", redis.address()},
              {.environment = {"REDIS_USERNAME=reader", "REDIS_PASSWORD=word"}});
  EXPECT_EQ(Fetch(proxy.port(), "k").body, "value");
  EXPECT_EQ(proxy.Log().find("setname"), std::string::npos) << proxy.Log();
}

}  // namespace
}  // namespace rp::integration
