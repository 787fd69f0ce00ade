#include "proxy/request.h"

#include "base/memory.h"

namespace rp::proxy {
namespace {

// Returns the bytes that malloc got back. A block that is mapped by itself went to the kernel.
size_t ClearText(std::string* text) {
  text->clear();
  const size_t capacity = text->capacity();
  if (capacity <= kKeptBytes) return 0;
  text->shrink_to_fit();
  return capacity < kMappedBlockBytes ? capacity : 0;
}

}  // namespace

size_t Question::Clear() {
  kind = Kind::kKey;
  resp_version = 2;
  reads_only = false;
  if (!command.empty()) command.Clear();
  if (!transaction.empty()) std::vector<resp::OwnedCommand>().swap(transaction);
  return ClearText(&key);
}

size_t Question::AllocatedBytes() const {
  return rp::AllocatedBytes(key) + command.AllocatedBytes();
}

size_t Answer::Clear() {
  outcome = Outcome::kPending;
  source = Source::kRedis;
  error = ErrorCode::kInternal;
  value = {};
  if (large_reply.owner != nullptr) large_reply = {};
  return ClearText(&error_text) + ClearText(&reply);
}

size_t Answer::AllocatedBytes() const {
  return rp::AllocatedBytes(error_text) + rp::AllocatedBytes(reply);
}

}  // namespace rp::proxy
