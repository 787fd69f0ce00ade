// Some fetches on their way through one connection: who still waits for an answer, and until when.
// What is sent for them is another's business (get_exchange.h, command_exchange.h).
//
// A fetch whose own deadline passes while its reply is outstanding is failed at once; its reply is
// dropped when it comes.
//
// Thread safety: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "redis/fetch.h"

namespace rp::redis {

// Why a fetch ended that was sent and whose answer did not come: `text`, and what that leaves open.
std::string LossText(const Fetch& fetch, std::string_view text);

class Batch {
 public:
  static constexpr size_t kFetchesMax = 32;

  // `sink` hears of those that name none of their own, `on_trouble` of what Note is told.
  explicit Batch(FetchSink* sink, std::function<void(const Error&)> on_trouble = nullptr)
      : sink_(sink), on_trouble_(std::move(on_trouble)) {}

  // Whether it may travel with what is here: what is large travels alone, so that nobody else's
  // is lost when Redis closes the connection over it.
  [[nodiscard]] bool MayTakeAlong(const Fetch& fetch) const {
    return size_ == 0 || (!fetch.IsLarge() && !fetches_[0]->IsLarge());
  }

  // REQUIRES: size() < kFetchesMax; MayTakeAlong(*fetch); all are GETs, or all are commands.
  void Add(Fetch* fetch) { fetches_[size_++] = fetch; }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool IsOfCommands() const { return size_ > 0 && fetches_[0]->IsCommand(); }

  // REQUIRES: neither answered nor failed; true of all until Begin.
  [[nodiscard]] const Fetch& operator[](size_t index) const { return *fetches_[index]; }

  // To be called when what is asked is about to be sent; it has `timeout` as a whole.
  void Begin(Duration timeout);

  // Runs `step`, which waits until the time it is given at most, until it succeeds, fails, or the
  // time of the whole batch is over, and fails each fetch when its own time is.
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

  // Redis has answered this one, on the connection of this peer. Nothing follows for one that was
  // failed meanwhile.
  void Answer(size_t index, FetchResult result, uint64_t peer);

  // What Redis answered to this one is of no use, or it could not be sent (`maybe_sent` is false).
  // Nothing follows for one that was failed before.
  void Fail(size_t index, ErrorCode code, std::string_view text, bool maybe_sent = true);

  // What was answered or failed is all that there is for now: the sink hears of the pause.
  void Pause() {
    if (std::exchange(has_news_, false)) sink_->OnPause();
  }

  // The last of the fetches that were neither answered nor failed; null when there is none.
  Fetch* PopLastUnanswered();

  // Whether Redis has replied to any of them.
  [[nodiscard]] bool answered() const { return answered_; }

  // Whether Redis asked for credentials: the connection had better be set up anew.
  [[nodiscard]] bool credentials_refused() const { return credentials_refused_; }

  // Tells `on_trouble` of an error reply that is the operator's business as well; the first of a
  // batch stands for all, as they come from one server. REQUIRES: the reply is not answered yet, so
  // that whoever gets it finds done what is done about it.
  void Note(ErrorCode code, std::string_view text) {
    if (on_trouble_) std::exchange(on_trouble_, nullptr)(Error{code, std::string(text)});
  }

 private:
  void FailExpired(TimePoint now);

  FetchSink* const sink_;
  std::array<Fetch*, kFetchesMax> fetches_;  // null once answered
  size_t size_ = 0;
  TimePoint sent_at_;
  TimePoint deadline_;           // of the whole batch
  TimePoint earliest_ = kNever;  // no fetch expires before this
  bool answered_ = false;
  bool credentials_refused_ = false;
  std::function<void(const Error&)> on_trouble_;  // empty once called
  bool has_news_ = false;                         // since the last pause
};

// To the sink of the fetch, or else to `sink`.
inline void Deliver(Fetch* fetch, const FetchResult& result, FetchSink* sink) {
  (fetch->sink == nullptr ? sink : fetch->sink)->OnFetched(fetch, result);
}

}  // namespace rp::redis
