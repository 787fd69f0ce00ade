#include "server/request.h"

namespace rp::server {
namespace {

// The memory of a longer key or reply is given back with the request.
constexpr size_t kKeptKeyBytes = 512;
constexpr size_t kKeptReplyBytes = 512;

}  // namespace

Request* RequestPool::Take() {
  if (free_.empty()) {
    if (all_.size() >= limit_) return nullptr;
    all_.push_back(std::make_unique<Request>());
    // Room for every request at once, so that PutBack never allocates.
    free_.reserve(all_.capacity());
    return all_.back().get();
  }
  Request* request = free_.back();
  free_.pop_back();
  return request;
}

void RequestPool::PutBack(Request* request) {
  request->Leave();
  request->key.clear();
  if (request->key.capacity() > kKeptKeyBytes) request->key.shrink_to_fit();
  request->outcome = proxy::Outcome::kPending;
  request->source = proxy::Source::kRedis;
  request->value = {};
  request->error_text.clear();
  request->next_in_pipeline = nullptr;
  request->connection = nullptr;
  request->answered = false;
  request->group = nullptr;
  request->group_rest = request->group_unanswered = 0;
  static_cast<Framing&>(*request) = {};
  request->local_status = 0;
  request->local_text = {};
  request->local_reply.clear();
  if (request->local_reply.capacity() > kKeptReplyBytes) request->local_reply.shrink_to_fit();
  free_.push_back(request);
}

}  // namespace rp::server
