// A Redis that follows a script and can report writes, and a subscriber to it, for tests.
//
// Thread safety: TrackingRedis, any thread; WithSubscriber, the thread of the test.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "redis/subscriber.h"
#include "test/support/fake_redis.h"
#include "test/support/invalidation_recorder.h"

namespace rp::redis {

inline std::string Array(const std::vector<std::string>& elements) {
  std::string bytes = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

inline std::string Message(const std::string& payload) {
  return Array({FakeRedis::Bulk("message"), FakeRedis::Bulk("__redis__:invalidate"), payload});
}

inline std::string KeysMessage(const std::vector<std::string>& keys) {
  std::vector<std::string> elements;
  for (const std::string& key : keys) elements.push_back(FakeRedis::Bulk(key));
  return Message(Array(elements));
}

inline const std::string kPong = Array({FakeRedis::Bulk("pong"), FakeRedis::Bulk("")});
inline const std::string kSubscribed =
    Array({FakeRedis::Bulk("subscribe"), FakeRedis::Bulk("__redis__:invalidate"), ":1\r\n"});

// A Redis that can track. What a test puts into `Reply` goes in place of the usual answer.
class TrackingRedis {
 public:
  explicit TrackingRedis(FakeRedis::Transport transport = FakeRedis::Transport::kTcp)
      : server_([this](const FakeRedis::Command& command) { return AnswerTo(command); },
                transport) {}

  FakeRedis& server() { return server_; }

  // `step` is PING (on a connection that has not subscribed), CLIENT ID, CLIENT TRACKING,
  // SUBSCRIBE, or HEARTBEAT for the PINGs after it.
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
    std::string step = command.name();
    if (step == "CLIENT") step += " " + command.key();
    if (step == "PING" && subscribed_.contains(command.connection)) step = "HEARTBEAT";
    if (step == "SUBSCRIBE") subscribed_.insert(command.connection);
    received_[step].push_back(Now());
    if (const auto found = replies_.find(step); found != replies_.end()) return found->second;
    if (step == "CLIENT ID") return FakeRedis::Answer{.bytes = ":47\r\n"};
    if (step == "SUBSCRIBE") return FakeRedis::Answer{.bytes = kSubscribed};
    if (step == "HEARTBEAT") return FakeRedis::Answer{.bytes = kPong};
    return std::nullopt;
  }

  std::mutex mutex_;
  std::map<std::string, FakeRedis::Answer> replies_;
  std::map<std::string, std::vector<TimePoint>> received_;
  std::set<int> subscribed_;
  FakeRedis server_;  // last: its thread uses all of the above
};

class WithSubscriber : public testing::Test {
 protected:
  WithSubscriber() { options_.target.endpoint = *ParseEndpoint(redis_.server().address()); }

  void Start() { subscriber_ = Subscriber::Start(options_, &recorder_); }

  Subscriber::FirstOutcome AwaitFirst() { return subscriber_->AwaitFirst(Now() + seconds(10)); }

  void StartLive() {
    Start();
    ASSERT_EQ(AwaitFirst(), Subscriber::FirstOutcome::kLive);
  }

  TrackingRedis redis_;
  InvalidationRecorder recorder_;
  SubscriberOptions options_;
  std::unique_ptr<Subscriber> subscriber_;
};

}  // namespace rp::redis
