// Scripts for FakeRedis that several tests use. Each answers some commands, and leaves the others
// to the table.
//
// Thread safety: values; a script runs on the server's thread.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "test/support/fake_redis.h"

namespace rp::redis {

// Answers the command of that name.
inline FakeRedis::Script ReplyTo(std::string name, FakeRedis::Answer answer) {
  return [name = std::move(name), answer = std::move(answer)](const FakeRedis::Command& command) {
    return command.name() == name ? std::optional(answer) : std::nullopt;
  };
}

// Answers HELLO as a Redis of that version does.
inline FakeRedis::Script OfVersion(const std::string& version) {
  return ReplyTo("HELLO", {.bytes = "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n" +
                                    FakeRedis::Bulk(version)});
}

// Answers every GET with "of <key>", `answer` says how.
inline FakeRedis::Script ReplyToGets(FakeRedis::Answer answer) {
  return [answer](const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "GET") return std::nullopt;
    FakeRedis::Answer own = answer;
    own.bytes = FakeRedis::Bulk("of " + command.key());
    return own;
  };
}

// Answers every GET after a moment, so that more of them can arrive meanwhile.
inline FakeRedis::Script AnswerLate(Duration delay) {
  return ReplyToGets({.bytes = "", .delay = delay});
}

// Holds the answers to all GETs back until Release.
inline FakeRedis::Script HoldGets() { return ReplyToGets({.bytes = "", .held = true}); }

// Answers ECHO as Redis does, and holds the answers to those whose argument is `held` back.
inline FakeRedis::Script Echo(std::string held = "?") {
  return [held = std::move(held)](
             const FakeRedis::Command& command) -> std::optional<FakeRedis::Answer> {
    if (command.name() != "ECHO") return std::nullopt;
    return FakeRedis::Answer{.bytes = FakeRedis::Bulk(command.key()),
                             .held = command.key() == held};
  };
}

}  // namespace rp::redis
