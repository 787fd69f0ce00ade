// A Redis that is followed begins to send nonsense on the connection that brings the reports: that
// costs the hits and a line of the log, and never a wrong hit or the process.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "integration/harness/coherence_support.h"
#include "integration/harness/proxy_process.h"
#include "integration/harness/tracking_redis.h"

namespace rp::integration {
namespace {

constexpr Duration kMaxStale = 500ms;
const char kMaxStaleFlag[] = "500ms";

struct Nonsense {
  std::string name;
  std::string step;  // of TrackingRedis: what is answered with `bytes`
  std::string bytes;
};

void PrintTo(const Nonsense& nonsense, std::ostream* out) { *out << nonsense.name; }

class NonsenseTest : public testing::TestWithParam<Nonsense> {
 protected:
  void SetUp() override { ASSERT_TRUE(BecomesHit(&client_, "k", "value of k")); }

  TrackingRedis redis_;
  Proxy proxy_{{"-redis", redis_.server().address(), "-coherent", "-max-stale", kMaxStaleFlag,
                "-expire", "0"}};
  HttpClient client_{proxy_.port()};
};

using NonsenseWhileLiveTest = NonsenseTest;

TEST_P(NonsenseWhileLiveTest, CostsTheHitsAndOneLineAndEndsByItself) {
  // No report of this write comes.
  redis_.server().Set("k", "new");
  const TimePoint written = Now();
  redis_.Reply(GetParam().step, GetParam().bytes);
  TimePoint last_old = written;
  for (TimePoint asked = Now(); client_.Get("k").body != "new"; asked = Now()) {
    last_old = asked;
    ASSERT_LT(asked, written + Patience(10s));
  }
  EXPECT_LE(last_old - written, kMaxStale + Patience(20ms));

  // It goes on: each new connection is followed until the nonsense comes there too.
  const size_t attempts = redis_.Received("CLIENT TRACKING").size();
  ASSERT_TRUE(Eventually([&] {
    EXPECT_EQ(client_.Get("k").body, "new");
    return redis_.Received("CLIENT TRACKING").size() >= attempts + 2;
  }));
  ASSERT_TRUE(Eventually([&] { return client_.Get("k").Header("cache-status") == kNoLease; }));
  EXPECT_TRUE(proxy_.Running());
  EXPECT_EQ(CountOccurrences(proxy_.Log(), " warn "), 1U) << proxy_.Log();
  EXPECT_EQ(CountOccurrences(proxy_.Log(), "lost track of writes"), 1U) << proxy_.Log();

  redis_.ReplyAsUsual(GetParam().step);
  EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
  const size_t proofs = redis_.Received("HEARTBEAT").size();
  ASSERT_TRUE(Eventually([&] { return redis_.Received("HEARTBEAT").size() >= proofs + 8; }));
  EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
}

INSTANTIATE_TEST_SUITE_P(
    , NonsenseWhileLiveTest,
    testing::Values(
        Nonsense{"APushOfAnotherKind", "HEARTBEAT",
                 ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n" + redis::kPong},
        Nonsense{"APushWithAMapOfKeys", "HEARTBEAT",
                 ">2\r\n$10\r\ninvalidate\r\n%1\r\n$1\r\nk\r\n$1\r\nk\r\n" + redis::kPong},
        Nonsense{"AHelloWithoutRole", "ROLE", "%1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"},
        Nonsense{"AnArrayForHello", "ROLE", "*2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"},
        Nonsense{"NoResp", "HEARTBEAT", "HTTP/1.1 400 Bad Request\r\n\r\n"},
        Nonsense{"ATypeThatDoesNotExist", "HEARTBEAT", "?3\r\n" + redis::kPong},
        Nonsense{"AnAnswerToNothing", "HEARTBEAT", redis::kPong + "+OK\r\n"}),
    [](const testing::TestParamInfo<Nonsense>& test) { return test.param.name; });

TEST_F(NonsenseTest, AReportOfAMillionKeysIsApplied) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1'000'000; ++i) keys.push_back(std::to_string(i));
  keys.emplace_back("k");
  redis_.server().Set("k", "new");
  redis_.Reply("HEARTBEAT", redis::KeysReport(keys) + redis::kPong);
  ASSERT_TRUE(Eventually([&] { return client_.Get("k").body == "new"; }));
  redis_.ReplyAsUsual("HEARTBEAT");
  EXPECT_TRUE(BecomesHit(&client_, "k", "new"));
  EXPECT_LE(CountOccurrences(proxy_.Log(), " warn "), 1U) << proxy_.Log();
}

}  // namespace
}  // namespace rp::integration
