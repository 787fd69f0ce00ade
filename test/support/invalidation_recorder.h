// A sink that writes down what a subscriber tells it, for tests of the subscriber.
//
// Thread safety: any thread.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "redis/subscriber.h"
#include "test/support/fetch_client.h"

namespace rp::redis {

class InvalidationRecorder : public InvalidationSink {
 public:
  enum class Kind { kLive, kLease, kKey, kFlush, kLost, kUnsupported };

  struct Event {
    Kind kind;
    std::string text;  // the key or the message
    TimePoint lease;
    uint64_t server = 0;
    ErrorCode code = ErrorCode::kInternal;
    TimePoint at = Now();
  };

  void OnLive(uint64_t server, uint64_t /*generation*/, TimePoint lease) override {
    Note({Kind::kLive, "", lease, server});
  }
  void OnLease(TimePoint lease) override { Note({Kind::kLease, "", lease}); }
  void OnInvalidated(std::string_view key) override {
    if (on_key) on_key();
    Note({Kind::kKey, std::string(key), {}});
  }
  void OnFlush() override { Note({Kind::kFlush, "", {}}); }
  void OnLost(const Error& reason, TimePoint) override {
    Note({Kind::kLost, reason.message, {}, 0, reason.code});
  }
  void OnUnsupported(const Error& error, TimePoint) override {
    Note({Kind::kUnsupported, error.message, {}, 0, error.code});
  }

  [[nodiscard]] std::vector<Event> events() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return events_;
  }

  [[nodiscard]] std::vector<Event> Of(Kind kind) {
    std::vector<Event> all = events();
    std::erase_if(all, [kind](const Event& event) { return event.kind != kind; });
    return all;
  }

  [[nodiscard]] size_t Count(Kind kind) { return Of(kind).size(); }

  [[nodiscard]] std::vector<std::string> Keys() {
    std::vector<std::string> keys;
    for (Event& event : Of(Kind::kKey)) keys.push_back(std::move(event.text));
    return keys;
  }

  // Whether there came to be `count` events of the kind within some seconds.
  [[nodiscard]] bool AwaitCount(Kind kind, size_t count) {
    return Await([=, this] { return Count(kind) >= count; });
  }

  // What each key calls first. Set before the subscriber starts.
  std::function<void()> on_key;

 private:
  void Note(Event event) {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.push_back(std::move(event));
  }

  std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace rp::redis
