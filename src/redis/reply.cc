#include "redis/reply.h"

#include <hiredis/hiredis.h>

namespace rp::redis {

void ReplyDeleter::operator()(redisReply* reply) const { freeReplyObject(reply); }

std::string_view TextOf(const redisReply& reply) {
  return {reply.str, static_cast<size_t>(reply.len)};
}

ErrorCode ClassifyErrorReply(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  if (word == "WRONGTYPE") return ErrorCode::kWrongType;
  if (word == "NOPERM") return ErrorCode::kNoPermission;
  if (word == "NOAUTH" || word == "WRONGPASS") return ErrorCode::kAuth;
  if (word == "LOADING") return ErrorCode::kLoading;
  if (word == "MASTERDOWN") return ErrorCode::kMasterDown;
  if (word == "CLUSTERDOWN") return ErrorCode::kClusterDown;
  if (word == "TRYAGAIN") return ErrorCode::kTryAgain;
  if (word == "BUSY") return ErrorCode::kScriptRuns;
  if (word == "MOVED" || word == "ASK" || word == "REDIRECT") return ErrorCode::kMoved;
  if (word == "READONLY") return ErrorCode::kReadOnly;
  if (text.starts_with("ERR max number of clients")) return ErrorCode::kTooManyClients;
  return ErrorCode::kUpstream;
}

bool IsAboutServer(ErrorCode code) {
  return IsTransient(code) || code == ErrorCode::kAuth || code == ErrorCode::kMoved ||
         code == ErrorCode::kReadOnly;
}

std::string_view TextForClients(ErrorCode code, std::string_view text) {
  return code == ErrorCode::kMoved || code == ErrorCode::kRefused ? Describe(code).text : text;
}

bool IsRefusal(ErrorCode code) { return code == ErrorCode::kAuth || code == ErrorCode::kRefused; }

std::string RefusalText(std::string_view name, const Error& error) {
  const bool is_auth = error.code == ErrorCode::kAuth;
  return std::string(name) + " refuses " + (is_auth ? "the credentials" : "the connection") + " (" +
         error.message + "): " +
         (is_auth ? "check the user name and the password"
                  : "check its configuration and this proxy's -redis flags");
}

Error OwnError(ErrorCode code) { return Error{code, std::string(Describe(code).text)}; }

}  // namespace rp::redis
