// The rights that -coherent needs in Redis, no more and no less.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/redis_server.h"

namespace rp::integration {
namespace {

const ProxyOptions kAsAlice{.environment = {"REDIS_USERNAME=alice", "REDIS_PASSWORD=secret"}};

class RightsTest : public ::testing::Test {
 protected:
  void Grant(const std::vector<std::string>& rights) {
    std::vector<std::string> command = {"ACL", "SETUSER", "alice", "reset", "on", ">secret", "~*"};
    command.insert(command.end(), rights.begin(), rights.end());
    ASSERT_EQ(redis_.Command(command), "OK");
    redis_.Set("k", "old");
  }

  // Hits, reports and the renewals of the lease.
  void ExpectFollowed(const Proxy& proxy) {
    HttpClient client(proxy.port());
    ASSERT_TRUE(BecomesHit(&client, "k", "old"));
    ASSERT_TRUE(BecomesHit(&client, "missing", 404));
    // The proofs of three leases.
    ASSERT_TRUE(Eventually([&] { return CountOf("commandstats", "cmdstat_hello:calls=") > 12; }));
    EXPECT_EQ(proxy.Log().find("lost track"), std::string::npos) << proxy.Log();
    redis_.Set("k", "new");
    ASSERT_TRUE(BecomesHit(&client, "k", "new"));
    // Connections that have been made again do the same as the first.
    redis_.Command({"CLIENT", "KILL", "USER", "alice"});
    redis_.Set("k", "newer");
    ASSERT_TRUE(BecomesHit(&client, "k", "newer"));
    redis_.Set("k", "newest");
    ASSERT_TRUE(BecomesHit(&client, "k", "newest"));
    // The address is looked at.
    const auto connections = [&] { return CountOf("stats", "total_connections_received:"); };
    const int before = connections();
    ASSERT_TRUE(Eventually([&] { return connections() >= before + 2; }));
    EXPECT_TRUE(BecomesHit(&client, "k", "newest"));
  }

  // The number behind `field` in INFO; 0 if there is none.
  int CountOf(const std::string& section, const std::string& field) {
    const std::string info = redis_.Command({"INFO", section});
    const size_t at = info.find(field);
    return at == std::string::npos ? 0 : std::atoi(info.c_str() + at + field.size());
  }

  // The objects that the user was refused. ACL LOG has an array of names and values for each.
  std::vector<std::string> Refused() {
    std::istringstream log(redis_.Command({"ACL", "LOG"}));
    std::vector<std::string> objects;
    for (std::string line; std::getline(log, line);) {
      if (line == "object" && std::getline(log, line)) objects.push_back(line);
    }
    return objects;
  }

  RedisServer redis_;
  const std::vector<std::string> flags_ = {"-redis", redis_.address(), "-coherent", "-max-stale",
                                           "300ms",  "-expire",        "0"};
};

TEST_F(RightsTest, TheseAreEnoughAndNothingElseIsAskedFor) {
  Grant({"+client|tracking", "+ping", "+get", "+pttl", "+info"});
  const Proxy proxy(flags_, kAsAlice);
  ExpectFollowed(proxy);
  EXPECT_EQ(proxy.Log().find("NOPERM"), std::string::npos) << proxy.Log();
  // The name is the only thing that may be refused.
  EXPECT_EQ(Refused(), std::vector<std::string>{"client|setname"});
}

TEST_F(RightsTest, WithTheRightToANameNothingIsRefused) {
  Grant({"+client|tracking", "+ping", "+get", "+pttl", "+info", "+client|setname"});
  const Proxy proxy(flags_, kAsAlice);
  ExpectFollowed(proxy);
  EXPECT_EQ(Refused(), std::vector<std::string>{});
}

TEST_F(RightsTest, WithoutInfoTheServerIsKnownByItsAddressAndTheLogSaysSoOnce) {
  Grant({"+client|tracking", "+ping", "+get", "+pttl"});
  const Proxy proxy(flags_, kAsAlice);
  ExpectFollowed(proxy);
  const std::string log = proxy.Log();
  EXPECT_EQ(CountOccurrences(log, "known by its address alone"), 1U) << log;
  EXPECT_EQ(log.find("leads to another server"), std::string::npos) << log;
}

TEST_F(RightsTest, WithoutOneOfThoseThatItNeedsCoherentIsRefusedAndNamesThem) {
  for (const std::string missing : {"+client|tracking", "+ping"}) {
    std::vector<std::string> rights;
    for (const char* right : {"+client|tracking", "+ping", "+get", "+pttl", "+info"}) {
      if (right != missing) rights.emplace_back(right);
    }
    Grant(rights);
    const RunResult result =
        RunProxy({"-http", "127.0.0.1:0", "-redis", redis_.address(), "-coherent"}, 10s, kAsAlice);
    EXPECT_EQ(result.status, 1) << missing;
    EXPECT_EQ(CountOccurrences(result.standard_error, "\n"), 1U) << result.standard_error;
    EXPECT_NE(result.standard_error.find("ACL SETUSER alice +client|tracking +ping +info"),
              std::string::npos)
        << missing << ": " << result.standard_error;
  }
}

}  // namespace
}  // namespace rp::integration
