// A client that submits fetches and waits for the outcomes, for tests of the fetchers.
//
// Thread safety: any thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "redis/fetchers.h"
#include "test/support/outgoing.h"

namespace rp::redis {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Whether `condition` became true within a time that also a busy machine does not need.
inline bool Await(const std::function<bool()>& condition) {
  const TimePoint limit = Now() + seconds(60);
  while (!condition()) {
    if (Now() >= limit) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

// As a client sends it: an array of bulk strings.
inline std::string Encode(const std::vector<std::string>& arguments) {
  std::string bytes = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) {
    bytes += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return bytes;
}

struct Outcome {
  FetchResult::Kind kind = FetchResult::Kind::kError;
  std::string value;
  ErrorCode error_code = ErrorCode::kInternal;
  std::string error_text;
  int64_t ttl_ms = 0;
  TimePoint sent_at;
  TimePoint done_at;
  uint64_t server = 0;
  bool maybe_sent = false;

  [[nodiscard]] bool IsValue(std::string_view expected) const {
    return kind == FetchResult::Kind::kValue && value == expected;
  }
  [[nodiscard]] bool IsReply(std::string_view expected) const {
    return kind == FetchResult::Kind::kReply && value == expected;
  }
  [[nodiscard]] bool IsMissing() const { return kind == FetchResult::Kind::kMissing; }
  [[nodiscard]] bool IsError(ErrorCode code) const {
    return kind == FetchResult::Kind::kError && error_code == code;
  }
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  switch (outcome.kind) {
    case FetchResult::Kind::kValue:
      return out << "value '" << outcome.value.substr(0, 100) << "'";
    case FetchResult::Kind::kReply:
      return out << "reply '" << outcome.value.substr(0, 100) << "'";
    case FetchResult::Kind::kMissing:
      return out << "missing";
    default:
      return out << Describe(outcome.error_code).name << " '" << outcome.error_text << "'";
  }
}

struct Request : Fetch {
  std::string key_bytes;
  int outcomes = 0;
  Outcome outcome;
};

class FetchClient final : public FetchSink {
 public:
  explicit FetchClient(Options options) : fetchers_(Fetchers::Start(std::move(options), this)) {}
  ~FetchClient() { fetchers_->Stop(); }

  Fetchers& fetchers() { return *fetchers_; }

  // Null when it was refused.
  Request* Submit(const std::string& key, Duration timeout = seconds(5)) {
    auto request = std::make_unique<Request>();
    request->key_bytes = key;
    request->key = request->key_bytes;
    return Submit(std::move(request), timeout);
  }

  // Null when it was refused.
  Request* Submit(std::unique_ptr<Request> request, Duration timeout) {
    request->SetDeadline(Now() + timeout);
    Request* const submitted = request.get();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(std::move(request));
    }
    return fetchers_->Submit(submitted) ? submitted : nullptr;
  }

  // Null when it was refused.
  Request* SubmitCommand(std::string bytes, uint8_t resp_version = 2, Duration timeout = seconds(5),
                         uint32_t replies = 1, bool may_be_repeated = false) {
    auto request = std::make_unique<Request>();
    request->command = OutgoingOf(std::move(bytes));
    request->resp_version = resp_version;
    request->replies = replies;
    request->may_be_repeated = may_be_repeated;
    return Submit(std::move(request), timeout);
  }

  // As many as fit are submitted at once; the others are null.
  std::vector<Request*> SubmitTogether(const std::vector<std::string>& keys) {
    std::vector<Request*> submitted;
    FetchQueue fetches;
    for (const std::string& key : keys) {
      auto request = std::make_unique<Request>();
      request->key_bytes = key;
      request->key = request->key_bytes;
      request->SetDeadline(Now() + seconds(5));
      submitted.push_back(request.get());
      fetches.PushBack(request.get());
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(std::move(request));
    }
    RP_CHECK(fetchers_->Submit(&fetches, Blocking::kYes));
    for (; !fetches.empty(); fetches.PopFront())
      submitted[submitted.size() - fetches.size()] = nullptr;
    return submitted;
  }

  // How often the fetchers had no more news for a while.
  [[nodiscard]] int pauses() const { return pauses_; }

  // The first outcome.
  Outcome Wait(Request* request) {
    if (request == nullptr) {
      ADD_FAILURE() << "the fetch was refused";
      return {};
    }
    std::unique_lock<std::mutex> lock(mutex_);
    const bool done =
        changed_.wait_for(lock, seconds(15), [request] { return request->outcomes > 0; });
    EXPECT_TRUE(done) << "the fetch of '" << request->key_bytes << "' was left hanging";
    return request->outcome;
  }

  bool IsDone(Request* request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return request->outcomes > 0;
  }

  Outcome Get(const std::string& key, Duration timeout = seconds(5)) {
    return Wait(Submit(key, timeout));
  }

  Outcome Call(const std::vector<std::string>& arguments, uint8_t resp_version = 2) {
    return Wait(SubmitCommand(Encode(arguments), resp_version));
  }

  // Until a fetch succeeds, trying again and again; false when it never does.
  bool AwaitValue(const std::string& key, const std::string& value) {
    return Await([&] { return Get(key).IsValue(value); });
  }

  // How often any fetch has ended more than once.
  int Surplus() {
    const std::lock_guard<std::mutex> lock(mutex_);
    int surplus = 0;
    for (const auto& request : requests_) surplus += std::max(request->outcomes - 1, 0);
    return surplus;
  }

  // Called for each outcome, before Wait sees it, on the thread of the fetchers.
  void OnEach(std::function<void(Request*)> hook) {
    const std::lock_guard<std::mutex> lock(mutex_);
    hook_ = std::move(hook);
  }

  void OnFetched(Fetch* fetch, const FetchResult& result, TimePoint) override {
    auto* const request = static_cast<Request*>(fetch);
    Outcome outcome{result.kind,
                    std::string(result.value),
                    result.error_code,
                    std::string(result.error_text),
                    result.ttl_ms,
                    result.sent_at,
                    Now(),
                    result.server,
                    result.maybe_sent};
    std::function<void(Request*)> hook;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      request->outcome = std::move(outcome);
      hook = hook_;
      if (!hook) ++request->outcomes;
    }
    if (hook) {
      hook(request);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++request->outcomes;
    }
    changed_.notify_all();
  }

  void OnPause() override { ++pauses_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::function<void(Request*)> hook_;
  std::atomic<int> pauses_ = 0;
  std::unique_ptr<Fetchers> fetchers_;  // last: its threads use all of the above
};

inline Options OptionsFor(const std::string& address) {
  Options options;
  options.endpoint = *ParseEndpoint(address);
  return options;
}

inline Options OneConnectionTo(const std::string& address) {
  Options options = OptionsFor(address);
  options.connections = 1;
  return options;
}

}  // namespace rp::redis
