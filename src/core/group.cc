#include "core/group.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::core {

Group::Group(Keeps keeps, std::unique_ptr<const GroupKeys> keys, size_t first)
    : keys_(std::move(keys)), first_(first), keeps_(keeps), next_(first) {
  RP_DCHECK(first <= keys_->size() && keys_->size() <= kMaxKeys);
  if (keeps == Keeps::kValues) values_.resize(keys_->size() - first);
}

void Group::Take(const cache::EntryRef& entry) {
  if (keeps_ == Keeps::kCount) {
    existing_ += entry->kind != cache::Kind::kMissing ? 1 : 0;
  } else if (entry->kind == cache::Kind::kValue) {
    values_[next_ - first_] = entry;
  }
  ++next_;
}

void Group::AddMember(Request* request) {
  request->member_of = this;
  request->key_index = static_cast<uint32_t>(next_++);
  request->member_index = static_cast<uint32_t>(members_.size());
  members_.push_back(request);
}

void Group::OnAnswered(Request* member) {
  Note(member);
  members_[member->member_index] = members_.back();
  members_[member->member_index]->member_index = member->member_index;
  members_.pop_back();
  member->member_of = nullptr;
}

Request* Group::RemoveMember() {
  if (members_.empty()) return nullptr;
  Request* const member = members_.back();
  members_.pop_back();
  member->member_of = nullptr;
  return member;
}

void Group::Fail(ErrorCode code) {
  proxy::Answer answer;
  answer.outcome = proxy::Outcome::kError;
  answer.error = code;
  FailAt(next_, answer);
}

// A key of another type exists, and has no value.
void Group::Note(Request* member) {
  const proxy::Answer& answer = member->answer;
  if (answer.has_failed()) {
    FailAt(member->key_index, answer);
  } else if (keeps_ == Keeps::kCount) {
    existing_ += answer.outcome != proxy::Outcome::kMissing ? 1 : 0;
  } else if (answer.outcome == proxy::Outcome::kValue) {
    values_[member->key_index - first_] = answer.value;
  }
}

void Group::FailAt(size_t index, const proxy::Answer& answer) {
  if (index >= failed_index_ && has_failed()) return;
  failed_index_ = index;
  failure_ = answer;
}

void Group::OnSent() {
  const size_t end = std::min(part_, values_.size() + 1);
  for (size_t part = std::max<size_t>(sent_parts_, 1); part < end; ++part) values_[part - 1] = {};
  sent_parts_ = part_;
}

}  // namespace rp::core
