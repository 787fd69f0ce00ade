#include "redis/server_version.h"

#include <charconv>

namespace rp::redis {
namespace {

constexpr int kNumbers = 3;
constexpr int kBitsOfNumber = 16;
constexpr uint64_t kTold = uint64_t{1} << (kNumbers * kBitsOfNumber);

// Returns the numbers of "7.0.15" behind kTold, or 0 if the text has another form.
uint64_t Parse(std::string_view text) {
  uint64_t numbers = kTold >> (kNumbers * kBitsOfNumber);
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < kNumbers; ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return 0;
    uint16_t number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return 0;
    numbers = numbers << kBitsOfNumber | number;
    at = rest;
  }
  return numbers;
}

}  // namespace

void ServerVersion::Set(std::string_view text) { numbers_.store(Parse(text)); }

std::string ServerVersion::ToString() const {
  const uint64_t numbers = numbers_.load();
  std::string text;
  if ((numbers & kTold) == 0) return text;
  for (int i = kNumbers - 1; i >= 0; --i) {
    if (!text.empty()) text += '.';
    text += std::to_string(static_cast<uint16_t>(numbers >> (i * kBitsOfNumber)));
  }
  return text;
}

}  // namespace rp::redis
