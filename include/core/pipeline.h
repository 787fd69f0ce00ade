// Pipeline: the requests of one connection, in the order in which their answers must leave (RFC
// 9112 section 9.3.2), whatever the order in which they are answered.
//
// It has no socket and starts nothing. Requests are borrowed from the pool; the caller of Pop puts
// them back.
//
// Owner: a connection. Thread safety: the reactor's thread. Cost: O(1), no allocation but for
// groups.
#pragma once

#include <memory>
#include <vector>

#include "base/check.h"
#include "core/group.h"
#include "core/request.h"

namespace rp::core {

class Pipeline {
 public:
  // Maximum requests in progress.
  static constexpr int kMaxRequests = 64;
  // With so many keys in groups no request is added, since to drop them takes time.
  static constexpr size_t kManyKeys = Group::kMaxKeys;

  // Returns whether there is room for another request.
  [[nodiscard]] bool has_room() const { return size_ < kMaxRequests && keys_ < kManyKeys; }

  // Adds a request at the end. REQUIRES: it is in the state kFilling.
  void Append(Request* request) {
    RP_DCHECK(request->state == Request::State::kFilling);
    request->next_in_pipeline = nullptr;
    (last_ == nullptr ? first_ : last_->next_in_pipeline) = request;
    last_ = request;
    ++size_;
    ++unanswered_;
  }

  // Gives `request` a group, which ends with it. REQUIRES: it is the last request.
  void SetGroup(Request* request, std::unique_ptr<Group> group) {
    RP_DCHECK(request == last_);
    request->group = group.get();
    keys_ += group->keys();
    groups_.push_back(std::move(group));
  }
  // Returns whether there is a group, which may have keys to look up.
  [[nodiscard]] bool has_groups() const { return !groups_.empty(); }

  // Takes back what was written of groups and not sent.
  void RewindGroups() {
    for (const auto& group : groups_) group->Rewind();
  }

  // Notes that a request has its answer. REQUIRES: it had none.
  void OnAnswered(Request* request) {
    RP_DCHECK(request->state != Request::State::kAnswered);
    request->state = Request::State::kAnswered;
    --unanswered_;
  }

  // Returns whether the answer may be written as soon as all before it are.
  [[nodiscard]] static bool IsReady(const Request& request) {
    return request.state == Request::State::kAnswered;
  }
  [[nodiscard]] bool has_ready() const { return first_ != nullptr && IsReady(*first_); }

  // Removes the first request and returns it. REQUIRES: !empty(), and no member of its group is in
  // flight.
  [[nodiscard]] Request* Pop() {
    Request* const request = first_;
    first_ = request->next_in_pipeline;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    if (request->state != Request::State::kAnswered) --unanswered_;
    if (request->group != nullptr) EndGroup(request);
    return request;
  }

  [[nodiscard]] Request* first() const { return first_; }
  [[nodiscard]] Request* last() const { return last_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] bool all_answered() const { return unanswered_ == 0; }

 private:
  void EndGroup(Request* request);

  Request* first_ = nullptr;
  Request* last_ = nullptr;
  int size_ = 0;
  int unanswered_ = 0;                          // of size_
  size_t keys_ = 0;                             // of all groups
  std::vector<std::unique_ptr<Group>> groups_;  // in order
};

}  // namespace rp::core
