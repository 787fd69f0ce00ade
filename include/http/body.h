// BodySkipper: reads over a request body without keeping it. This program never uses a body, but
// the next request begins after it. Hides: the chunked coding, and how large a body may be. Framing
// is parsed strictly (CRLF only, with the grammar of extensions and trailers checked), because
// lenient parsing lets two servers disagree on where a body ends.
//
// Owner: an HTTP session.
// Thread safety: one thread at a time.
// Cost: O(n); O(1) per call for the data of a chunk or of a counted body; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/request_parser.h"

namespace rp::http {

class BodySkipper {
 public:
  // Begins the body that `head` announces. At most `limit_bytes` of it are read in all: data, and
  // for chunked bodies also the chunk sizes, extensions and trailers.
  void Start(const RequestHead& head, uint64_t limit_bytes);

  // Reads `bytes`, which follow those of the last call, and sets *consumed to how many belong to
  // the body. Returns kDone at the end of the body; kNeedMore if all of `bytes` were consumed;
  // kError if the body is malformed or over the limit, which the announced length may show at once.
  // After kError the caller closes the connection, and further calls return kError too.
  [[nodiscard]] ParseStatus Skip(std::string_view bytes, size_t* consumed);

  // After kError: returns whether the body is malformed, and not just over the limit.
  [[nodiscard]] bool malformed() const { return state_ == State::kError; }

 private:
  // The grammar of RFC 9112 section 7.1; each state is named for what comes next.
  //
  //   counted body  kCounted -> kDone
  //   chunk         kFirstSizeDigit -> kSize -> (extension) -> kSizeLineFeed -> kData
  //                   -> kDataReturn -> kDataLineFeed -> kFirstSizeDigit
  //   extension     kBeforeExtension -> kExtensionName -> kExtension <-> kQuoted <-> kQuotedPair
  //   last chunk    size 0: kSizeLineFeed -> kTrailerStart
  //   trailer       kTrailerStart -> kTrailerName -> kTrailerValue -> kTrailerLineFeed
  //                   -> kTrailerStart
  //   end           kTrailerStart -> kLastLineFeed -> kDone
  //
  // From any state, another octet leads to kError, and a spent budget to kTooLarge.
  enum class State : unsigned char {
    kDone,
    kError,
    kTooLarge,
    kCounted,          // the data of a body with Content-Length
    kFirstSizeDigit,   // chunk-size
    kSize,             // more of chunk-size, or its end
    kBeforeExtension,  // BWS, then ';'
    kExtensionName,    // BWS, then the first octet of chunk-ext-name
    kExtension,        // the rest of the extension
    kQuoted,           // inside the quoted-string of an extension
    kQuotedPair,       // the character after its backslash
    kSizeLineFeed,     // the LF of the chunk-size line
    kData,             // chunk-data
    kDataReturn,       // the CR after the data
    kDataLineFeed,     // and its LF
    kTrailerStart,     // a trailer field, or the CR of the last line
    kTrailerName,      // the rest of a field name, or ':'
    kTrailerValue,     // the field value, or the CR after it
    kTrailerLineFeed,  // the LF of a trailer field
    kLastLineFeed,     // the LF of the last line
  };

  [[nodiscard]] bool failed() const {
    return state_ == State::kError || state_ == State::kTooLarge;
  }
  State Next(char c);
  State AddSizeDigit(char c);

  uint64_t left_bytes_ = 0;    // of the counted body or of the chunk; in kSize the size so far
  uint64_t budget_bytes_ = 0;  // how much may still be read
  State state_ = State::kDone;
};

}  // namespace rp::http
