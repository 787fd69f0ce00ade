#include "proxy/request.h"

#include "base/memory.h"

namespace rp::proxy {
namespace {

void ClearText(std::string* text) {
  text->clear();
  if (text->capacity() > kKeptBytes) text->shrink_to_fit();
}

}  // namespace

void Question::Clear() {
  kind = Kind::kKey;
  resp_version = 2;
  reads_only = false;
  ClearText(&key);
  if (!command.empty()) command.Clear();
  if (!transaction.empty()) std::vector<resp::OwnedCommand>().swap(transaction);
}

size_t Question::AllocatedBytes() const {
  return rp::AllocatedBytes(key) + command.AllocatedBytes();
}

void Answer::Clear() {
  outcome = Outcome::kPending;
  source = Source::kRedis;
  error = ErrorCode::kInternal;
  value = {};
  ClearText(&error_text);
  ClearText(&reply);
  if (large_reply.owner != nullptr) large_reply = {};
}

size_t Answer::AllocatedBytes() const {
  return rp::AllocatedBytes(error_text) + rp::AllocatedBytes(reply);
}

}  // namespace rp::proxy
