#include "redis/server_version.h"

#include <hiredis/hiredis.h>

#include <charconv>

#include "redis/reply.h"

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

// Returns the value of a field of a reply to HELLO, which is an array of names and values in turn
// (https://redis.io/docs/latest/commands/hello/), or an empty string if there is none.
std::string_view FieldOfHello(const redisReply& hello, std::string_view field) {
  if (hello.type != REDIS_REPLY_ARRAY) return {};
  for (size_t i = 0; i + 1 < hello.elements; i += 2) {
    const redisReply& name = *hello.element[i];
    const redisReply& value = *hello.element[i + 1];
    if (name.type == REDIS_REPLY_STRING && TextOf(name) == field) {
      return value.type == REDIS_REPLY_STRING ? TextOf(value) : std::string_view();
    }
  }
  return {};
}

}  // namespace

std::string_view VersionInHello(const redisReply& hello) {
  return FieldOfHello(hello, "server") == "redis" ? FieldOfHello(hello, "version")
                                                  : std::string_view();
}

std::string_view VersionInInfo(const redisReply& info) {
  constexpr std::string_view kField = "\r\nredis_version:";
  if (info.type != REDIS_REPLY_STRING) return {};
  const std::string_view text = TextOf(info);
  const size_t field = text.find(kField);
  if (field == std::string_view::npos) return {};
  const std::string_view value = text.substr(field + kField.size());
  return value.substr(0, value.find('\r'));
}

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
