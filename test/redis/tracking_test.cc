// The connection that tracks, as bytes and times: no threads, no sockets, no Redis.
#include "redis/tracking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/support/tracking_redis.h"

namespace rp::redis {
namespace {

using Kind = InvalidationRecorder::Kind;
using State = Tracking::State;
using Strings = std::vector<std::string>;

const std::string kOk = "+OK\r\n";
const std::string kSetUpCommands =
    "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
    "*4\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$5\r\nBCAST\r\n"
    "*1\r\n$4\r\nPING\r\n";
const std::string kProof = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n";
const std::string kClusterProof = kProof + "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n";

class TrackingTest : public testing::Test {
 protected:
  TrackingTest() { Begin(); }

  // A connection that has just been made.
  void Begin() {
    TrackingOptions options;
    options.server = 7;
    tracking_ = std::make_unique<Tracking>(std::move(options), &recorder_, now_);
  }

  // Receives the bytes in pieces of that size, all at one time.
  Result<void> Receive(const std::string& bytes, size_t piece = SIZE_MAX) {
    for (size_t at = 0; at < bytes.size();) {
      const std::span<char> room = tracking_->Room();
      const size_t count = std::min({bytes.size() - at, piece, room.size()});
      std::memcpy(room.data(), bytes.data() + at, count);
      at += count;
      if (Result<void> taken = tracking_->OnReceived(count, now_); !taken) return taken;
    }
    return {};
  }

  // Takes what is to be sent.
  std::string Sent() {
    std::string output(tracking_->output());
    tracking_->OnSent(output.size());
    return output;
  }

  void GoLive(const std::string& mode = "standalone") {
    Sent();
    ASSERT_TRUE(Receive(HelloReply("master", mode) + kOk + kPong).ok());
    const bool is_cluster = mode == "cluster";
    ASSERT_TRUE(Receive(is_cluster ? FakeRedis::Bulk("cluster_state:ok\r\n") : "").ok());
    ASSERT_EQ(tracking_->state(), State::kLive);
    Sent();
  }

  // Goes on to where a proof is due, and returns what is sent.
  std::string NextProof() {
    now_ = tracking_->WaitLimit();
    EXPECT_TRUE(tracking_->OnTime(now_).ok());
    return Sent();
  }

  // Whether `bytes` end the connection, with an error of that code.
  testing::AssertionResult EndsIt(const std::string& bytes, ErrorCode code,
                                  const std::string& message) {
    const Result<void> received = Receive(bytes);
    if (received) return testing::AssertionFailure() << "taken";
    if (received.error().code != code || received.error().message != message) {
      return testing::AssertionFailure() << received.error().message;
    }
    return testing::AssertionSuccess();
  }

