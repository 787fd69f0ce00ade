// Finds where a server's reply ends, and what it is made of, in RESP2 and RESP3. Hides: the grammar
// of all reply types, nesting, and when a stream of replies cannot be trusted any more. With it a
// reply can be passed on byte for byte, and a pushed message be read, without building a tree.
//
// It owns a fixed stack of counters and no memory: the bytes stay in the caller's buffer. Stricter
// than the protocol's prose where Redis is: lengths and integers in canonical form, lines ended by
// CR LF with neither inside, no streamed strings or aggregates, a push only by itself.
//
// Thread safety: none; one thread at a time. Cost: O(n) in the bytes of lines and in the elements,
// however they are cut into calls, O(1) for a bulk of any size; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "resp/grammar.h"

namespace rp::resp {

// The most aggregates and attributes inside each other. Redis's own replies need less than 10.
inline constexpr size_t kMaxReplyDepth = 32;

struct ReplyElement {
  // The type's byte in RESP: + - : $ ! = * ~ % > | _ # , (
  char type = '_';
  bool null = false;  // $-1, *-1 and _
  // The value of ':', 1 or 0 for '#', and how many elements an aggregate or attribute consists of,
  // which follow it: keys and values of a map are two.
  int64_t number = 0;
  // What + - $ ! = , and ( hold; "txt:" and the like is part of '='. A slice of the buffer.
  std::string_view text;
};

class ReplyReader {
 public:
  // A reply of more than `max_reply_bytes` as it is sent is an error.
  explicit ReplyReader(size_t max_reply_bytes) : max_reply_bytes_(max_reply_bytes) {}

  // `buffer` is everything received from the first byte of this reply on: it may have moved since
  // the last call, and grown, but its earlier bytes are unchanged.
  //
  // kDone: consumed() bytes are one whole reply, a push among them, with the attributes before it;
  // before the next call, which reads the next reply, drop them from the front. kNeedMore: call
  // again with more. kError: error_text(); the connection is of no use any more, and every further
  // call says kError too. The same bytes give the same answers however they are cut.
  [[nodiscard]] ParseStatus Parse(std::string_view buffer);

  // After kDone: bytes of the reply, from the first byte of `buffer`.
  size_t consumed() const { return position_; }

  // After kNeedMore: how many bytes the bulk being read still lacks; 0 if that is not known.
  size_t wanted() const { return wanted_; }

  // After kError: one line.
  std::string_view error_text() const { return error_; }

  // After kError: whether the reply was just larger than it may be.
  bool too_large() const { return too_large_; }

 private:
  bool IsWhole() const { return depth_ == 0 && pending_[0] == 0; }
  ParseStatus Fail(std::string_view error);
  ParseStatus FailTooLarge();
  ParseStatus Read(std::string_view buffer);
  bool Descend(const ReplyElement& element);

  size_t max_reply_bytes_;
  // Offsets into the buffer, which may move between two calls.
  size_t position_ = 0;  // the element being read; after kDone the end
  size_t scanned_ = 0;   // there is no LF from position_ up to here
  size_t wanted_ = 0;
  std::string_view error_;  // a literal
  bool too_large_ = false;

  // How many elements are still missing: pending_[0] of the whole reply, 1 or 0, then of each
  // aggregate or attribute around the next element, depth_ of them.
  std::array<uint32_t, kMaxReplyDepth + 1> pending_{1};
  size_t depth_ = 0;
};

// Whether `bytes` are one whole reply and nothing else, as ReplyReader takes it.
[[nodiscard]] bool IsWholeReply(std::string_view bytes);

// Walks over the elements of one whole reply in the order they were sent, depth first.
//
// Thread safety: none. Cost: O(n) over the whole walk, no allocation.
class ReplyCursor {
 public:
  // `reply` is what a ReplyReader found whole (a ReplyFramer asks for less), and must outlive the
  // cursor and the elements.
  explicit ReplyCursor(std::string_view reply) : rest_(reply) {}

  // The next element, or false behind the last.
  [[nodiscard]] bool Next(ReplyElement* element);

 private:
  std::string_view rest_;
};

}  // namespace rp::resp
