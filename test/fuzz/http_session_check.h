// What must be true of an HTTP connection for any bytes: delivered whole, in two pieces and in
// many, it gives the same answers and ends in the same way, and no request is lost. For the fuzzer
// and its corpus.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: some five connections' life; for
// a few kilobytes.
#pragma once

#include <string>
#include <string_view>

#include "http_front/http_session.h"
#include "test/fuzz/session_harness.h"

namespace rp::http_front::fuzz {

// Takes the last answer out of `*answers` and returns it, without its Connection field.
inline std::string TakeLastAnswer(std::string* answers) {
  const size_t start = answers->rfind("HTTP/1.1 ");
  if (start == std::string::npos) return "";
  std::string last = answers->substr(start);
  answers->resize(start);
  const size_t field = last.find("\r\nConnection: ");
  if (field != std::string::npos) last.erase(field, last.find("\r\n", field + 2) - field);
  return last;
}

// Two differences are by design:
//
// * The last answer, where the connection ends because of the request's body: if the body turns out
//   malformed or too long before the answer was sent, the answer is 400 or says `Connection:
//   close`; if it had been sent before, only the connection ends.
// * A connection that was asked to end lingers only if more has arrived already.
inline bool Agree(const core::fuzz::Heard& whole, const core::fuzz::Heard& other) {
  using Phase = core::Connection::Phase;
  if (whole.ended() != other.ended()) return false;
  if (whole.phase == Phase::kClosed && other.phase != Phase::kClosed) return false;
  if (whole.bytes == other.bytes) return true;
  std::string whole_rest = whole.bytes;
  std::string other_rest = other.bytes;
  const std::string whole_last = TakeLastAnswer(&whole_rest);
  const std::string other_last = TakeLastAnswer(&other_rest);
  return whole.phase == Phase::kLingering && other.phase == Phase::kLingering &&
         whole_rest == other_rest && !other_last.empty() &&
         (whole_last == other_last || whole_last.starts_with("HTTP/1.1 400 "));
}

// With `!` before the bytes, clients have to name the user `u` with the password `p`.
inline void CheckHttpSession(std::string_view bytes) {
  const bool needs_password = bytes.starts_with('!');
  if (needs_password) bytes.remove_prefix(1);
  const HttpOptions options{
      .limits = {.leading_empty_lines = 2,
                 .request_line_bytes = 128,
                 .header_line_bytes = 64,
                 .header_bytes = 256,
                 .header_count = 8,
                 .body_bytes = 64},
      .credentials = *Credentials::Parse(needs_password ? "u:p" : ""),
  };
  core::fuzz::CheckAllDeliveriesAgree(HttpSessions(options), "", bytes, Agree);
}

}  // namespace rp::http_front::fuzz
