// What must be true of a connection of the Redis protocol for any bytes: delivered whole, in two
// pieces and in many, it gives the same answers and ends in the same way, and no request is lost.
// For the fuzzer and its corpus.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: some five connections' life; for
// a few kilobytes.
#pragma once

#include <string>
#include <string_view>

#include "resp_front/resp_session.h"
#include "test/fuzz/session_harness.h"

namespace rp::resp_front::fuzz {

// A server of constant figures.
class ConstantView final : public ServerView {
 public:
  [[nodiscard]] ServerFacts Facts() const override { return {}; }
  [[nodiscard]] std::string RedisVersion() const override { return "7.2.4"; }
};

// A row of the reply to COMMAND.
inline std::string Row(std::string_view name, int arity, std::string_view flag, int first,
                       int last) {
  const auto bulk = [](std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
  };
  const auto integer = [](int number) { return ":" + std::to_string(number) + "\r\n"; };
  return "*10\r\n" + bulk(name) + integer(arity) + "*1\r\n" + bulk(flag) + integer(first) +
         integer(last) + integer(first == 0 ? 0 : 1) + "*0\r\n*0\r\n*0\r\n*0\r\n";
}

inline const std::string& CommandTable() {
  static const std::string table =
      "*14\r\n" + Row("set", -3, "write", 1, 1) + Row("del", -2, "write", 1, -1) +
      Row("hget", 3, "readonly", 1, 1) + Row("eval", -3, "movablekeys", 0, 0) +
      Row("sort", -2, "movablekeys", 1, 1) + Row("flushall", -1, "write", 0, 0) +
      Row("multi", 1, "noscript", 0, 0) + Row("exec", 1, "noscript", 0, 0) +
      Row("discard", 1, "noscript", 0, 0) + Row("watch", -2, "noscript", 1, -1) +
      Row("save", 1, "no_multi", 0, 0) + Row("blpop", -3, "blocking", 1, -2) +
      Row("info", -1, "loading", 0, 0) + Row("client", -2, "noscript", 0, 0);
  return table;
}

inline bool OneBeginsTheOther(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

// One difference is by design: a client that sends HTTP is cut off, and loses the answers of that
// turn. What was sent before depends on the pieces.
inline bool Agree(const core::fuzz::Heard& whole, const core::fuzz::Heard& other) {
  using Phase = core::Connection::Phase;
  const bool is_cut_off = whole.phase == Phase::kClosed && other.phase == Phase::kClosed;
  if (is_cut_off) return OneBeginsTheOther(whole.bytes, other.bytes);
  return whole.phase == other.phase && whole.bytes == other.bytes;
}

// With `!` before the bytes, clients have to name the user `u` with the password `p`; with `>`,
// other commands are forwarded; with `!>`, both.
inline void CheckRespSession(std::string_view bytes) {
  const auto take = [&](char flag) {
    const bool has_flag = bytes.starts_with(flag);
    if (has_flag) bytes.remove_prefix(1);
    return has_flag;
  };
  static const ConstantView view;
  const bool needs_password = take('!');
  const bool forward = take('>');
  const RespOptions options{
      .server = &view,
      .version = "0",
      .credentials = *Credentials::Parse(needs_password ? "u:p" : ""),
      .forward = forward,
      .limits = {.line_bytes = 128,
                 .bulk_bytes = 256,
                 .command_bytes = 1024,
                 .stored_argument_bytes = 24,
                 .stored_command_bytes = 96},
      .transaction_limits = {.commands = 4, .bytes = 512},
  };
  core::fuzz::CheckAllDeliveriesAgree(RespSessions(options), CommandTable(), bytes, Agree);
}

}  // namespace rp::resp_front::fuzz
