#include "core/pipeline.h"

#include <utility>

namespace rp::core {

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

void Pipeline::NoteAnswer(const Request& request, Group* group) {
  --group->unanswered;
  if (&request != group->first) --group->in_flight;
  group->has_failed |= request.answer.has_failed();
}

void Pipeline::LeaveGroup(Request* request) {
  // Groups end in the order in which they were made.
  if (--request->group->size == 0) groups_.erase(groups_.begin());
  request->group = nullptr;
}

}  // namespace rp::core
