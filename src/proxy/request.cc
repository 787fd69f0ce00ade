#include "proxy/request.h"

namespace rp::proxy {
namespace {

void ClearText(std::string* text) {
  text->clear();
  if (text->capacity() > kKeptBytes) text->shrink_to_fit();
}

size_t AllocatedText(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() : 0;
}

}  // namespace

void Question::Clear() {
  kind = Kind::kKey;
  resp_version = 2;
  reads_only = false;
  ClearText(&key);
  if (!command.empty()) command.Clear();
}

size_t Question::AllocatedBytes() const { return AllocatedText(key) + command.AllocatedBytes(); }

void Answer::Clear() {
  outcome = Outcome::kPending;
  source = Source::kRedis;
  error = ErrorCode::kInternal;
  value = {};
  ClearText(&error_text);
  ClearText(&reply);
}

size_t Answer::AllocatedBytes() const { return AllocatedText(error_text) + AllocatedText(reply); }

}  // namespace rp::proxy
