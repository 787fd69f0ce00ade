// The fetches under way on one connection: which of them still wait for an answer, and until when.
// get_exchange.h and command_exchange.h decide which bytes are sent for them.
//
// A fetch whose own deadline passes before its reply has come is failed at once; its reply is
// dropped when it comes.
//
// Owner: a fetcher, for one exchange.
// Thread safety: one thread at a time.
// Cost: O(1) per fetch, no allocation but for texts of errors.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "redis/fetch.h"

namespace rp::redis {

// Returns the text for a fetch that was sent and got no answer: `text`, and, for a command that may
// write, that it may have been carried out.
std::string LossText(const Fetch& fetch, std::string_view text);

class Batch {
 public:
  static constexpr size_t kMaxFetches = 32;

  // `sink` receives the outcomes of fetches that have no sink of their own; `on_trouble` receives
  // the first error that Note is given.
  explicit Batch(FetchSink* sink, std::function<void(const Error&)> on_trouble = nullptr)
      : sink_(sink), on_trouble_(std::move(on_trouble)) {}

  // Returns whether `fetch` may be added: a fetch with which the connection may end, like a large
  // one, is sent alone, so that no other is lost.
  [[nodiscard]] bool MayTakeAlong(const Fetch& fetch) const {
    const auto alone = [](const Fetch& each) { return each.goes_alone || each.IsLarge(); };
    return size_ == 0 || (!alone(fetch) && !alone(*fetches_[0]));
  }

  // Adds `fetch`. REQUIRES: size() < kMaxFetches; MayTakeAlong(*fetch); all fetches are GETs, or
  // all are commands.
  void Add(Fetch* fetch) { fetches_[size_++] = fetch; }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool IsOfCommands() const { return size_ > 0 && fetches_[0]->IsCommand(); }

  // REQUIRES: the fetch was neither answered nor failed; true of all until Begin.
  [[nodiscard]] const Fetch& operator[](size_t index) const { return *fetches_[index]; }

  // Starts the time of the batch, which has `timeout` as a whole. Call it just before sending.
  void Begin(Duration timeout);

  // Repeats step(deadline), which waits until `deadline` at most, until it succeeds, fails for
  // another reason than kTimeout, or the time of the batch is over. Fails each fetch meanwhile
  // whose own deadline passes. Returns the last result of `step`.
  template <typename Step>
  auto WithDeadlines(Step step) -> decltype(step(TimePoint())) {
    for (;;) {
      auto result = step(std::min(deadline_, earliest_));
      if (result.ok() || result.error().code != ErrorCode::kTimeout) return result;
      const TimePoint now = Now();
      if (now >= deadline_) return result;
      FailExpired(now);
    }
  }

  // Delivers Redis's answer to the fetch, which came from `server` (ServerIdentity::id). Does
  // nothing if the fetch was failed meanwhile.
  void Answer(size_t index, FetchResult result, uint64_t server);

  // Fails the fetch: what Redis answered is of no use, or the fetch could not be sent (`maybe_sent`
  // is false). Does nothing if the fetch was answered or failed before.
  void Fail(size_t index, ErrorCode code, std::string_view text, bool maybe_sent = true);

  // Calls OnPause if a fetch was answered or failed since the last call. Call it before a wait.
  void Pause() {
    if (std::exchange(has_news_, false)) sink_->OnPause();
  }

  // Removes and returns the last of the fetches that were neither answered nor failed, or null.
  Fetch* PopLastUnanswered();

  // Returns whether Redis has answered any of the fetches.
  [[nodiscard]] bool answered() const { return heard_ != Heard::kNothing; }

  // Returns whether Redis asked for credentials, so that the connection is of no further use.
  [[nodiscard]] bool credentials_refused() const { return heard_ == Heard::kCredentialsRefused; }

  // Passes an error reply that concerns the operator to `on_trouble`; only the first of a batch,
  // since all come from one server. REQUIRES: Answer has not been called for this reply, so that
  // `on_trouble` has acted before the client sees the answer.
  void Note(ErrorCode code, std::string_view text) {
    if (on_trouble_) std::exchange(on_trouble_, nullptr)(Error{code, std::string(text)});
  }

 private:
  enum class Heard : uint8_t { kNothing, kAnswers, kCredentialsRefused };

  void FailExpired(TimePoint now);

  FetchSink* const sink_;
  std::array<Fetch*, kMaxFetches> fetches_;  // null once answered
  size_t size_ = 0;
  TimePoint sent_at_;
  TimePoint deadline_;                            // of the whole batch
  TimePoint earliest_ = kNever;                   // no fetch expires before this
  Heard heard_ = Heard::kNothing;                 // from Redis
  std::function<void(const Error&)> on_trouble_;  // empty once called
  bool has_news_ = false;                         // since the last pause
};

// Gives the outcome to the sink of the fetch, or to `sink` if it has none.
inline void Deliver(Fetch* fetch, const FetchResult& result, FetchSink* sink) {
  (fetch->sink == nullptr ? sink : fetch->sink)->OnFetched(fetch, result, Now());
}

}  // namespace rp::redis
