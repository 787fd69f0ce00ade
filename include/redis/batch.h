// Some fetches on their way through one connection: GET and PTTL for each in one write, then two
// replies for each, handed on as they come. Plain GETs, because MGET hides a wrong type behind a
// nil.
//
// A fetch whose own deadline passes while its reply is outstanding is failed at once; its reply is
// dropped when it comes.
//
// Thread safety: one thread at a time.
#pragma once

#include <array>
#include <cstddef>

#include "base/result.h"
#include "base/time.h"
#include "redis/connection.h"
#include "redis/fetch.h"

namespace rp::redis {

class Batch {
 public:
  static constexpr size_t kFetchesMax = 32;

  // REQUIRES: size() < kFetchesMax.
  void Add(Fetch* fetch) { fetches_[size_++] = fetch; }

  [[nodiscard]] size_t size() const { return size_; }

  // Sends and reads all, within `timeout`. On failure the connection is of no further use, and the
  // fetches that were not handed to `sink` remain, for PopLastUnanswered.
  Result<void> Exchange(Connection* connection, Duration timeout, FetchSink* sink);

  // The last of the fetches that `sink` has not got; null when there is none.
  Fetch* PopLastUnanswered();

  // Whether Redis has replied to any of them.
  [[nodiscard]] bool answered() const { return answered_; }

  // Whether Redis asked for credentials: the connection had better be set up anew.
  [[nodiscard]] bool credentials_refused() const { return credentials_refused_; }

 private:
  template <typename Step>
  auto WithFetchDeadlines(FetchSink* sink, Step step) -> decltype(step(TimePoint()));
  Result<void> ReadOne(Connection* connection, size_t index, FetchSink* sink);
  void FailExpired(TimePoint now, FetchSink* sink);

  std::array<Fetch*, kFetchesMax> fetches_;  // null once answered
  size_t size_ = 0;
  TimePoint sent_at_;
  TimePoint deadline_;           // of the exchange
  TimePoint earliest_ = kNever;  // no fetch expires before this
  bool answered_ = false;
  bool credentials_refused_ = false;
};

}  // namespace rp::redis
