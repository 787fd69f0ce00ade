// Reads over a request body without keeping it: no request of ours has a use for one, but the next
// request begins behind it. Hides: the chunked coding, and what a body may cost before the
// connection is worth less than closing it. Framing is read strictly (CRLF only, the extension and
// trailer grammar checked), because a lenient reading is how two servers come to disagree on where
// a body ends.
//
// Thread safety: none; one thread at a time. Cost: O(n), O(1) per call for the data of a chunk or
// of a counted body; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/request_parser.h"

namespace rp::http {

class BodySkipper {
 public:
  // Begins the body that `head` announces. `limit_bytes` bounds what is read of it in all: data,
  // and for chunked bodies the chunk sizes, extensions and trailers as well.
  void Start(const RequestHead& head, uint64_t limit_bytes);

  // Reads `bytes`, which follow those of the last call, and sets *consumed to how many belonged to
  // the body. kDone: the body is over, and was already if *consumed is 0. kNeedMore: all of `bytes`
  // were consumed. kError: malformed, or over the limit (as soon as the announced length shows it);
  // the caller closes, and further calls say kError too.
  [[nodiscard]] ParseStatus Skip(std::string_view bytes, size_t* consumed);

  // After kError: whether the body is malformed, and not just over the limit.
  [[nodiscard]] bool malformed() const { return state_ == State::kError; }

 private:
  // The grammar of RFC 9112 section 7.1; each state says what comes next.
  enum class State : unsigned char {
    kDone,
    kError,
    kTooLarge,
    kCounted,          // data of a body with Content-Length
    kFirstSizeDigit,   // chunk-size
    kSize,             // more of it, or what ends it
    kBeforeExtension,  // BWS, then ';'
    kExtensionName,    // BWS, then the first octet of chunk-ext-name
    kExtension,        // the rest of the extension
    kQuoted,           // inside the quoted-string of an extension
    kQuotedPair,       // behind its backslash
    kSizeLineFeed,     // the LF of the chunk-size line
    kData,             // chunk-data
    kDataReturn,       // the CR behind it
    kDataLineFeed,     // and the LF
    kTrailerStart,     // a trailer field, or the CR of the last line
    kTrailerName,      // the rest of a field name, or ':'
    kTrailerValue,     // the field value, or the CR behind it
    kTrailerLineFeed,  // the LF of a trailer field
    kLastLineFeed,     // the LF of the last line
  };

  [[nodiscard]] bool failed() const {
    return state_ == State::kError || state_ == State::kTooLarge;
  }
  State Next(char c);
  State AddSizeDigit(char c);

  uint64_t left_bytes_ = 0;    // of the counted body or of the chunk; while in kSize, its size
  uint64_t budget_bytes_ = 0;  // what may still be read
  State state_ = State::kDone;
};

}  // namespace rp::http
