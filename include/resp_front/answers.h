// Functions that write the answers of requests, one for each form of answer, and Framing, the
// session's notes on a request. They write the same bytes as Redis.
//
// Each function writes the answer, or only the part before its payload, to `out` and returns the
// size (core::Session::Write).
//
// Owner: nobody; pure functions. Thread safety: the reactor's thread. Cost: O(bytes written), no
// allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/session.h"
#include "resp_front/resp_options.h"

namespace rp::resp_front {

// What an answer may be made of besides its request.
struct AnswerContext {
  const core::Turn& turn;
  const RespOptions& options;
};

// The type of these functions.
using WriteAnswer = size_t(const core::Request& request, const AnswerContext& context, char* out,
                           core::Payload* payload);

// The session's notes on a request: the form of its answer.
struct Framing {
  WriteAnswer* write = nullptr;
  std::string_view constant;  // for WriteReply, if the request has no reply of its own
  int64_t range_start = 0;    // for WriteRange
  int64_t range_end = 0;
  uint32_t found = 0;   // for WriteExists: keys without a request that exist
  uint8_t version = 2;  // of the protocol when the command was read
};

[[nodiscard]] inline Framing* FramingOf(core::Request* request) {
  return request->data.Get<Framing>();
}
[[nodiscard]] inline const Framing& FramingOf(const core::Request& request) {
  return *request.data.Get<Framing>();
}

WriteAnswer WriteReply;      // writes the request's reply, or else the constant
WriteAnswer WriteForwarded;  // writes Redis's reply as it came
WriteAnswer WriteInfo;       // writes Redis's reply to INFO with the section `# Proxy` behind it
WriteAnswer WriteNothing;

// These write an answer about one key. If the outcome is Redis's reply or an error, they write
// that.
WriteAnswer WriteGet;
WriteAnswer WriteStrlen;
WriteAnswer WriteRange;
WriteAnswer WriteTtl;
WriteAnswer WritePttl;
WriteAnswer WriteType;

// These write the answer of a request with many keys, and of its group if it has one: WriteMget
// the next part of the group, WriteExists all. If a key has failed, its error is the whole answer.
WriteAnswer WriteMget;
WriteAnswer WriteExists;

}  // namespace rp::resp_front
