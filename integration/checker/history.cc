#include "integration/checker/history.h"

namespace rp::integration {
namespace {

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= ' ') quoted += c;
  }
  return quoted + "\"";
}

std::string Nanoseconds(TimePoint at) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
}

}  // namespace

std::string JsonLine(const Operation& operation) {
  return "{\"op\":" + Quoted(operation.op) + ",\"key\":" + Quoted(operation.key) +
         ",\"stamp\":" + std::to_string(operation.stamp) +
         ",\"start_ns\":" + Nanoseconds(operation.start) +
         ",\"end_ns\":" + Nanoseconds(operation.end) + ",\"client\":" + Quoted(operation.client) +
         ",\"protocol\":" + Quoted(operation.protocol) +
         ",\"outcome\":" + Quoted(operation.outcome) + ",\"cache\":" + Quoted(operation.cache) +
         "}\n";
}

History::History(const std::string& path) {
  if (path.empty()) return;
  file_.reset(std::fopen(path.c_str(), "we"));
  ok_ = file_ != nullptr;
}

void History::Add(const Operation& operation) {
  if (file_ == nullptr) return;
  const std::string line = JsonLine(operation);
  const std::lock_guard<std::mutex> lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), file_.get());
}

}  // namespace rp::integration
