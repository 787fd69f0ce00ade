// A Redis that follows a script and can report writes, and a subscriber to it, for tests.
//
// Thread safety: TrackingRedis, any thread; WithSubscriber, the thread of the test.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "redis/subscriber.h"
#include "test/support/fake_redis.h"
#include "test/support/invalidation_recorder.h"

namespace rp::redis {

// What Redis sends on a connection in RESP3: a push with the keys that were written, or one for a
// flush.
inline std::string KeysReport(const std::vector<std::string>& keys) {
  std::string bytes = ">2\r\n$10\r\ninvalidate\r\n*" + std::to_string(keys.size()) + "\r\n";
  for (const std::string& key : keys) bytes += FakeRedis::Bulk(key);
  return bytes;
}
inline const std::string kFlushReport = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

inline const std::string kPong = "+PONG\r\n";

// A reply to HELLO 3, with a list in it as Redis has one.
inline std::string HelloReply(const std::string& role, const std::string& mode = "standalone") {
  return "%4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n" + FakeRedis::Bulk(mode) +
         "$4\r\nrole\r\n" + FakeRedis::Bulk(role) +
         "$7\r\nmodules\r\n*1\r\n%1\r\n$4\r\nname\r\n$4\r\nrole\r\n";
}

// A Redis that can track. What a test puts into `Reply` goes in place of the usual answer.
class TrackingRedis {
 public:
  explicit TrackingRedis(FakeRedis::Transport transport = FakeRedis::Transport::kTcp)
      : server_([this](const FakeRedis::Command& command) { return AnswerTo(command); },
                transport) {}

  FakeRedis& server() { return server_; }

  // `step` is PING (on a connection that does not track), INFO, HELLO, CLIENT TRACKING, READY for
  // the PING behind it, and ROLE, HEARTBEAT and CLUSTER for the HELLO, the PING and the CLUSTER
  // INFO of each proof.
  void Reply(const std::string& step, FakeRedis::Answer answer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    replies_[step] = std::move(answer);
  }
  void Reply(const std::string& step, const std::string& bytes) {
    Reply(step, FakeRedis::Answer{.bytes = bytes});
  }
  void ReplyAsUsual(const std::string& step) {
    const std::lock_guard<std::mutex> lock(mutex_);
    replies_.erase(step);
  }

  // When the commands of each step came.
  std::vector<TimePoint> Received(const std::string& step) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return received_[step];
  }

 private:
  std::optional<FakeRedis::Answer> AnswerTo(const FakeRedis::Command& command) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // A data connection asks for the version in RESP2.
    if (command.name() == "HELLO" && command.key() != "3") return std::nullopt;
    const std::string step = StepOf(command);
    received_[step].push_back(Now());
    if (const auto found = replies_.find(step); found != replies_.end()) return found->second;
    if (step == "INFO") {
      return FakeRedis::Answer{.bytes = FakeRedis::Bulk("# Server\r\nrun_id:0123abcd\r\n")};
    }
    if (step == "HELLO" || step == "ROLE") return FakeRedis::Answer{.bytes = HelloReply("master")};
    return std::nullopt;
  }

  std::string StepOf(const FakeRedis::Command& command) {
    const std::string& name = command.name();
    if (name == "CLIENT") {
      if (command.key() == "TRACKING") pings_.emplace(command.connection, 0);
      return name + " " + command.key();
    }
    const auto tracking = pings_.find(command.connection);
    if (tracking == pings_.end()) return name;
    if (name == "HELLO") return "ROLE";
    if (name == "PING") return tracking->second++ == 0 ? "READY" : "HEARTBEAT";
    return name;
  }

  std::mutex mutex_;
  std::map<std::string, FakeRedis::Answer> replies_;
  std::map<std::string, std::vector<TimePoint>> received_;
  std::map<int, int> pings_;  // on each connection that tracks, since it does
  FakeRedis server_;          // last: its thread uses all of the above
};

class WithSubscriber : public testing::Test {
 protected:
  WithSubscriber() { options_.target.endpoint = *ParseEndpoint(redis_.server().address()); }

  void Start() { subscriber_ = Subscriber::Start(options_, &server_, &recorder_); }

  Subscriber::FirstOutcome AwaitFirst() { return subscriber_->AwaitFirst(Now() + seconds(10)); }

  void StartLive() {
    Start();
    ASSERT_EQ(AwaitFirst(), Subscriber::FirstOutcome::kLive);
  }

  TrackingRedis redis_;
  CurrentServer server_{"redis"};
  InvalidationRecorder recorder_;
  SubscriberOptions options_;
  std::unique_ptr<Subscriber> subscriber_;
};

}  // namespace rp::redis
