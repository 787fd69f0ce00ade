// How the answers of requests are written: what each request notes of its form, and a function for
// each form. They write what Redis answers to the command.
//
// A function writes to `out` what precedes the payload, or all without one, and returns its size
// (core::Session::Write). The first request of a group is written when all of it is answered.
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

// What is noted with each request for its answer.
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

WriteAnswer WriteReply;      // what is ready: the request's reply, or the constant
WriteAnswer WriteForwarded;  // Redis's reply as it came
WriteAnswer WriteNothing;

// Of a key. If the outcome is Redis's reply or an error, they write that.
WriteAnswer WriteGet;
WriteAnswer WriteStrlen;
WriteAnswer WriteRange;
WriteAnswer WriteTtl;
WriteAnswer WritePttl;
WriteAnswer WriteType;

// Of the first request of a group, which has no key. An error of any in the group is the whole
// answer. The others of MGET are elements, and the others of EXISTS write nothing.
WriteAnswer WriteMget;
WriteAnswer WriteMgetElement;
WriteAnswer WriteExists;

}  // namespace rp::resp_front
