#include "core/pipeline.h"

#include <utility>

#include "base/check.h"

namespace rp::core {

void Pipeline::Append(Request* request) {
  RP_DCHECK(request->state == Request::State::kFilling);
  request->next_in_pipeline = nullptr;
  (last_ == nullptr ? first_ : last_->next_in_pipeline) = request;
  last_ = request;
  ++size_;
  ++unanswered_;
}

void Pipeline::MakeGroup(Request* first, uint32_t size) {
  auto group = std::make_unique<Group>();
  group->first = first;
  group->size = group->unanswered = size;
  group->next = first->next_in_pipeline;
  for (Request* request = first; request != nullptr; request = request->next_in_pipeline)
    request->group = group.get();
  groups_.push_back(std::move(group));
}

Request* Pipeline::NextToStart() {
  for (const auto& group : groups_) {
    if (Request* request = NextToStart(group.get()); request != nullptr) return request;
  }
  return nullptr;
}

Request* Pipeline::NextToStart(Group* group) {
  while (group->next != nullptr && group->in_flight < kMaxGroupInFlight) {
    Request* const request = group->next;
    Request* const next = request->next_in_pipeline;
    group->next = next != nullptr && next->group == group ? next : nullptr;
    ++group->in_flight;
    // The answer shows the first error, and all before this one are answered or in flight.
    if (group->has_failed) request->answer.outcome = proxy::Outcome::kError;
    if (request->answer.outcome == proxy::Outcome::kPending) return request;
    OnAnswered(request);
  }
  return nullptr;
}

void Pipeline::OnAnswered(Request* request) {
  RP_DCHECK(request->state != Request::State::kAnswered);
  request->state = Request::State::kAnswered;
  --unanswered_;
  Group* const group = request->group;
  if (group == nullptr) return;
  --group->unanswered;
  if (request != group->first) --group->in_flight;
  group->has_failed |= request->answer.has_failed();
}

Request* Pipeline::Pop() {
  Request* const request = first_;
  first_ = request->next_in_pipeline;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  if (request->state != Request::State::kAnswered) --unanswered_;
  if (request->group != nullptr && --request->group->size == 0) groups_.erase(groups_.begin());
  request->group = nullptr;
  return request;
}

}  // namespace rp::core
