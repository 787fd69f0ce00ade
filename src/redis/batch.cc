#include "redis/batch.h"

#include <utility>

namespace rp::redis {

std::string LossText(const Fetch& fetch, std::string_view text) {
  std::string whole(text);
  if (!fetch.IsRepeatable()) whole += "; the command may have been carried out";
  return whole;
}

void Batch::Begin(Duration timeout) {
  sent_at_ = Now();
  deadline_ = DeadlineAfter(sent_at_, timeout);
  for (size_t i = 0; i < size_; ++i) earliest_ = std::min(earliest_, fetches_[i]->DeadlineTime());
}

void Batch::Answer(size_t index, FetchResult result, uint64_t server) {
  if (heard_ == Heard::kNothing) heard_ = Heard::kAnswers;
  result.sent_at = sent_at_;
  result.server = server;
  if (result.kind == FetchResult::Kind::kError && result.error_code == ErrorCode::kAuth) {
    heard_ = Heard::kCredentialsRefused;
  }
  Fetch* const fetch = std::exchange(fetches_[index], nullptr);
  if (fetch == nullptr) return;
  Deliver(fetch, result, sink_);
  has_news_ = true;
}

void Batch::Fail(size_t index, ErrorCode code, std::string_view text, bool maybe_sent) {
  Fetch* const fetch = std::exchange(fetches_[index], nullptr);
  if (fetch == nullptr) return;
  const std::string whole = maybe_sent ? LossText(*fetch, text) : std::string(text);
  FetchResult result;
  result.error_code = code;
  result.error_text = whole;
  result.maybe_sent = maybe_sent;
  Deliver(fetch, result, sink_);
  has_news_ = true;
}

void Batch::FailExpired(TimePoint now) {
  earliest_ = kNever;
  for (size_t i = 0; i < size_; ++i) {
    if (fetches_[i] == nullptr) continue;
    const TimePoint deadline = fetches_[i]->DeadlineTime();
    if (deadline > now) {
      earliest_ = std::min(earliest_, deadline);
      continue;
    }
    Fail(i, ErrorCode::kTimeout, Describe(ErrorCode::kTimeout).text);
  }
  Pause();
}

Fetch* Batch::PopLastUnanswered() {
  while (size_ > 0) {
    if (Fetch* const fetch = fetches_[--size_]; fetch != nullptr) return fetch;
  }
  return nullptr;
}

}  // namespace rp::redis
