#include "core/dispatcher.h"

#include <utility>

#include "base/check.h"
#include "base/memory.h"
#include "core/connection.h"

namespace rp::core {

Dispatcher::Dispatcher(const DispatcherOptions& options, proxy::Router* router, WorkerPool* workers,
                       proxy::ReplyBox* home, const Turn* turn)
    : options_(options),
      router_(router),
      workers_(workers),
      home_(home),
      turn_(turn),
      waits_(options.timeout) {}

void Dispatcher::Send(Request* request) {
  request->home = home_;
  request->state = Request::State::kInFlight;
  request->deadline = DeadlineAfter(turn_->now, options_.timeout);
  waits_.Start(request, turn_->now);
  chain_.Append(request);
  if (chain_.size() >= kMaxChain) StartChain();
}

void Dispatcher::LookUp(Group* group, Connection* connection, RequestPool* requests,
                        size_t* max_keys) {
  while (*max_keys > 0 && group->may_go_on()) {
    const std::string_view key = group->next_key();
    *max_keys -= std::min(*max_keys, 1 + key.size() / TurnBudget::kPartBytes);
    if (const cache::EntryRef entry = TryFind(key)) {
      group->Take(entry);
      continue;
    }
    const bool has_room = requests->Has(1);
    Request* const member = has_room ? requests->Take() : nullptr;
    if (member == nullptr) {
      if (group->members() == 0) group->Fail(has_room ? ErrorCode::kNoMemory : ErrorCode::kBusy);
      return;
    }
    if (!TryAllocate(key.size(), [&] { member->question.key = key; })) {
      requests->PutBack(member);
      return group->Fail(ErrorCode::kNoMemory);
    }
    member->connection = connection;
    group->AddMember(member);
    Send(member);
  }
}

void Dispatcher::Start() {
  StartChain();
  if (fetches_.empty()) return;
  // If the fetchers' lock is held, retry next turn. A thread that holds it for several turns has
  // lost the processor, and gets it back sooner if this thread waits.
  const Blocking blocking = refusals_ < kMaxRefusals ? Blocking::kNo : Blocking::kYes;
  refusals_ = router_->Submit(&fetches_, blocking) ? 0 : refusals_ + 1;
}

void Dispatcher::Finish() {
  if (!fetches_.empty()) RP_CHECK(router_->Submit(&fetches_, Blocking::kYes));
}

void Dispatcher::StartChain() {
  proxy::RequestChain chain = std::exchange(chain_, {});
  if (options_.answers_inline && !chain.empty() && chain.size() <= kShortChain) {
    const auto [answered, left] =
        router_->Start(chain.first(), turn_->now, Blocking::kNo, &fetches_);
    if (!answered.empty()) home_->Deliver(answered.first(), answered.last());
    chain = left;
  }
  if (chain.empty()) return;
  // If the queue is full, this thread does the job itself; the job never waits for Redis.
  if (!workers_->TrySubmit(chain.first())) workers_->RunHere(chain.first());
}

void Dispatcher::EndWaits(size_t limit) {
  for (auto* list : {&waits_, &overdue_}) {
    for (; limit > 0; --limit) {
      Request* const request = list->TakeEnded(turn_->now);
      if (request == nullptr) break;
      EndWait(request);
    }
  }
}

void Dispatcher::EndWait(Request* request) {
  // If a worker has the request, or its answer is in the mailbox, the answer comes soon.
  if (!TakeBack(request)) return overdue_.Start(request, turn_->now);
  request->answer.value = router_->Stale(*request, turn_->now);
  if (request->answer.value) {
    request->answer.outcome = proxy::Outcome::kValue;
    request->answer.source = proxy::Source::kStale;
  } else {
    request->Fail(ErrorCode::kTimeout);
  }
  request->connection->OnAnswer(request);
}

}  // namespace rp::core
