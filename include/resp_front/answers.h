// Functions that write the answers of requests, one for each form of answer, and Framing, the notes
// that each request carries on its form. They write the same bytes as Redis.
//
// Each function writes the answer, or only the part before its payload, to `out` and returns the
// size (core::Session::Write). The first request of a group is written when all of it is answered.
//
// Owner: nobody; pure functions. Thread safety: the reactor's thread. Cost: O(bytes written), no
// allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/session.h"

namespace rp::resp_front {

// The type of these functions.
using WriteAnswer = size_t(const core::Request& request, const core::Turn& turn, char* out,
                           core::Payload* payload);

// The notes that each request carries on the form of its answer.
struct Framing {
  WriteAnswer* write = nullptr;
  std::string_view constant;  // of WriteReply, where the request has no reply of its own
  int64_t range_start = 0;    // of WriteRange
  int64_t range_end = 0;
  uint32_t found = 0;   // of WriteExists: keys that exist, of those without a request
  uint8_t version = 2;  // of the protocol, when the command came
};

[[nodiscard]] inline Framing* FramingOf(core::Request* request) {
  return request->data.Get<Framing>();
}
[[nodiscard]] inline const Framing& FramingOf(const core::Request& request) {
  return *request.data.Get<Framing>();
}

WriteAnswer WriteReply;      // the request's reply, or else the constant
WriteAnswer WriteForwarded;  // Redis's reply as it came
WriteAnswer WriteNothing;

// For the value of a key. If the outcome is Redis's reply or an error, they write that.
WriteAnswer WriteGet;
WriteAnswer WriteStrlen;
WriteAnswer WriteRange;
WriteAnswer WriteTtl;
WriteAnswer WritePttl;
WriteAnswer WriteType;

// For groups. The first request has no key, and its function begins the answer; if any request of
// the group has failed, that error is the whole answer. The other requests of MGET write an element
// each, and those of EXISTS nothing.
WriteAnswer WriteMget;
WriteAnswer WriteMgetElement;
WriteAnswer WriteExists;

}  // namespace rp::resp_front
