// What must be true of the HTTP parsers for any bytes: read whole, cut in two and byte by byte,
// they agree in everything, or a request would mean different things depending on how the network
// delivers it. For the fuzzer and its corpus.
//
// Thread safety: any thread. Cost: O(n^2), for a few kilobytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/body.h"
#include "http/request_parser.h"
#include "http/target.h"
#include "test/fuzz/exact_copy.h"

namespace rp::http::fuzz {

// Everything that Parse and then Skip make of `bytes`, which arrive up to `first_cut` and from
// there `step` bytes at a time, as one text.
inline std::string Read(std::string_view bytes, size_t first_cut, size_t step) {
  const Limits limits{.leading_empty_lines = 2,
                      .request_line_bytes = 128,
                      .header_line_bytes = 64,
                      .header_bytes = 256,
                      .header_count = 8,
                      .body_bytes = 64};
  RequestParser parser(limits);
  BodySkipper skipper;
  std::string text;
  bool head_done = false;
  size_t start = 0;  // of what was not consumed
  for (size_t cut = first_cut;; cut = std::min(cut + step, bytes.size())) {
    const ExactCopy piece(bytes.substr(start, cut - start));
    ParseStatus status = ParseStatus::kDone;
    std::string_view rest = piece.view();
    if (!head_done) {
      RequestHead head;
      status = parser.Parse(rest, &head);
      if (status == ParseStatus::kError) {
        return "error " + std::to_string(parser.error_status()) + std::string(parser.error_text());
      }
      if (status == ParseStatus::kDone) {
        head_done = true;
        std::string key;
        const bool has_key = head.target.starts_with('/');
        text = std::to_string(static_cast<int>(head.method)) + std::string(head.target) + " " +
               std::to_string(head.minor_version) + (head.keep_alive ? "k" : "") +
               (head.expect_continue ? "e" : "") + (head.chunked ? "c" : "") +
               std::to_string(head.content_length) + std::string(head.authorization) + " " +
               (has_key ? std::to_string(static_cast<int>(DecodeKey(head.target, &key))) : "-") +
               key + " " + std::to_string(parser.consumed());
        rest.remove_prefix(parser.consumed());
        start += parser.consumed();
        skipper.Start(head, limits.body_bytes);
      }
    }
    if (head_done) {
      size_t consumed = 0;
      status = skipper.Skip(rest, &consumed);
      start += consumed;
      if (status == ParseStatus::kError) return text + " bad body";
      if (status == ParseStatus::kDone) return text + " body until " + std::to_string(start);
      RP_CHECK(consumed == rest.size());
    }
    if (cut == bytes.size()) return text + " more";
  }
}

// The last byte says where to cut. Aborts if the deliveries disagree.
inline void CheckRequestParser(std::string_view bytes) {
  const size_t size = bytes.size();
  const size_t middle = size == 0 ? 0 : static_cast<uint8_t>(bytes.back()) % (size + 1);
  const std::string whole = Read(bytes, size, size);
  RP_CHECK(Read(bytes, middle, size) == whole);
  RP_CHECK(Read(bytes, 0, 1) == whole);
}

}  // namespace rp::http::fuzz
