#include "redis/server_info.h"

#include <hiredis/hiredis.h>

#include "redis/reply.h"

namespace rp::redis {
namespace {

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

std::string_view FieldOfInfo(std::string_view text, std::string_view field) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(field) || !line.substr(field.size()).starts_with(':')) continue;
    const std::string_view value = line.substr(field.size() + 1);
    return value.substr(0, value.find('\r'));
  }
  return {};
}

std::string_view FieldOfInfo(const redisReply& info, std::string_view field) {
  return info.type == REDIS_REPLY_STRING ? FieldOfInfo(TextOf(info), field) : std::string_view();
}

std::string_view VersionInHello(const redisReply& hello) {
  return FieldOfHello(hello, "server") == "redis" ? FieldOfHello(hello, "version")
                                                  : std::string_view();
}

}  // namespace rp::redis