  TimePoint now_{std::chrono::hours(1)};
  InvalidationRecorder recorder_;
  std::unique_ptr<Tracking> tracking_;
};

TEST_F(TrackingTest, AsksForTheRoleTheTrackingAndPingInOneWrite) {
  EXPECT_EQ(Sent(), kSetUpCommands);
  now_ += milliseconds(100);
  for (const std::string& reply : {HelloReply("master"), kOk}) {
    ASSERT_TRUE(Receive(reply).ok());
    EXPECT_TRUE(recorder_.events().empty());
  }
  ASSERT_TRUE(Receive(kPong).ok());
  ASSERT_EQ(recorder_.events().size(), 1u);
  EXPECT_EQ(recorder_.events()[0].kind, Kind::kLive);
  EXPECT_EQ(recorder_.events()[0].server, 7u);
  EXPECT_EQ(recorder_.events()[0].lease, now_ - milliseconds(100) + seconds(1))
      << "from when the tracking was asked for";
}

TEST_F(TrackingTest, TheSetUpHasALimit) {
  const TimePoint limit = tracking_->WaitLimit();
  EXPECT_EQ(limit, now_ + seconds(1));
  EXPECT_TRUE(tracking_->OnTime(limit - Duration(1)).ok());
  const Result<void> late = tracking_->OnTime(limit);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
}

TEST_F(TrackingTest, EachProofIsHelloAndPingInOneWrite) {
  GoLive();
  EXPECT_EQ(NextProof(), kProof);
  EXPECT_TRUE(tracking_->OnTime(now_).ok());
  EXPECT_EQ(Sent(), "") << "one at a time";
  ASSERT_TRUE(Receive(HelloReply("master")).ok());
  EXPECT_EQ(recorder_.Count(Kind::kLease), 0u) << "half a proof";
  ASSERT_TRUE(Receive(kPong).ok());
  EXPECT_EQ(recorder_.Count(Kind::kLease), 1u);
  EXPECT_EQ(NextProof(), kProof);
}

TEST_F(TrackingTest, TheLeaseRunsFromTheProofBefore) {
  GoLive();
  NextProof();
  const TimePoint first = now_;
  ASSERT_TRUE(Receive(HelloReply("master") + kPong).ok());
  NextProof();
  ASSERT_TRUE(Receive(HelloReply("master") + kPong).ok());
  EXPECT_EQ(recorder_.Of(Kind::kLease).back().lease, first + seconds(1));
}

TEST_F(TrackingTest, IsLostWithoutAnAnswer) {
  GoLive();
  NextProof();
  ASSERT_TRUE(Receive(HelloReply("master")).ok());
  const TimePoint lost_at = now_ + seconds(1);
  EXPECT_TRUE(tracking_->OnTime(lost_at - Duration(1)).ok());
  const Result<void> lost = tracking_->OnTime(lost_at);
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().message, "no answer to HELLO and PING within 1000ms");
}

TEST_F(TrackingTest, TheTimeThatReportsTakeIsNotSilence) {
  GoLive();
  NextProof();
  ASSERT_TRUE(Receive(KeysReport({"k"})).ok());
  now_ += seconds(2);
  EXPECT_TRUE(tracking_->OnTime(now_).ok());
  ASSERT_TRUE(Receive(HelloReply("master") + kPong).ok());
  EXPECT_EQ(recorder_.Count(Kind::kLease), 1u);
}

TEST_F(TrackingTest, ANodeOfAClusterMustServe) {
  Sent();
  ASSERT_TRUE(Receive(HelloReply("master", "cluster") + kOk + kPong).ok());
  EXPECT_EQ(Sent(), "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n");
  EXPECT_EQ(tracking_->state(), State::kSetUp);
  ASSERT_TRUE(Receive(FakeRedis::Bulk("cluster_enabled:1\r\ncluster_state:ok\r\n")).ok());
  EXPECT_EQ(tracking_->state(), State::kLive);
  EXPECT_EQ(NextProof(), kClusterProof);
  // As RESP3 has it.
  ASSERT_TRUE(
      Receive(HelloReply("master", "cluster") + kPong + "=20\r\ntxt:cluster_state:ok\r\n").ok());
  EXPECT_EQ(recorder_.Count(Kind::kLease), 1u);
  EXPECT_EQ(NextProof(), kClusterProof);
  ASSERT_TRUE(Receive(HelloReply("master", "cluster") + kPong).ok());
  EXPECT_EQ(recorder_.Count(Kind::kLease), 1u);
  EXPECT_TRUE(EndsIt(FakeRedis::Bulk("cluster_state:fail\r\n"), ErrorCode::kClusterDown,
                     "cluster_state is not ok"));
}

// --- Reports ---

TEST_F(TrackingTest, PassesKeysOnInOrderWhateverTheirBytesAndHoweverTheyAreCut) {
  GoLive();
  const std::string nul("a\0\r\n", 4);
  const Strings keys = {"one", nul, ""};
  for (const size_t piece : {size_t{1}, size_t{7}, SIZE_MAX}) {
    const size_t before = recorder_.Keys().size();
    ASSERT_TRUE(Receive(KeysReport(keys) + KeysReport({}) + KeysReport({"two"}), piece).ok());
    const Strings all = recorder_.Keys();
    EXPECT_EQ(Strings(all.begin() + static_cast<std::ptrdiff_t>(before), all.end()),
              (Strings{"one", nul, "", "two"}))
        << piece;
  }
}

TEST_F(TrackingTest, TakesNullForAFlush) {
  GoLive();
  ASSERT_TRUE(Receive(kFlushReport + ">2\r\n$10\r\ninvalidate\r\n*-1\r\n").ok());
  EXPECT_EQ(recorder_.Count(Kind::kFlush), 2u);
}

TEST_F(TrackingTest, SaysNothingOfWritesFromBeforeItIsLive) {
  Sent();
  ASSERT_TRUE(Receive(HelloReply("master") + kOk + KeysReport({"k"}) + kFlushReport).ok());
  EXPECT_TRUE(recorder_.events().empty());
  ASSERT_TRUE(Receive(kPong).ok());
  EXPECT_EQ(recorder_.events().size(), 1u);
}

TEST_F(TrackingTest, ReportsMayComeBetweenTheAnswersOfAProof) {
  GoLive();
  NextProof();
  ASSERT_TRUE(Receive(KeysReport({"a"}) + HelloReply("master") + KeysReport({"b"}) + kPong).ok());
  EXPECT_EQ(recorder_.Keys(), (Strings{"a", "b"}));
  EXPECT_EQ(recorder_.Count(Kind::kLease), 1u);
}

TEST_F(TrackingTest, TakesAReportOfAMillionKeys) {
  GoLive();
  const size_t keys = 1'000'000;
  std::string report = ">2\r\n$10\r\ninvalidate\r\n*" + std::to_string(keys) + "\r\n";
  size_t reported = 0;
  recorder_.on_key = [&reported] { ++reported; };
  for (size_t i = 0; i < keys; ++i) report += "$3\r\nkey\r\n";
  ASSERT_TRUE(Receive(report, 1 << 20).ok());
  EXPECT_EQ(reported, keys);
  NextProof();
  ASSERT_TRUE(Receive(HelloReply("master") + kPong).ok());
  EXPECT_EQ(recorder_.Count(Kind::kLease), 1u);
}

TEST_F(TrackingTest, AReportIsLimited) {
  GoLive();
  const std::string head = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$";
  const std::string length = "67108800";  // of the key, in as many digits
  const size_t framing = head.size() + length.size() + 4;
  const size_t most = Tracking::kMaxReplyBytes - framing;
  ASSERT_EQ(std::to_string(most).size(), length.size());
  ASSERT_TRUE(Receive(head + std::to_string(most) + "\r\n" + std::string(most, 'k') + "\r\n").ok());
  EXPECT_EQ(recorder_.Count(Kind::kKey), 1u);
  const Result<void> more = Receive(head + std::to_string(most + 1) + "\r\n");
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, ErrorCode::kProtocol);
}

