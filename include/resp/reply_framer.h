// Finds where a server's reply ends, in RESP2 and RESP3, and nothing else: for what is passed on
// byte for byte. Hides: what of the grammar that takes, which is less than ReplyCursor asks for. A
// script can have Redis send replies nested to any depth and a big number of any letters, and they
// are not ours to refuse: whoever shares the connection would pay for it.
//
// It owns a counter and no memory: the bytes stay in the caller's buffer. What a line holds that is
// not a length is not looked at. Refused is what leaves the end unknown, and with it the
// connection: another first byte, a length that is none, a bulk without its CR LF, streamed strings
// and aggregates, a push inside a reply.
//
// Thread safety: none; one thread at a time. Cost: O(n) in the bytes of lines and in the elements,
// however they are cut into calls, O(1) for a bulk of any size and for any depth; no allocation.
#pragma once

#include <cstddef>
#include <string_view>

#include "resp/grammar.h"

namespace rp::resp {

class ReplyFramer {
 public:
  // The most bytes between the type of a bulk or an aggregate and its CR LF.
  static constexpr size_t kMaxLengthDigits = 20;

  // A reply of more than `max_reply_bytes` as it is sent is an error, as soon as that is certain.
  explicit ReplyFramer(size_t max_reply_bytes) : max_reply_bytes_(max_reply_bytes) {}

  // `buffer` is everything received from the first byte of this reply on: it may have moved since
  // the last call, and grown, but its earlier bytes are unchanged.
  //
  // kDone: consumed() bytes are one whole reply, or a push, with the attributes before it; before
  // the next call, which reads the next reply, drop them. kNeedMore: call again with more. kError:
  // error_text(), from then on. The same bytes give the same answers however they are cut.
  [[nodiscard]] ParseStatus Parse(std::string_view buffer);

  // After kDone: bytes of the reply, from the first byte of `buffer`.
  [[nodiscard]] size_t consumed() const { return position_; }

  // After kDone: whether it was a push, which nobody asked for.
  [[nodiscard]] bool is_push() const { return type_ == '>'; }

  // After kNeedMore: how many bytes the bulk being read still lacks; 0 if that is not known.
  [[nodiscard]] size_t wanted() const { return wanted_; }

  // After kError: one line.
  [[nodiscard]] std::string_view error_text() const { return error_; }

  // After kError: whether the reply was just larger than it may be.
  [[nodiscard]] bool too_large() const { return too_large_; }

 private:
  ParseStatus Read(std::string_view buffer);
  ParseStatus ReadLength(std::string_view buffer, char type, size_t line_end);
  ParseStatus ReadBulk(std::string_view buffer, size_t line_end, size_t bytes);
  bool FindLineEnd(std::string_view buffer, size_t* line_end);
  void EndElement(char type, size_t end);
  ParseStatus Fail(std::string_view error);
  ParseStatus FailTooLarge();

  size_t max_reply_bytes_;
  // Offsets into the buffer, which may move between two calls.
  size_t position_ = 0;  // the element being read; after kDone the end
  size_t scanned_ = 0;   // no CR LF ends from position_ up to here
  size_t wanted_ = 0;
  size_t missing_ = 1;      // elements, on all levels together; 0 after kDone
  char type_ = '\0';        // of the reply itself; NUL before that is known
  std::string_view error_;  // a literal
  bool too_large_ = false;
};

}  // namespace rp::resp
