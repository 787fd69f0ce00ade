// Pipeline: the requests of one connection, in the order in which their answers must leave (RFC
// 9112 section 9.3.2), whatever the order in which they are answered. Hides groups: requests that
// make one answer together.
//
// It has no socket and starts nothing: it only tells which request may start and which answer may
// be written. Requests are borrowed from the pool; the caller of Pop puts them back.
//
// Owner: a connection. Thread safety: the reactor's thread. Cost: O(1), but NextToStart looks at
// each group; a group takes one allocation.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"
#include "core/request.h"

namespace rp::core {

// Group: requests that follow each other in the pipeline and make one answer. None is written
// before all are answered. Owner: the pipeline.
struct Group {
  Request* first = nullptr;  // begins the answer; it is never started
  uint32_t size = 0;         // requests that are still in the pipeline, `first` included
  uint32_t unanswered = 0;   // of `size`
  uint32_t in_flight = 0;    // started and not answered
  Request* next = nullptr;   // the next to start, or null
  bool has_failed = false;   // one has failed; those not yet started fail as well
};

class Pipeline {
 public:
  // Maximum requests in progress, except that a group is added as a whole.
  static constexpr int kMaxRequests = 64;
  // Maximum requests of one group in flight, so that one command does not fill the queue to Redis.
  static constexpr uint32_t kMaxGroupInFlight = 1024;
  // Maximum requests of one group: the first, and one for each key.
  static constexpr size_t kMaxGroupSize = 65536 + 1;

  // Adds a request at the end. REQUIRES: it is in the state kFilling.
  void Append(Request* request) {
    RP_DCHECK(request->state == Request::State::kFilling);
    request->next_in_pipeline = nullptr;
    (last_ == nullptr ? first_ : last_->next_in_pipeline) = request;
    last_ = request;
    ++size_;
    ++unanswered_;
  }

  // Makes a group of the last `size` requests, which begin with `first`. The caller answers
  // `first` and calls OnAnswered for it; NextToStart returns the others, except those that have
  // failed already. REQUIRES: they were added just now, and size > 1.
  void MakeGroup(Request* first, uint32_t size);

  // Returns a request of a group to start now, or null if none is left or the limit in flight is
  // reached.
  [[nodiscard]] Request* NextToStart();

  // Notes that a request has its answer. REQUIRES: it had none.
  void OnAnswered(Request* request) {
    RP_DCHECK(request->state != Request::State::kAnswered);
    request->state = Request::State::kAnswered;
    --unanswered_;
    if (request->group != nullptr) NoteAnswer(*request, request->group);
  }

  // Returns whether the answer may be written as soon as all before it are.
  [[nodiscard]] static bool IsReady(const Request& request) {
    return request.state == Request::State::kAnswered &&
           (request.group == nullptr || request.group->first != &request ||
            request.group->unanswered == 0);
  }
  [[nodiscard]] bool has_ready() const { return first_ != nullptr && IsReady(*first_); }

  // Removes the first request and returns it. When it is the last of its group, the group ends.
  // REQUIRES: !empty().
  [[nodiscard]] Request* Pop() {
    Request* const request = first_;
    first_ = request->next_in_pipeline;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    if (request->state != Request::State::kAnswered) --unanswered_;
    if (request->group != nullptr) LeaveGroup(request);
    return request;
  }

  [[nodiscard]] Request* first() const { return first_; }
  [[nodiscard]] Request* last() const { return last_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] bool all_answered() const { return unanswered_ == 0; }

 private:
  [[nodiscard]] Request* NextToStart(Group* group);
  static void NoteAnswer(const Request& request, Group* group);
  void LeaveGroup(Request* request);

  Request* first_ = nullptr;
  Request* last_ = nullptr;
  int size_ = 0;
  int unanswered_ = 0;                          // of size_
  std::vector<std::unique_ptr<Group>> groups_;  // in order
};

}  // namespace rp::core
