#include "proxy/multi_probe.h"

#include <memory>
#include <string>
#include <utility>

#include "proxy/transaction_exchange.h"

namespace rp::proxy {

MultiProbe::MultiProbe(SubmitFetch submit, std::function<void(Request*)> resume)
    : submit_(std::move(submit)), resume_(std::move(resume)) {}

bool MultiProbe::Passes(Request* request) {
  // Once the lock is released, another thread may answer and reuse the request.
  const TimePoint deadline = request->deadline;
  {
    MutexLock lock(&mutex_);
    if (state_ == State::kTaken) return true;
    waiting_.Append(request);
    if (std::exchange(state_, State::kAsked) == State::kAsked) return false;
  }
  auto outgoing = std::make_shared<redis::Outgoing>();
  AddTransaction(outgoing.get());
  auto fetch = std::make_unique<redis::Fetch>();
  fetch->command = std::move(outgoing);
  fetch->replies = 2;
  fetch->may_be_repeated = true;
  fetch->is_transaction = true;
  fetch->goes_alone = true;
  fetch->SetDeadline(deadline);
  SubmitOrFail(submit_, std::move(fetch), this);
  return false;
}

void MultiProbe::Forget() {
  MutexLock lock(&mutex_);
  if (state_ == State::kTaken) state_ = State::kUnknown;
}

void MultiProbe::OnFetched(redis::Fetch* fetch, const redis::FetchResult& result,
                           TimePoint /*now*/) {
  const std::unique_ptr<redis::Fetch> owned(fetch);
  const bool is_answered = result.kind == redis::FetchResult::Kind::kReply;
  const std::string refusal =
      is_answered ? Replies(result.value, 0, 0, /*is_transaction=*/true).Refusal() : std::string();
  RequestChain waiting;
  {
    MutexLock lock(&mutex_);
    state_ = is_answered && refusal.empty() ? State::kTaken : State::kUnknown;
    waiting = std::exchange(waiting_, {});
  }
  Request* next = nullptr;
  for (Request* request = waiting.first(); request != nullptr; request = next) {
    next = RequestChain::Next(request);
    Answer& answer = request->answer;
    if (!is_answered) {
      answer.outcome = Outcome::kError;
      answer.error = result.error_code;
      answer.error_text = result.error_text;
    } else if (!refusal.empty()) {
      answer.outcome = Outcome::kReply;
      answer.reply = refusal;
    }
    resume_(request);
  }
}

}  // namespace rp::proxy
