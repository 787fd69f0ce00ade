// What must be true of the readers of RESP for any bytes: read as commands and as replies, whole,
// cut in two and byte by byte, they agree in everything, or a stream would mean different things
// depending on how the network delivers it. For the fuzzer and its corpus.
//
// Thread safety: any thread. Cost: O(n^2), for a few kilobytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "resp/error_texts.h"
#include "resp/reply_cursor.h"
#include "resp/reply_framer.h"
#include "resp/request_reader.h"
#include "test/fuzz/exact_copy.h"

namespace rp::resp::fuzz {

// How the bytes arrive: up to `first_cut`, and from there `step` bytes at a time.
struct Delivery {
  size_t first_cut;
  size_t step;
};

inline std::string Describe(const Command& command) {
  std::string text = std::to_string(static_cast<int>(command.kind())) + "(";
  for (size_t i = 0; i < command.size(); ++i) {
    text += std::to_string(command[i].size()) + ":" + std::string(command[i]) + ",";
  }
  if (command.size() > 0) text += UnknownCommandText(command);
  return text + ")";
}

// All commands in `bytes`, and how it ends, as one text.
inline std::string ReadCommands(std::string_view bytes, const Delivery& delivery) {
  const RequestLimits limits{.line_bytes = 32,
                             .bulk_bytes = 64,
                             .command_bytes = 128,
                             .stored_argument_bytes = 16,
                             .stored_command_bytes = 48};
  RequestReader reader(limits);
  std::string text;
  size_t begin = 0;  // of the command
  size_t start = 0;  // of what was not dropped
  for (size_t cut = delivery.first_cut;; cut = std::min(cut + delivery.step, bytes.size())) {
    for (;;) {
      // As a connection: it reads to the room first, and then what has not come there.
      for (std::span<char> room; !(room = reader.Room(cut - start)).empty();) {
        std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(start), room.size(), room.begin());
        reader.Grow(room.size());
        start += room.size();
      }
      const ExactCopy piece(bytes.substr(start, cut - start));
      Command command;
      const ParseStatus status = reader.Parse(piece.view(), &command);
      if (status == ParseStatus::kError) return text + reader.error_text();
      if (status == ParseStatus::kNeedMore) {
        start += reader.taken();
        RP_CHECK(start <= cut);
        break;
      }
      RP_CHECK(reader.consumed() > 0 && reader.consumed() <= piece.view().size());
      text += Describe(command);
      if (cut % 2 == 0) {  // it is not yet its turn
        start += reader.PutBack();
        const ExactCopy again(bytes.substr(start, cut - start));
        RP_CHECK(reader.Parse(again.view(), &command) == ParseStatus::kDone);
        RP_CHECK(text.ends_with(Describe(command)));
      }
      start += reader.consumed();
      text += std::to_string(start - begin) + ";";
      begin = start;
    }
    if (cut == bytes.size()) return text + "more";
  }
}

inline std::string DescribeReply(std::string_view reply) {
  std::string text;
  ReplyCursor cursor(reply);
  ReplyElement element;
  while (cursor.Next(&element)) {
    text += element.type + std::to_string(element.number) + (element.null ? "null" : "") +
            std::to_string(element.text.size()) + ":" + std::string(element.text) + ",";
  }
  return text + std::to_string(cursor.rest().size()) + "/" + std::to_string(reply.size());
}

// All replies in `bytes`, and how it ends, as one text.
inline std::string FrameReplies(std::string_view bytes, const Delivery& delivery) {
  ReplyFramer framer(128);
  std::string text;
  size_t start = 0;  // of what was not consumed
  for (size_t cut = delivery.first_cut;; cut = std::min(cut + delivery.step, bytes.size())) {
    for (;;) {
      const ExactCopy piece(bytes.substr(start, cut - start));
      const ParseStatus status = framer.Parse(piece.view());
      if (status == ParseStatus::kError) return text + std::string(framer.error_text());
      if (status == ParseStatus::kNeedMore) break;
      RP_CHECK(framer.consumed() > 0 && framer.consumed() <= piece.view().size());
      text += DescribeReply(piece.view().substr(0, framer.consumed()));
      text += framer.is_push() ? "push;" : ";";
      start += framer.consumed();
    }
    if (cut == bytes.size()) return text + "more";
  }
}

template <typename Read>
void CheckAllDeliveriesAgree(std::string_view bytes, size_t middle, Read read) {
  const std::string whole = read(bytes, {bytes.size(), 1});
  RP_CHECK(read(bytes, {middle, bytes.size()}) == whole);
  RP_CHECK(read(bytes, {0, 1}) == whole);
}

// The last byte says where to cut. Aborts if the deliveries disagree.
inline void CheckRespReader(std::string_view bytes) {
  const size_t middle = bytes.empty() ? 0 : static_cast<uint8_t>(bytes.back()) % (bytes.size() + 1);
  CheckAllDeliveriesAgree(bytes, middle, ReadCommands);
  CheckAllDeliveriesAgree(bytes, middle, FrameReplies);
}

}  // namespace rp::resp::fuzz
