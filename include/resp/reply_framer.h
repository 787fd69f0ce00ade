// ReplyFramer: finds the end of a server's reply, in RESP2 and RESP3, for replies that are passed
// on byte for byte. Hides: the part of the grammar that this needs, which is less than ReplyCursor
// checks. A script can make Redis send replies nested to any depth, and big numbers of any letters;
// refusing these would fail all commands that share the connection.
//
// The framer looks at types and lengths only. It refuses what leaves the end unknown, and with it
// the state of the connection: an unknown type, a malformed length, a bulk without its CR LF,
// streamed strings and aggregates, a push inside a reply.
//
// There is no stack: missing_ counts the elements still to come on all levels together. A reply is
// whole when it is 0.
//
//   element                      missing_
//   a line, a bulk, a null       - 1
//   an aggregate of n            - 1 + n   (a map: 2n)
//   an attribute of n pairs      + 2n      (the element that it belongs to follows)
//
// Owner: a connection to Redis. It owns a counter and no memory: the bytes stay in the caller's
// buffer.
// Thread safety: one thread at a time.
// Cost: O(n) in the bytes of lines and in the elements, however they are cut into calls; O(1) for a
// bulk of any size and for any depth; no allocation.
#pragma once

#include <cstddef>
#include <string_view>

#include "resp/grammar.h"

namespace rp::resp {

class ReplyFramer {
 public:
  // Maximum bytes between the type of a bulk or aggregate and its CR LF.
  static constexpr size_t kMaxLengthDigits = 20;

  // A reply of more than `max_reply_bytes` as it is sent is an error, reported as soon as that is
  // certain.
  explicit ReplyFramer(size_t max_reply_bytes) : max_reply_bytes_(max_reply_bytes) {}

  // Parses `buffer`, which is everything received from the first byte of this reply on. It may have
  // moved and grown since the last call, but its earlier bytes are unchanged.
  //
  // Returns kDone if the first consumed() bytes are one whole reply, or a push, with the attributes
  // before it. The caller drops them before the next call, which parses the next reply. Returns
  // kNeedMore if the reply is incomplete. Returns kError with error_text(), in all further calls
  // too. The same bytes give the same results however they are cut.
  [[nodiscard]] ParseStatus Parse(std::string_view buffer);

  // After kDone: returns the bytes of the reply, from the first byte of `buffer`.
  [[nodiscard]] size_t consumed() const { return position_; }

  // After kDone: returns whether it was a push, which answers no command.
  [[nodiscard]] bool is_push() const { return type_ == '>'; }

  // After kNeedMore: returns how many bytes of the current bulk are missing, or 0 if that is not
  // known.
  [[nodiscard]] size_t wanted() const { return wanted_; }

  // After kError: returns what was received in place of a reply, in one line.
  [[nodiscard]] std::string_view error_text() const { return error_; }

  // After kError: returns whether the reply was well formed so far, but too large.
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
  size_t scanned_ = 0;   // no CR LF ends between position_ and here
  size_t wanted_ = 0;
  size_t missing_ = 1;      // elements, on all levels together; 0 after kDone
  char type_ = '\0';        // of the reply itself; NUL before that is known
  std::string_view error_;  // a literal
  bool too_large_ = false;
};

}  // namespace rp::resp
