// What Redis tells of itself, in replies to INFO and HELLO.
//
// Owner: nobody; pure functions. The views are of the reply's bytes.
// Thread safety: any thread.
// Cost: O(length of the reply), no allocation.
#pragma once

#include <string_view>

struct redisReply;

namespace rp::redis {

// Returns the value of a field in a text that has a line "field:value" for each, or an empty view
// if there is none (https://redis.io/docs/latest/commands/info/).
std::string_view FieldOfInfo(std::string_view text, std::string_view field);

// The same in a reply to INFO. Returns an empty view if it is not a text.
std::string_view FieldOfInfo(const redisReply& info, std::string_view field);

// Returns the version that a reply to HELLO in RESP2 tells, or an empty view if it is not one of
// Redis: Valkey 8 tells a version of its own.
std::string_view VersionInHello(const redisReply& hello);

}  // namespace rp::redis
