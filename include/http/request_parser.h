// RequestParser: the incremental, pure parser of a request head: HTTP/1.0 and HTTP/1.1, request
// line and fields up to the empty line. Hides: the grammar of RFC 9112, every limit, and what makes
// a head ambiguous. Whatever two servers might read differently (two lengths, a length and a
// coding, bare CR, folded lines) is an error here, so that a body cannot hide a second request
// (request smuggling).
//
//   kRequestLine --request line--> kFields --empty line--> kDone
//     | ^                            | ^
//     +-+ leading empty line         +-+ field line
//
// An error ends any state: error_ is then set, and state_ no longer matters. Each line is collected
// until its LF; CheckLimits sees it while it grows, and TakeLine once it is complete.
//
// Owner: an HTTP session has one and calls Reset between requests. The parser owns a few offsets
// and no memory: the bytes stay in the caller's buffer.
// Thread safety: one thread at a time.
// Cost: O(n) in the bytes of the head however they are cut into calls; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/parse_status.h"

namespace rp::http {

enum class Method : unsigned char {
  kGet,
  kHead,
  kOptions,
  kOtherKnown,  // POST PUT DELETE PATCH CONNECT TRACE
  kUnknown,     // any other token
};

// The limits of HTTP requests. A value at its limit is accepted, one above it is an error.
// REQUIRES: the sum of the limits of the head is below 4 GiB.
struct Limits {
  size_t leading_empty_lines = 8;     // before the request line
  size_t request_line_bytes = 16384;  // without its line end; RFC 9112 section 3 wants >= 8000
  size_t header_line_bytes = 16384;   // one field line without its line end
  size_t header_bytes = 65536;        // all field lines and the empty line, with their line ends
  size_t header_count = 100;          // field lines
  uint64_t body_bytes = uint64_t{1} << 20;  // the largest request body that is skipped
};

// A parsed head. Its views are slices of the buffer of the call that returned kDone (or constants),
// and are valid as long as that buffer stays in place.
struct RequestHead {
  Method method = Method::kUnknown;
  // Path and query, beginning with '/'; "*" for `OPTIONS *`; the authority for CONNECT. An
  // absolute-form is reduced to path and query; an empty path becomes "/", without the query.
  std::string_view target;
  int minor_version = 1;         // 0 or 1; a higher HTTP/1.x is treated as 1.1
  bool keep_alive = false;       // the connection may persist (RFC 9112 section 9.3)
  bool expect_continue = false;  // the client waits for 100 before it sends its body
  bool chunked = false;          // the body is chunked; content_length is 0 then
  uint64_t content_length = 0;
  // The preconditions (RFC 9110 section 13) that matter to answers without validators: an If-Match
  // with tags is always false, and an If-None-Match of "*" is true only if there is no value.
  bool if_match_tags = false;
  bool if_none_match_any = false;
  std::string_view authorization;  // the raw value, or empty

  bool has_body() const { return chunked || content_length != 0; }
};

enum class HeadError : unsigned char;

class RequestParser {
 public:
  // `limits` must outlive the parser.
  explicit RequestParser(const Limits& limits);
  explicit RequestParser(const Limits&&) = delete;

  // Parses `buffer`, which is everything received from the first byte of this request on. It may
  // have moved and grown since the last call, but its earlier bytes are unchanged. Bytes after the
  // head are ignored.
  //
  // Returns kDone with *head set and consumed() as its size; the caller calls Reset before the next
  // request. Returns kNeedMore if the head is incomplete. Returns kError for an invalid head,
  // as soon as the line is complete or over its limit; the caller answers error_status() and
  // closes, and every further call returns kError too. The same bytes give the same result however
  // they are cut.
  [[nodiscard]] ParseStatus Parse(std::string_view buffer, RequestHead* head);

  // After kDone: returns the bytes of the head, its empty line included.
  size_t consumed() const { return line_start_; }

  // After kError: return 400, 414, 431, 501 (unknown transfer coding) or 505, and the reason in one
  // line.
  int error_status() const;
  std::string_view error_text() const;

  // Returns whether a byte was seen that is not part of a leading empty line. From then on a client
  // that stops sending has an incomplete request (408); before, it is idle.
  bool started() const { return started_; }

  // Begins the next request.
  void Reset() { *this = RequestParser(*limits_); }

 private:
  enum class State : unsigned char { kRequestLine, kFields, kDone };

  HeadError CheckLimits(size_t line_bytes, size_t end) const;
  HeadError TakeLine(std::string_view line);
  HeadError TakeRequestLine(std::string_view line);
  HeadError TakeTarget(std::string_view method, std::string_view target, size_t offset);
  HeadError TakeField(std::string_view line);
  HeadError TakeKnownField(std::string_view name, std::string_view value, size_t offset);
  HeadError TakeHost(std::string_view value);
  HeadError TakeContentLength(std::string_view value);
  void TakeConnection(std::string_view value);
  void TakeExpect(std::string_view value);
  void TakeTransferEncoding(std::string_view value);
  HeadError Finish();
  void Fill(std::string_view buffer, RequestHead* head) const;

  const Limits* limits_;
  uint64_t content_length_ = 0;

  // Offsets into the buffer, which may move between two calls.
  uint32_t line_start_ = 0;    // the line being collected; after kDone the end of the head
  uint32_t scanned_ = 0;       // no LF is between line_start_ and here
  uint32_t fields_start_ = 0;  // the end of the request line
  uint32_t target_start_ = 0;
  uint32_t target_bytes_ = 0;  // 0: the target is "/"
  uint32_t authorization_start_ = 0;
  uint32_t authorization_bytes_ = 0;
  uint32_t line_count_ = 0;  // leading empty lines, then field lines

  State state_ = State::kRequestLine;
  HeadError error_{};
  Method method_ = Method::kUnknown;
  unsigned char minor_version_ = 1;
  bool started_ : 1 = false;
  bool has_host_ : 1 = false;
  bool has_content_length_ : 1 = false;
  bool has_transfer_encoding_ : 1 = false;
  bool has_authorization_ : 1 = false;
  bool says_close_ : 1 = false;
  bool says_keep_alive_ : 1 = false;
  bool expects_continue_ : 1 = false;
  bool if_match_tags_ : 1 = false;
  bool if_none_match_any_ : 1 = false;
  bool has_chunked_ : 1 = false;       // "chunked" is among the transfer codings
  bool chunked_twice_ : 1 = false;     // more than once
  bool chunked_is_last_ : 1 = false;   // the final one
  bool has_other_coding_ : 1 = false;  // there are others
};

// Every connection has one.
static_assert(sizeof(RequestParser) <= 64);

}  // namespace rp::http
