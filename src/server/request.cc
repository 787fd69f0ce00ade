#include "server/request.h"

namespace rp::server {
namespace {

// The memory of a longer key, command or reply is given back with the request.
constexpr size_t kKeptBytes = 512;

void Clear(std::string* text) {
  text->clear();
  if (text->capacity() > kKeptBytes) text->shrink_to_fit();
}

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
  Clear(&request->key);
  Clear(&request->command);
  Clear(&request->reply);
  request->asks_only = false;
  request->ForgetAnswer();
  request->next_in_pipeline = nullptr;
  request->connection = nullptr;
  request->answered = false;
  request->group = nullptr;
  request->group_rest = request->group_unanswered = request->group_found = 0;
  request->group_under_way = 0;
  request->group_next = nullptr;
  request->group_failed = request->on_its_way = false;
  static_cast<Framing&>(*request) = {};
  request->local_status = 0;
  request->local_text = {};
  free_.push_back(request);
}

}  // namespace rp::server
