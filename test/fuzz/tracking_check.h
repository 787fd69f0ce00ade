// What must be true of the connection that tracks for any bytes that Redis sends: whole, cut in two
// and byte by byte, it makes the same calls of the sink, sends the same and ends with the same
// error. For the fuzzer and its corpus.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: O(n^2) at most, for a few
// kilobytes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"
#include "redis/tracking.h"

namespace rp::redis::fuzz {

// Writes down what it is told.
class TextSink final : public InvalidationSink {
 public:
  void OnLive(uint64_t server, uint64_t /*generation*/, TimePoint lease) override {
    text_ += "live " + std::to_string(server) + At(lease);
  }
  void OnLease(TimePoint lease) override { text_ += "lease" + At(lease); }
  void OnInvalidated(std::string_view key) override {
    text_ += "key " + std::to_string(key.size()) + ":" + std::string(key) + ";";
  }
  void OnFlush() override { text_ += "flush;"; }
  void OnLost(const Error& /*reason*/, TimePoint /*now*/) override { RP_CHECK(false); }
  void OnUnsupported(const Error& /*error*/, TimePoint /*now*/) override { RP_CHECK(false); }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static std::string At(TimePoint time) {
    return " " + std::to_string(time.time_since_epoch().count()) + ";";
  }

  std::string text_;
};

// A connection on which the bytes come. A byte 0 is not received: the time goes on there to where
// the next proof is due, or an answer is late.
class TrackedConnection {
 public:
  TrackedConnection() : tracking_(TrackingOptions{}, &sink_, now_) { TakeOutput(); }

  // Returns false once it has failed.
  bool Receive(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes[0] == '\0') {
        now_ = tracking_.WaitLimit();
        if (!IsFine(tracking_.OnTime(now_))) return false;
        TakeOutput();
        bytes.remove_prefix(1);
        continue;
      }
      const std::span<char> room = tracking_.Room();
      RP_CHECK(!room.empty());
      const size_t count = std::min({room.size(), bytes.size(), bytes.find('\0')});
      std::memcpy(room.data(), bytes.data(), count);
      bytes.remove_prefix(count);
      const bool was_live = tracking_.state() == Tracking::State::kLive;
      const bool is_fine = IsFine(tracking_.OnReceived(count, now_));
      RP_CHECK(!was_live || tracking_.state() == Tracking::State::kLive);
      TakeOutput();
      if (!is_fine) return false;
    }
    return true;
  }

  // All that has happened.
  [[nodiscard]] std::string text() const { return sink_.text() + "|" + sent_ + "|" + error_; }

 private:
  bool IsFine(const Result<void>& result) {
    if (!result.ok()) {
      error_ = std::to_string(static_cast<int>(result.error().code)) + result.error().message;
    }
    return result.ok();
  }

  void TakeOutput() {
    sent_ += tracking_.output();
    tracking_.OnSent(tracking_.output().size());
  }

  TimePoint now_{std::chrono::hours(1)};
  TextSink sink_;
  std::string sent_;
  std::string error_;
  Tracking tracking_;
};

// What happens when the bytes come up to `first_cut`, and from there `step` bytes at a time.
inline std::string Track(std::string_view bytes, size_t first_cut, size_t step) {
  TrackedConnection connection;
  bool goes_on = connection.Receive(bytes.substr(0, first_cut));
  for (size_t at = first_cut; goes_on && at < bytes.size(); at += step) {
    goes_on = connection.Receive(bytes.substr(at, step));
  }
  return connection.text();
}

// The last byte says where to cut. Aborts if the deliveries disagree.
inline void CheckTracking(std::string_view bytes) {
  const size_t middle = bytes.empty() ? 0 : static_cast<uint8_t>(bytes.back()) % (bytes.size() + 1);
  const std::string whole = Track(bytes, bytes.size(), 1);
  RP_CHECK(Track(bytes, middle, bytes.size()) == whole);
  RP_CHECK(Track(bytes, 0, 1) == whole);
}

}  // namespace rp::redis::fuzz