// --- Nonsense ---

TEST_F(TrackingTest, TakesNoOtherAnswersToTheSetUp) {
  const std::string hello = HelloReply("master");
  const struct {
    std::string bytes;
    ErrorCode code;
    std::string message;
  } rows[] = {
      {"-ERR unknown command `HELLO`\r\n", ErrorCode::kUpstream, "ERR unknown command `HELLO`"},
      {"-NOPROTO unsupported protocol version\r\n", ErrorCode::kUpstream,
       "NOPROTO unsupported protocol version"},
      {"*2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n", ErrorCode::kProtocol,
       "Redis sent no map for HELLO 3"},
      {"$6\r\nmaster\r\n", ErrorCode::kProtocol, "Redis sent no map for HELLO 3"},
      {"%0\r\n", ErrorCode::kProtocol, "Redis sent a HELLO without a role"},
      {"%1\r\n$4\r\nrole\r\n*0\r\n", ErrorCode::kProtocol, "Redis sent a HELLO without a role"},
      {"%1\r\n*1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n", ErrorCode::kProtocol,
       "Redis sent no map for HELLO 3"},
      {HelloReply("replica"), ErrorCode::kReadOnly, "its role is replica"},
      {HelloReply("slave"), ErrorCode::kReadOnly, "its role is slave"},
      {hello + "+QUEUED\r\n", ErrorCode::kProtocol, "Redis sent no OK for CLIENT TRACKING"},
      {hello + "-NOPERM no\r\n", ErrorCode::kNoPermission, "NOPERM no"},
      {hello + kOk + ":1\r\n", ErrorCode::kProtocol, "Redis sent no PONG for PING"},
      {hello + kOk + "*2\r\n$4\r\npong\r\n$0\r\n\r\n", ErrorCode::kProtocol,
       "Redis sent no PONG for PING"},
      {hello + kOk + "-LOADING it\r\n", ErrorCode::kLoading, "LOADING it"},
      {hello + kOk + kPong + kPong, ErrorCode::kProtocol,
       "Redis sent a reply that nothing had asked for"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.bytes);
    Begin();
    EXPECT_TRUE(EndsIt(row.bytes, row.code, row.message));
  }
}

TEST_F(TrackingTest, TakesNothingElseOnceItIsLive) {
  const std::string no_report = "Redis sent a push that is no report of writes";
  const std::string no_key = "Redis sent a report that names no key";
  const struct {
    std::string bytes;
    std::string message;
  } rows[] = {
      {">2\r\n$7\r\nmessage\r\n*0\r\n", no_report},
      {">3\r\n$10\r\ninvalidate\r\n*0\r\n_\r\n", no_report},
      {">1\r\n$10\r\ninvalidate\r\n", no_report},
      {">2\r\n*0\r\n*0\r\n", no_report},
      {">2\r\n$10\r\ninvalidate\r\n:1\r\n", no_key},
      {">2\r\n$10\r\ninvalidate\r\n$1\r\nk\r\n", no_key},
      {">2\r\n$10\r\ninvalidate\r\n%1\r\n$1\r\nk\r\n$1\r\nv\r\n", no_key},
      {">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\nk\r\n:1\r\n", no_key},
      {">2\r\n$10\r\ninvalidate\r\n*1\r\n$-1\r\n", no_key},
      {">2\r\n$10\r\ninvalidate\r\n*1\r\n*1\r\n$1\r\nk\r\n", no_key},
      {kPong, "Redis sent a reply that nothing had asked for"},
      {"-ERR what\r\n", "Redis sent a reply that nothing had asked for"},
      {HelloReply("master"), "Redis sent a reply that nothing had asked for"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.bytes);
    Begin();
    GoLive();
    EXPECT_TRUE(EndsIt(row.bytes, ErrorCode::kProtocol, row.message));
  }
}

}  // namespace
}  // namespace rp::redis
