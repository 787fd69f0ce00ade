// A reply that hiredis has parsed, and what the errors among them mean. Hides which words Redis
// puts at the front of its errors.
//
// Owner: the caller that read the reply.
// Thread safety: values and pure functions, any thread.
// Cost: O(1) but for the parsed reply itself, which is freed with its owner.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct redisReply;

namespace rp::redis {

struct ReplyDeleter {
  void operator()(redisReply* reply) const;
};
using Reply = std::unique_ptr<redisReply, ReplyDeleter>;

// Returns the bytes of a string, a status or an error (without its '-'); they live as long as
// `reply`. REQUIRES: the reply is of one of these types.
std::string_view TextOf(const redisReply& reply);

// Returns the code of an error reply, which is given without its '-'. The first word decides
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors); an unknown word
// is kUpstream.
ErrorCode ClassifyErrorReply(std::string_view text);

// Returns whether an error of this code concerns the server as a whole, so that it would answer any
// other request alike.
bool IsAboutServer(ErrorCode code);

// Returns the text that a client gets for an error reply of `code`: `text`, which is Redis's own,
// or this program's text where Redis's is for the operator only. The text of MOVED and ASK names
// another node, which the client may be unable to reach.
std::string_view TextForClients(ErrorCode code, std::string_view text);

// Returns whether this is a refusal of the connection that no waiting changes: kAuth and kRefused.
bool IsRefusal(ErrorCode code);

// Returns a line for the operator that says what Redis refuses, its own text, and what to do.
// `name` is the endpoint as text. REQUIRES: IsRefusal(error.code).
std::string RefusalText(std::string_view name, const Error& error);

// Returns an error of this program's own: with the text that Describe has for `code`.
Error OwnError(ErrorCode code);

}  // namespace rp::redis
