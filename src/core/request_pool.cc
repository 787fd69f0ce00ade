#include "core/request_pool.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/memory.h"
#include "cache/zeroed_block.h"

namespace rp::core {

// Memory for some requests. Each is constructed when it is first taken, so pages that were never
// used cost nothing.
class RequestSlab : public ListNode<RequestSlab> {
 public:
  explicit RequestSlab(size_t index_in_pool)
      : index(index_in_pool), memory_(RequestPool::kSlabRequests * sizeof(Request)) {}
  ~RequestSlab() {
    for (size_t i = 0; i < made_; ++i) At(i)->~Request();
  }
  RequestSlab(const RequestSlab&) = delete;
  RequestSlab& operator=(const RequestSlab&) = delete;

  // Returns false if there was no memory for it.
  [[nodiscard]] bool usable() const { return memory_.data() != nullptr; }
  [[nodiscard]] bool all_out() const { return out_ == RequestPool::kSlabRequests; }
  [[nodiscard]] bool none_out() const { return out_ == 0; }

  // REQUIRES: !all_out().
  [[nodiscard]] Request* Take() {
    ++out_;
    Request* request = free_;
    if (request == nullptr) {
      request = new (At(made_++)) Request;
      request->slab = this;
    } else {
      free_ = std::exchange(request->next_in_pipeline, nullptr);
    }
    return request;
  }

  void PutBack(Request* request) {
    --out_;
    request->next_in_pipeline = free_;
    free_ = request;
  }

  // Returns how many bytes its requests have from malloc.
  [[nodiscard]] uint64_t AllocatedBytes() const {
    uint64_t bytes = 0;
    for (size_t i = 0; i < made_; ++i) {
      const Request& request = *At(i);
      bytes += request.question.AllocatedBytes() + request.answer.AllocatedBytes();
    }
    return bytes;
  }

  size_t index;

 private:
  [[nodiscard]] Request* At(size_t i) const { return static_cast<Request*>(memory_.data()) + i; }

  const cache::ZeroedBlock memory_;
  size_t made_ = 0;  // constructed so far
  size_t out_ = 0;
  Request* free_ = nullptr;  // linked by next_in_pipeline
};

RequestPool::RequestPool(size_t limit, size_t reserved) : limit_(limit), reserved_(reserved) {}

RequestPool::~RequestPool() {
  for (const auto& slab : slabs_) slab->Unlink();
}

Request* RequestPool::Take() {
  if (returned_ != nullptr && (usable_.empty() || out_ == limit_)) RecycleReturned();
  if (out_ == limit_) return nullptr;
  if (usable_.empty() && !AddSlab()) return nullptr;
  RequestSlab* slab = usable_.front();
  Request* request = slab->Take();
  request->state = Request::State::kFilling;
  if (slab->all_out()) slab->Unlink();
  most_out_ = std::max(most_out_, ++out_);
  return request;
}

void RequestPool::PutBack(Request* request) {
  if (cleanings_left_ > 0) {
    --cleanings_left_;
    return Recycle(request);
  }
  request->Leave();
  request->next_in_pipeline = returned_;
  returned_ = request;
  ++uncleaned_;
}

uint64_t RequestPool::EndTurn(TimePoint now) {
  cleanings_left_ = kCleanedPerTurn;
  for (; returned_ != nullptr && cleanings_left_ > 0; --cleanings_left_) RecycleReturned();
  const uint64_t freed_bytes = std::exchange(freed_bytes_, 0);
  return freed_bytes + (next_shrink_ <= now ? Shrink(now) : 0);
}

// Frees the slabs that were not needed in the whole period.
uint64_t RequestPool::Shrink(TimePoint now) {
  uint64_t freed_bytes = 0;
  if (next_shrink_ != TimePoint::min()) {
    const size_t kept = std::max(most_out_, kKeptRequests) + kSlabRequests - 1;
    for (size_t i = 0; held() > kept && !usable_.empty() && usable_.back()->none_out(); ++i) {
      if (i == kSlabsPerTurn) return freed_bytes;  // the next turn goes on
      freed_bytes += FreeSlab(usable_.back());
    }
  }
  most_out_ = out_;
  next_shrink_ = held() > kKeptRequests ? now + kPeriod : kNever;
  return freed_bytes;
}

void RequestPool::RecycleReturned() {
  Request* request = returned_;
  returned_ = request->next_in_pipeline;
  --uncleaned_;
  Recycle(request);
}

void RequestPool::Recycle(Request* request) {
  request->Leave();
  freed_bytes_ += request->question.Clear() + request->answer.Clear();
  request->state = Request::State::kFree;
  request->connection = nullptr;
  request->group = request->member_of = nullptr;
  RequestSlab* slab = request->slab;
  const bool was_all_out = slab->all_out();
  slab->PutBack(request);
  --out_;
  if (was_all_out) {
    LinkFirst(slab);
  } else if (slab->none_out() && slab != usable_.front()) {
    usable_.MoveToBack(slab);
  }
}

bool RequestPool::AddSlab() {
  const auto add = [this] { slabs_.push_back(std::make_unique<RequestSlab>(slabs_.size())); };
  if (!TryAllocate(sizeof(RequestSlab), add)) return false;
  if (!slabs_.back()->usable()) {
    slabs_.pop_back();
    return false;
  }
  LinkFirst(slabs_.back().get());
  if (held() > kKeptRequests && next_shrink_ == kNever) next_shrink_ = TimePoint::min();
  return true;
}

uint64_t RequestPool::FreeSlab(RequestSlab* slab) {
  const uint64_t bytes = slab->AllocatedBytes();
  slab->Unlink();
  std::swap(slabs_[slab->index], slabs_.back());
  slabs_[slab->index]->index = slab->index;
  slabs_.pop_back();
  return bytes;
}

void RequestPool::LinkFirst(RequestSlab* slab) {
  // Of the slabs with nothing out only the first stands at the front.
  if (!usable_.empty() && usable_.front()->none_out()) usable_.MoveToBack(usable_.front());
  usable_.PushFront(slab);
}

}  // namespace rp::core
